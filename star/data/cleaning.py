"""Temporal cleaning of the joints of a tracklet: short gaps filled, jitter filtered.

Both work joint by joint, on x and y in 0..1 of the stored frame (the stored frames of a tracklet differ in size), with
the number of the frame in the tracklet as time. Left and right are never exchanged, and a frame's other joints have no
say.

Interpolation. A gap is a run of frames in which the joint is missing, between two frames that have it. Gaps of at most
`max_gap` frames are filled: x and y are the value, at the missing frame, of the parabola that fits best the nearest
frames which have the joint, three on either side and none of them more than `max_gap` + 3 frames away, weighted by
confidence / distance. With fewer than two on a side it is a straight line. So unsure joints have little say, and a
constant velocity is met exactly whatever the confidences. The new confidence is that of the less sure neighbour of the
gap times 1 - d / (max_gap + 1), d = frames to the nearest of the two; so it is below both. Longer gaps and those at the
ends of a tracklet stay missing.

Filter. Each run of frames that have the joint, the filled ones included, is filtered by itself; confidences stay.
`savitzky_golay` is SciPy's (Savitzky and Golay 1964), polynomials of degree `order` over `window` frames; where a run
is shorter than the window, over the longest odd number of frames in it, and not at all if that is no more than `order`.
`one_euro` is the 1 euro filter of Casiez, Roussel and Vogel (CHI 2012) in its authors' package, with cut-offs in cycles
a frame. It looks back only and so lags; here a run is filtered forwards and backwards and the mean of both is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from star.bounds import Relation, number
from star.data.frame_joints import FrameJoints

FilterName = Literal["none", "savitzky_golay", "one_euro"]

_SUPPORT = 3
_DERIVATIVE_CUTOFF = 0.1


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What is cleaned and how: conf/dataset, key `cleaning`.

    Attributes:
        interpolate: fill gaps.
        max_gap: longest gap that is filled, frames.
        filter: "none", "savitzky_golay" or "one_euro".
        window: of the Savitzky-Golay filter, frames, odd.
        order: degree of its polynomials, below the window.
        min_cutoff: of the 1 euro filter at rest, cycles a frame.
        beta: how much its cut-off rises with the speed, cycles a frame for one frame height (or width) a frame.
    """

    interpolate: bool
    max_gap: int = number(minimum=1)
    filter: FilterName
    window: int = number(minimum=3)
    order: int = number(minimum=1)
    min_cutoff: float = number(above=0)
    beta: float = number(minimum=0)

    @property
    def used(self) -> bool:
        """Whether anything is done at all."""
        return self.interpolate or self.filter != "none"


RELATIONS = (
    Relation("window", lambda o, _: o.window % 2 == 1, "an odd number of frames"),
    Relation("order", lambda o, _: o.order < o.window, "less than dataset.cleaning.window={options.window}"),
)


def clean(tracklet: FrameJoints, options: Cleaning) -> FrameJoints:
    """Clean the joints of all frames of one tracklet, in time order.

    Args:
        tracklet: as the store has them.
        options: what to do.

    Returns:
        New joints; what is missing, not finite or low in the store stays marked as such.
    """
    joints = tracklet.joints.astype(np.float64)
    present = tracklet.present.copy()
    if options.interpolate:
        for joint in np.flatnonzero(~present.all(axis=0)):
            _fill_gaps(joints[:, joint], present[:, joint], options.max_gap)
    if options.filter != "none":
        for (first, end), members in _runs(present).items():
            joints[first:end, members, :2] = _filtered(joints[first:end, members, :2], options)
    return tracklet._replace(
        joints=joints.astype(np.float32), present=present, interpolated=present & ~tracklet.present
    )


def _fill_gaps(track: np.ndarray, present: np.ndarray, max_gap: int) -> None:
    """Fill the gaps of one joint in place; track is [t 3], present [t]."""
    times = np.flatnonzero(present)
    known = track[times]
    for place in np.flatnonzero(np.diff(times) > 1):
        before, after = int(times[place]), int(times[place + 1])
        if after - before - 1 > max_gap:
            continue
        confidence = min(known[place, 2], known[place + 1, 2])
        support = slice(max(0, place + 1 - _SUPPORT), place + 1 + _SUPPORT)
        for frame in range(before + 1, after):
            distance = times[support] - frame
            near = np.abs(distance) <= max_gap + _SUPPORT
            track[frame, :2] = _value_at_zero(distance[near], known[support][near])
            track[frame, 2] = confidence * (1 - min(frame - before, after - frame) / (max_gap + 1))
            present[frame] = True


def _value_at_zero(distance: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[2] at distance 0 of the curve fitted to known [k 3] at distances [k] on both sides of it."""
    degree = 2 if min((distance < 0).sum(), (distance > 0).sum()) > 1 else 1
    root = np.sqrt(known[:, 2] / np.abs(distance))[:, None]
    powers = np.vander(distance.astype(np.float64), degree + 1, increasing=True)
    return np.linalg.lstsq(powers * root, known[:, :2] * root, rcond=None)[0][0]


def _runs(present: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """(first frame, end) of each unbroken run in present [t j], and the joints that have it: usually all in one."""
    runs: dict[tuple[int, int], list[int]] = {}
    for joint in range(present.shape[1]):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], present[:, joint].astype(np.int8), [0]])))
        for first, end in edges.reshape(-1, 2).tolist():
            runs.setdefault((first, end), []).append(joint)
    return runs


def _filtered(points: np.ndarray, options: Cleaning) -> np.ndarray:
    """[t k 2] from [t k 2]."""
    if options.filter == "one_euro":
        return (_one_euro(points, options) + _one_euro(points[::-1], options)[::-1]) / 2
    window = min(options.window, len(points) - 1 + len(points) % 2)
    if window <= options.order:
        return points
    from scipy.signal import savgol_filter  # takes two seconds, which only those who filter should wait

    return savgol_filter(points, window, options.order, axis=0)


def _one_euro(points: np.ndarray, options: Cleaning) -> np.ndarray:
    from OneEuroFilter import OneEuroFilter  # which an exported model does without, unless it filters

    smooth = np.empty_like(points)
    for place in np.ndindex(points.shape[1:]):
        low_pass = OneEuroFilter(1.0, options.min_cutoff, options.beta, _DERIVATIVE_CUTOFF)
        smooth[(slice(None), *place)] = [low_pass(value) for value in points[(slice(None), *place)].tolist()]
    return smooth
