"""Anaglyphs: frames as reliefs of their grey values, in which the modalities are more alike (IBAN, TCSVT 2023).

out(y, x) = I(y+1, x+1) - I(y, x) + 128, cut to 0..255; 0 in the last row and column.

The release writes them to JPEG files once; here they are made of the stored frame as it is read, so no compression
comes between. A frame of one grey is one of 128.
"""

from __future__ import annotations

import cv2
import numpy as np

_LEVEL = 128


def anaglyph(grey: np.ndarray) -> np.ndarray:
    """The relief of grey values, [h w] uint8 -> the same shape."""
    relief = np.zeros_like(grey)
    if min(grey.shape) > 1:
        relief[:-1, :-1] = cv2.addWeighted(grey[1:, 1:], 1, grey[:-1, :-1], -1, _LEVEL)
    return relief


def anaglyph_frame(frame: np.ndarray) -> np.ndarray:
    """The relief of a frame, [h w 3] uint8, RGB -> the same shape, three equal channels."""
    return cv2.cvtColor(anaglyph(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)), cv2.COLOR_GRAY2RGB)
