"""The parts a drawn person consists of, what colours them in each modality, and which joints lie in which part."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from star.synthetic.person import Garment, Outfit
from star.types import NUMBER_OF_JOINTS, Modality

SKIN_BRIGHTNESS = 0.97
FACE_BRIGHTNESS = 1.0


class Part(IntEnum):
    """Value of a pixel in the part map; 0 is background. `_L` and `_R` are the person's own left and right."""

    FACE = 1
    HAIR = 2
    NECK = 3
    TORSO = 4
    TORSO_PATTERN = 5
    HIPS = 6
    SKIRT = 7
    BAG = 8
    STRAP = 9
    UPPER_ARM_L = 10
    UPPER_ARM_R = 11
    FOREARM_L = 12
    FOREARM_R = 13
    HAND_L = 14
    HAND_R = 15
    SLEEVE_L = 16
    SLEEVE_R = 17
    SLEEVE_PATTERN_L = 18
    SLEEVE_PATTERN_R = 19
    THIGH_L = 20
    THIGH_R = 21
    SHANK_L = 22
    SHANK_R = 23
    LEG_PATTERN_L = 24
    LEG_PATTERN_R = 25
    SHOE_L = 26
    SHOE_R = 27
    HEM = 28


PARTS = max(Part) + 1


def paint(outfit: Outfit, modality: Modality) -> np.ndarray:
    """[parts c] float32 in 0..1, c = 3 visible (RGB) or 1 infrared; row 0, the background, is zero."""
    visible = modality == "visible"

    def first(garment: Garment) -> tuple[float, ...]:
        return garment.colour if visible else (garment.brightness,)

    def second(garment: Garment) -> tuple[float, ...]:
        return garment.second_colour if visible else (garment.second_brightness,)

    skin = outfit.skin if visible else (SKIN_BRIGHTNESS,)
    long = outfit.sleeves == "long"
    covered = outfit.cut == "trousers"
    table = np.zeros((PARTS, 3 if visible else 1), np.float32)
    colours: dict[Part, tuple[float, ...]] = {
        Part.FACE: outfit.skin if visible else (FACE_BRIGHTNESS,),
        Part.HAIR: first(outfit.hair),
        Part.NECK: skin,
        Part.TORSO: first(outfit.upper),
        Part.TORSO_PATTERN: second(outfit.upper),
        Part.HEM: first(outfit.upper),
        Part.HIPS: first(outfit.lower),
        Part.SKIRT: first(outfit.lower),
        Part.BAG: first(outfit.bag),
        Part.STRAP: first(outfit.bag),
    }
    for side in "LR":
        colours[Part[f"HAND_{side}"]] = skin
        colours[Part[f"UPPER_ARM_{side}"]] = first(outfit.upper) if long else skin
        colours[Part[f"FOREARM_{side}"]] = first(outfit.upper) if long else skin
        colours[Part[f"SLEEVE_{side}"]] = first(outfit.upper)
        colours[Part[f"SLEEVE_PATTERN_{side}"]] = second(outfit.upper)
        colours[Part[f"THIGH_{side}"]] = first(outfit.lower) if covered else skin
        colours[Part[f"SHANK_{side}"]] = first(outfit.lower) if covered else skin
        colours[Part[f"LEG_PATTERN_{side}"]] = second(outfit.lower)
        colours[Part[f"SHOE_{side}"]] = first(outfit.shoes)
    if outfit.cut == "shorts":
        for side in "LR":
            colours[Part[f"LEG_PATTERN_{side}"]] = first(outfit.lower)
    for part, colour in colours.items():
        table[part] = colour
    return table


def _own_parts() -> np.ndarray:
    """[j parts] bool: a joint whose pixel shows one of these parts is not hidden by the body."""
    arm, leg = ("UPPER_ARM", "SLEEVE", "SLEEVE_PATTERN"), ("HIPS", "HEM", "SKIRT", "TORSO", "TORSO_PATTERN")
    own = np.zeros((NUMBER_OF_JOINTS, PARTS), bool)

    def allow(joint: int, *parts: str) -> None:
        own[joint, [Part[part] for part in parts]] = True

    for joint in (0, 1, 2):
        allow(joint, "FACE")
    for index, side in enumerate("LR"):
        fore = (f"FOREARM_{side}", f"HAND_{side}")
        allow(3 + index, "FACE", "HAIR")
        allow(5 + index, "TORSO", "TORSO_PATTERN", "STRAP", "NECK", *(f"{part}_{side}" for part in arm))
        allow(7 + index, f"FOREARM_{side}", *(f"{part}_{side}" for part in arm))
        allow(9 + index, "SLEEVE_" + side, "SLEEVE_PATTERN_" + side, *fore)
        allow(11 + index, *leg, "STRAP", f"THIGH_{side}", f"LEG_PATTERN_{side}")
        allow(13 + index, "SKIRT", "HEM", f"THIGH_{side}", f"SHANK_{side}", f"LEG_PATTERN_{side}")
        allow(15 + index, f"SHANK_{side}", f"SHOE_{side}", f"LEG_PATTERN_{side}")
    return own


OWN_PARTS = _own_parts()
