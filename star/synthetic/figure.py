"""The drawn walker: limbs, trunk, head, clothes and bag as outlines, and which of the joints the body itself hides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from star.synthetic.body_parts import OWN_PARTS, Part
from star.synthetic.camera import Crop, View
from star.synthetic.canvas import OVERSAMPLING, Canvas
from star.synthetic.outline import Trunk, ellipsoid
from star.synthetic.person import Body, Outfit, Person
from star.synthetic.walk import Walk

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_SIDES = "LR"


class Drawing(NamedTuple):
    """A drawn walk.

    Attributes:
        maps: [t h w 2] uint8, `OVERSAMPLING` times the stored frame: `Part` (0 = background) and shade (128 = as the
            colour is).
        joints: [t 17 2] true joints in pixels of the stored frame.
        hidden: [t 17] bool, behind another part of the body.
    """

    maps: np.ndarray
    joints: np.ndarray
    hidden: np.ndarray


def extent(person: Person, walk: Walk, view: View) -> np.ndarray:
    """[t n 2] points on the image plane that bound the body: what a detector would box."""
    crown = walk.head + 0.58 * person.body.head * walk.head_axes[:, 2]
    trunk = _trunk(person.body, walk).silhouette(np.array([0.0, 0.62]), view.axes[0])
    points = [walk.joints, walk.hands, walk.toes, walk.heels, crown[:, None], trunk]
    return view.project(np.concatenate(points, axis=1))[0]


def draw(person: Person, walk: Walk, view: View, crop: Crop, light: tuple[float, float], shading: float) -> Drawing:
    """Draws every frame of a walk."""
    canvas = Canvas(view, crop, light, shading)
    trunk = _trunk(person.body, walk)
    for side in (0, 1):
        _add_leg(canvas, person, walk, side)
        _add_arm(canvas, person, walk, side)
    _add_trunk(canvas, person.outfit, walk, trunk)
    _add_head(canvas, person, walk)
    _add_bag(canvas, person, walk, trunk)
    maps = canvas.fill(_depths(canvas, person, walk))
    joints = canvas.place(walk.joints)
    return Drawing(maps, joints, _hidden(canvas, walk, maps, joints))


def _trunk(body: Body, walk: Walk) -> Trunk:
    hip, waist, chest, shoulder = body.hip_width, body.waist_width, body.chest_width, body.shoulder
    return Trunk(
        walk.pelvis,
        walk.neck,
        walk.pelvis_axes,
        walk.shoulder_axes,
        widths=np.array([1.15 * hip, 1.05 * hip, hip, waist, chest, 1.0 * shoulder, 0.45 * shoulder]),
        depths=body.depth * np.array([1.15, 1.1, 1.08, 0.98, 1.05, 0.85, 0.45]),
    )


def _add_leg(canvas: Canvas, person: Person, walk: Walk, side: int) -> None:
    body, outfit, letter = person.body, person.outfit, _SIDES[side]
    group = f"leg_{letter}"
    hip, knee, ankle = (walk.joints[:, joint + side] for joint in (11, 13, 15))
    loose = 1.18 if outfit.cut == "trousers" else 1.0
    thigh, calf, end = (loose * body.leg_radius * factor for factor in (1.35, 0.95, 0.62))
    canvas.limb(group, Part[f"SHOE_{letter}"], (walk.heels[:, side], walk.toes[:, side]), (0.045, 0.038))
    canvas.limb(group, Part[f"SHANK_{letter}"], (knee, ankle), (calf, end))
    canvas.limb(group, Part[f"THIGH_{letter}"], (hip, knee), (thigh, calf))
    pattern = Part[f"LEG_PATTERN_{letter}"]
    if outfit.cut == "shorts":
        canvas.limb(group, pattern, (hip, hip + 0.72 * (knee - hip)), (1.12 * thigh, 1.3 * calf))
    elif outfit.cut == "trousers" and outfit.lower.pattern is not None:
        if outfit.lower.pattern in ("vertical", "block"):
            out = (1 - 2 * side) * walk.pelvis_axes[:, 1]
            seen = canvas.facing(out, knee) > 0.1
            line = tuple(point + 0.6 * radius * out for point, radius in ((hip, thigh), (knee, calf), (ankle, end)))
            canvas.limb(group, pattern, line[:2], (0.25 * thigh, 0.3 * calf), light=False, seen=seen)
            canvas.limb(group, pattern, line[1:], (0.3 * calf, 0.4 * end), light=False, seen=seen)
        else:
            low, high = knee + 0.25 * (ankle - knee), knee + 0.55 * (ankle - knee)
            canvas.limb(group, pattern, (low, high), (calf, 0.9 * calf))


def _add_arm(canvas: Canvas, person: Person, walk: Walk, side: int) -> None:
    body, outfit, letter = person.body, person.outfit, _SIDES[side]
    group, sleeve = f"arm_{letter}", Part[f"SLEEVE_{letter}"]
    shoulder, elbow, wrist = (walk.joints[:, joint + side] for joint in (5, 7, 9))
    long = outfit.sleeves == "long"
    radius = body.arm_radius * (1.15 if long else 1.0)
    canvas.limb(group, Part[f"HAND_{letter}"], (wrist, walk.hands[:, side]), (0.030, 0.036))
    canvas.limb(group, Part[f"FOREARM_{letter}"], (elbow, wrist), (0.95 * radius, 0.72 * radius))
    canvas.limb(group, Part[f"UPPER_ARM_{letter}"], (shoulder, elbow), (1.1 * radius, radius))
    if not long:
        canvas.limb(group, sleeve, (shoulder, shoulder + 0.6 * (elbow - shoulder)), (1.15 * radius, 1.35 * radius))
    pattern = Part[f"SLEEVE_PATTERN_{letter}"]
    if outfit.upper.pattern == "horizontal":
        ends = ((shoulder, elbow), (elbow, wrist))[: 2 if long else 1]
        for a, b in ends:
            low, high = a + 0.3 * (b - a), a + 0.5 * (b - a)
            canvas.limb(group, pattern, (low, high), (1.1 * radius, 1.05 * radius), light=False)
    elif outfit.upper.pattern == "two_tone":
        canvas.limb(group, pattern, (shoulder, shoulder + 0.5 * (elbow - shoulder)), (1.15 * radius, 1.15 * radius))


def _add_trunk(canvas: Canvas, outfit: Outfit, walk: Walk, trunk: Trunk) -> None:
    right, lit = canvas.view.axes[0], canvas.lit_side()
    low, high = sorted((0.05 * lit, 0.72 * lit))

    def cover(group: str, part: int, heights: np.ndarray) -> None:
        canvas.outline(group, part, trunk.silhouette(heights, right), brighter=-0.06, convex=False)
        canvas.outline(group, part, trunk.silhouette(heights, right, low, high), brighter=0.2, convex=False)

    cover("hips", Part.HIPS, np.array([-0.16, 0.0, 0.2]))
    if outfit.cut == "skirt":
        hem = walk.joints[:, 13:15].mean(axis=1) + 0.1 * (walk.pelvis - walk.joints[:, 13:15].mean(axis=1))
        wide = 0.06 + np.abs(walk.joints[:, 13] - walk.joints[:, 14]) @ np.abs(right) / 2 + 0.09
        edge = wide[:, None] * right
        waist = trunk.silhouette(np.array([-0.05, 0.2]), right)
        points = np.stack([hem - edge, waist[:, 0], waist[:, 1], waist[:, 2], waist[:, 3], hem + edge], axis=1)
        canvas.outline("hips", Part.SKIRT, points, convex=False)
        inner = (points - hem[:, None]) * 0.55 + hem[:, None] + 0.25 * lit * edge[:, None]
        canvas.outline("hips", Part.SKIRT, inner, brighter=0.15, convex=False)
    if outfit.hem < 0:
        cover("hem", Part.HEM, np.array([outfit.hem, 0.0, 0.1]))
    canvas.limb("trunk", Part.NECK, (walk.neck - 0.02 * walk.shoulder_axes[:, 2], walk.head), (0.055, 0.05))
    cover("trunk", Part.TORSO, np.array([max(outfit.hem, -0.05), 0.15, 0.3, 0.62, 0.86, 0.97]))
    _add_pattern(canvas, outfit, trunk, right)


def _add_pattern(canvas: Canvas, outfit: Outfit, trunk: Trunk, right: np.ndarray) -> None:
    pattern, part, count = outfit.upper.pattern, Part.TORSO_PATTERN, outfit.upper.count
    bottom = max(outfit.hem, 0.0)
    if pattern == "horizontal":
        edges = np.linspace(bottom + 0.06, 0.92, 2 * count)
        for low, high in zip(edges[::2], edges[1::2], strict=True):
            canvas.outline("trunk", part, trunk.silhouette(np.array([low, high]), right))
    elif pattern == "two_tone":
        canvas.outline("trunk", part, trunk.silhouette(np.array([0.55, 0.86, 0.97]), right), convex=False)
    elif pattern == "vertical":
        for middle in np.arange(2 * count) * 180 / count + 90 / count:
            _add_patch(canvas, trunk, np.array([bottom, 0.3, 0.62, 0.88]), middle, 40 / count)
    elif pattern == "block":
        for middle in (90.0, 270.0):
            _add_patch(canvas, trunk, np.array([0.42, 0.62, 0.80]), middle, 12.0 * count**0.6)


def _add_patch(canvas: Canvas, trunk: Trunk, heights: np.ndarray, middle: float, half: float) -> None:
    """A piece of the trunk's surface, `half` degrees to both sides of `middle`."""
    around = np.concatenate([np.full(len(heights), middle - half), np.full(len(heights), middle + half)])
    points, out = trunk.surface(np.concatenate([heights, heights[::-1]]), around)
    seen = canvas.facing(out.mean(axis=1), points.mean(axis=1)) > 0.15
    canvas.outline("trunk", Part.TORSO_PATTERN, points, seen=seen, convex=False)


def _add_head(canvas: Canvas, person: Person, walk: Walk) -> None:
    unit, axes, head = person.body.head, walk.head_axes, walk.head
    forward, up = axes[:, 0], axes[:, 2]
    camera = canvas.view.axes
    skull = head + unit * (0.05 * up - 0.06 * forward)
    canvas.outline("head", Part.HAIR, ellipsoid(skull, axes, (0.42 * unit, 0.33 * unit, 0.50 * unit), camera))
    shine = ellipsoid(head + unit * (0.22 * up - 0.1 * forward), axes, (0.25 * unit, 0.2 * unit, 0.18 * unit), camera)
    canvas.outline("head", Part.HAIR, shine, brighter=0.25)
    face = head + unit * (0.15 * forward - 0.08 * up)
    seen = canvas.facing(forward, head) > -0.45
    canvas.outline("head", Part.FACE, ellipsoid(face, axes, (0.25 * unit, 0.29 * unit, 0.41 * unit), camera), seen=seen)
    lit = ellipsoid(face, axes, (0.14 * unit, 0.15 * unit, 0.24 * unit), camera)
    canvas.outline("head", Part.FACE, lit, brighter=0.18, seen=seen)
    length = person.outfit.hair_length
    if length > 0:
        top, bottom = head - 0.15 * unit * forward, head - unit * (0.28 * forward + (0.35 + 0.75 * length) * up)
        canvas.limb("hair", Part.HAIR, (top, bottom), (0.36 * unit, 0.26 * unit))


def _add_bag(canvas: Canvas, person: Person, walk: Walk, trunk: Trunk) -> None:
    outfit, size = person.outfit, person.outfit.bag_size
    side = 0 if outfit.bag_side > 0 else 1
    if outfit.bag_kind == "backpack":
        axes = walk.shoulder_axes
        behind, _ = trunk.surface(np.array([0.55]), np.array([270.0]))
        centre = behind[:, 0] - 0.09 * size * axes[:, 0]
        corners = centre[:, None] + (_CORNERS * size * [0.10, 0.15, 0.23]) @ axes
        canvas.hull("backpack", Part.BAG, corners, brighter=-0.05)
        pocket = centre - 0.06 * size * axes[:, 0] - 0.08 * size * axes[:, 2]
        pocket_corners = pocket[:, None] + (_CORNERS * size * [0.06, 0.11, 0.10]) @ axes
        canvas.hull("backpack", Part.BAG, pocket_corners, brighter=0.22)
        for angle in (50.0, 130.0):
            _add_strap(canvas, trunk, np.array([0.5, 0.72, 0.94]), np.full(3, angle))
    elif outfit.bag_kind == "shoulder":
        hip, _ = trunk.surface(np.array([0.0]), np.array([180.0 * side]))
        _add_box(canvas, "side_bag", hip[:, 0], walk.pelvis_axes, np.array([0.17, 0.06, 0.13]) * size)
        start, end = (140.0, 10.0) if side == 0 else (40.0, 170.0)
        for sign in (1, -1):
            _add_strap(canvas, trunk, np.linspace(0.92, 0.1, 5), sign * np.linspace(start, end, 5))
    elif outfit.bag_kind == "hand":
        hang = walk.hands[:, side] - np.array([0.0, 0.0, 0.20 * size])
        _add_box(canvas, f"arm_{_SIDES[side]}", hang, walk.pelvis_axes, np.array([0.17, 0.06, 0.15]) * size)


def _add_box(canvas: Canvas, group: str, centre: np.ndarray, axes: np.ndarray, half: np.ndarray) -> None:
    canvas.hull(group, Part.BAG, centre[:, None] + (_CORNERS * half) @ axes, brighter=-0.08)
    canvas.hull(group, Part.BAG, centre[:, None] + (_CORNERS * half * [0.7, 0.7, 0.75]) @ axes, brighter=0.15)


def _add_strap(canvas: Canvas, trunk: Trunk, heights: np.ndarray, degrees: np.ndarray) -> None:
    heights, degrees = np.concatenate([heights, heights[::-1]]), np.concatenate([degrees - 7, degrees[::-1] + 7])
    points, out = trunk.surface(heights, degrees)
    seen = canvas.facing(out.mean(axis=1), points.mean(axis=1)) > 0.1
    canvas.outline("trunk", Part.STRAP, points, seen=seen, convex=False)


def _depths(canvas: Canvas, person: Person, walk: Walk) -> dict[str, np.ndarray]:
    """[t] drawing place of each group, far ones low."""
    frames = len(walk.joints)
    body, outfit = person.body, person.outfit

    def distance(joint: int) -> np.ndarray:
        return canvas.view.project(walk.joints[:, joint])[1]

    legs = [distance(13 + side) + distance(15 + side) for side in (0, 1)]
    middle = canvas.view.project((walk.pelvis + walk.neck) / 2)[1]
    left = canvas.facing(walk.shoulder_axes[:, 1], walk.neck)
    front = canvas.facing(walk.shoulder_axes[:, 0], walk.neck)
    depths = {
        "hips": np.full(frames, 2.0),
        "hem": np.full(frames, 2.5),
        "trunk": np.full(frames, 4.0),
        "head": np.full(frames, 5.0),
        "hair": np.where(front > 0.0, 3.9, 5.1),
        "backpack": np.where(front > 0.15, 3.5, 4.5),
        "side_bag": np.where((left if outfit.bag_side > 0 else -left) > 0, 5.7, -0.5),
    }
    for side in (0, 1):
        arm = (distance(7 + side) + distance(9 + side)) / 2
        depths[f"leg_{_SIDES[side]}"] = np.where(legs[side] > legs[1 - side], 0.0, 1.0)
        depths[f"arm_{_SIDES[side]}"] = np.where(arm > middle + 0.6 * body.depth, -1.0, 6.0)
    return depths


def _hidden(canvas: Canvas, walk: Walk, maps: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """[t 17] bool: another part is drawn over the joint, or the joint is on the far side of the head."""
    height, width = maps.shape[1:3]
    cells = np.rint(OVERSAMPLING * joints + (OVERSAMPLING - 1) / 2).astype(int)
    x, y = np.clip(cells[..., 0], 0, width - 1), np.clip(cells[..., 1], 0, height - 1)
    shown = maps[np.arange(len(maps))[:, None], y, x, 0]
    hidden = ~OWN_PARTS[np.arange(joints.shape[1]), shown] & (shown > 0)
    outward = walk.joints[:, :5] - walk.head[:, None]
    towards = canvas.view.towards(walk.joints[:, :5])
    facing = np.sum(outward * towards, axis=-1) / np.linalg.norm(outward, axis=-1)
    hidden[:, :5] |= facing < np.array([-0.1] * 3 + [-0.25] * 2)
    return hidden
