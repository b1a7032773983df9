"""The canvas: outlines of one walk in pixels, filled into part maps, far ones first."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from star.synthetic.camera import Crop, View
from star.synthetic.outline import capsule

OVERSAMPLING = 2
NEUTRAL_SHADE = 128
_SHIFT = 4


class _Shape(NamedTuple):
    """A filled outline: points [t n 2] or one array a frame (16ths of a canvas pixel), shade [t], seen [t]."""

    group: str
    part: int
    points: np.ndarray | list[np.ndarray]
    shade: np.ndarray
    seen: np.ndarray | None
    convex: bool


class Canvas:
    """One walk seen by one camera through one crop.

    Shapes belong to groups (arms, trunk, ...); groups are drawn in the order of their depth, the shapes of a group in
    the order they were added.

    Args:
        view: from where.
        crop: the detector's box.
        light: [2] direction of the light in the frame, x right and y down.
        shading: 0..1, strength of the light.
    """

    def __init__(self, view: View, crop: Crop, light: tuple[float, float], shading: float):
        self.view, self.crop = view, crop
        self._light, self._shading = np.array(light), shading
        self._frames = len(crop.scale)
        self._shapes: list[_Shape] = []

    def place(self, points: np.ndarray) -> np.ndarray:
        """[t n 2] pixels of the stored frame of points [t n 3]."""
        return self.crop.place(self.view.project(points)[0])

    def pixels(self, metres: float, points: np.ndarray) -> np.ndarray:
        """[t] pixels of the stored frame that `metres` measure at points [t 3]."""
        return metres * self.crop.scale / self.view.project(points)[1]

    def facing(self, direction: np.ndarray, points: np.ndarray) -> np.ndarray:
        """[t] cosine between directions [t 3] at points [t 3] and the line to the camera."""
        length = np.linalg.norm(direction, axis=-1)
        return np.sum(direction * self.view.towards(points), axis=-1) / length

    def limb(
        self,
        group: str,
        part: int,
        ends: tuple[np.ndarray, np.ndarray],
        radii: tuple[float, float],
        *,
        light: bool = True,
        seen: np.ndarray | None = None,
    ) -> None:
        """A capsule between two points [t 3] with radii in metres, and a lighter strip on its lit side."""
        a, b = self.place(np.stack(ends, axis=1)).swapaxes(0, 1)
        radius_a, radius_b = self.pixels(radii[0], ends[0]), self.pixels(radii[1], ends[1])
        shade = self._depth_shade(ends[1])
        self._add(group, part, capsule(a, b, radius_a, radius_b), shade, seen)
        if light:
            lit_a, lit_b = (end + 0.45 * r[:, None] * self._light for end, r in ((a, radius_a), (b, radius_b)))
            lit = capsule(lit_a, lit_b, 0.5 * radius_a, 0.5 * radius_b)
            self._add(group, part, lit, shade * (1 + 0.32 * self._shading), seen)

    def outline(
        self,
        group: str,
        part: int,
        points: np.ndarray,
        *,
        brighter: float = 0.0,
        seen: np.ndarray | None = None,
        convex: bool = True,
    ) -> None:
        """A polygon of points [t n 3]; `brighter` is its relative shade at full shading."""
        shade = np.full(self._frames, NEUTRAL_SHADE * (1 + brighter * self._shading))
        self._add(group, part, self.place(points), shade, seen, convex)

    def hull(self, group: str, part: int, points: np.ndarray, *, brighter: float = 0.0) -> None:
        """The convex hull of points [t n 3]."""
        placed = self.place(points).astype(np.float32)
        hulls = [cv2.convexHull(frame)[:, 0] for frame in placed]
        shade = np.full(self._frames, NEUTRAL_SHADE * (1 + brighter * self._shading))
        self._shapes.append(_Shape(group, part, [_subpixels(hull) for hull in hulls], shade, None, True))

    def lit_side(self) -> float:
        """-1 when the light comes from the left of the frame, 1 from the right."""
        return float(np.sign(self._light[0]))

    def fill(self, depth: dict[str, np.ndarray]) -> np.ndarray:
        """[t h w 2] uint8 maps of part and shade; `depth` gives each group its place [t], low ones are drawn first."""
        height, width = (OVERSAMPLING * n for n in self.crop.size)
        maps = np.zeros((self._frames, height, width, 2), np.uint8)
        places = np.stack([depth[shape.group] for shape in self._shapes], axis=1)
        order = np.argsort(places, axis=1, kind="stable")
        for t, frame in enumerate(maps):
            for index in order[t]:
                _, part, points, shade, seen, convex = self._shapes[index]
                if seen is not None and not seen[t]:
                    continue
                colour = (part, min(max(int(shade[t]), 1), 255))
                if convex:
                    cv2.fillConvexPoly(frame, points[t], colour, shift=_SHIFT)
                else:
                    cv2.fillPoly(frame, [points[t]], colour, shift=_SHIFT)
        return maps

    def _depth_shade(self, points: np.ndarray) -> np.ndarray:
        """[t] limbs behind the middle of the body are a little darker."""
        behind = self.view.project(points)[1] - self.view.project(np.zeros((1, 3)))[1]
        middle = behind - behind.mean()
        return NEUTRAL_SHADE * (1 - self._shading * np.clip(0.08 + 0.35 * middle, -0.1, 0.3))

    def _add(
        self,
        group: str,
        part: int,
        points: np.ndarray,
        shade: np.ndarray,
        seen: np.ndarray | None = None,
        convex: bool = True,
    ) -> None:
        self._shapes.append(_Shape(group, part, _subpixels(points), shade, seen, convex))


def _subpixels(points: np.ndarray) -> np.ndarray:
    canvas = OVERSAMPLING * points + (OVERSAMPLING - 1) / 2
    return np.rint(canvas * (1 << _SHIFT)).astype(np.int32)
