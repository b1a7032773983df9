"""An identity: body proportions, gait, and what the person wears.

Nothing else in the generator depends on the identity. Every trait is drawn from the identity's own random stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from star.synthetic.levels import Levels

PATTERNS = ("horizontal", "vertical", "block", "two_tone")


class Material(NamedTuple):
    """How a fabric looks in infrared: brightness in 0..1 of the camera's range."""

    brightness: float
    spread: float


MATERIALS = {
    "cotton": Material(0.66, 0.06),
    "denim": Material(0.52, 0.06),
    "wool": Material(0.40, 0.06),
    "fleece": Material(0.30, 0.06),
    "nylon": Material(0.80, 0.06),
    "leather": Material(0.20, 0.05),
}


@dataclass(frozen=True)
class Body:
    """Lengths in metres; widths and depths are half axes."""

    height: float
    hip_height: float
    thigh: float
    shank: float
    foot: float
    torso: float
    neck: float
    head: float
    shoulder: float
    hip: float
    upper_arm: float
    forearm: float
    chest_width: float
    waist_width: float
    hip_width: float
    depth: float
    arm_radius: float
    leg_radius: float


@dataclass(frozen=True)
class Gait:
    """Angles in radians, cadence in cycles a second, bounce and sway in metres."""

    hip_swing: float
    knee_flexion: float
    arm_swing: float
    elbow: float
    elbow_swing: float
    cadence: float
    arm_phase: float
    bounce: float
    sway: float
    lean: float
    head_nod: float
    pelvis_turn: float
    shoulder_turn: float
    arm_spread: float
    toe_out: float
    asymmetry: float


@dataclass(frozen=True)
class Garment:
    """Colours are RGB in 0..1, brightness is the infrared one; `second` belongs to the pattern."""

    colour: tuple[float, float, float]
    second_colour: tuple[float, float, float]
    brightness: float
    second_brightness: float
    pattern: str | None = None
    count: int = 4


@dataclass(frozen=True)
class Outfit:
    """What the person wears and carries; garments are shared by all walks of the identity."""

    upper: Garment
    lower: Garment
    shoes: Garment
    hair: Garment
    bag: Garment
    skin: tuple[float, float, float]
    sleeves: str
    cut: str
    hem: float
    hair_length: float
    bag_kind: str | None
    bag_side: int
    bag_size: float


@dataclass(frozen=True)
class Person:
    """One identity."""

    body: Body
    gait: Gait
    outfit: Outfit


def draw_person(levels: Levels, seed: int, identity: int) -> Person:
    """The identity of this number; the same whatever else is drawn."""
    return Person(
        body=_draw_body(np.random.default_rng((seed, 1, identity)), levels.body_variation),
        gait=_draw_gait(np.random.default_rng((seed, 2, identity)), levels.gait_variation),
        outfit=_draw_outfit(np.random.default_rng((seed, 3, identity)), levels),
    )


def _draw_body(rng: np.random.Generator, variation: float) -> Body:
    def around(mean: float, spread: float) -> float:
        return mean * (1 + variation * spread * float(np.clip(rng.standard_normal(), -2, 2)))

    height = around(1.72, 0.055)
    hip_height = height * around(0.52, 0.035)
    thigh = (hip_height - 0.08) * around(0.505, 0.035)
    build = around(1.0, 0.15)
    shoulder = height * around(0.108, 0.09) * (0.7 + 0.3 * build)
    hip = height * around(0.056, 0.12)
    head = around(0.225, 0.05)
    neck = height * around(0.045, 0.18)
    return Body(
        height=height,
        hip_height=hip_height,
        thigh=thigh,
        shank=hip_height - 0.08 - thigh,
        foot=height * around(0.125, 0.06),
        torso=height - hip_height - neck - head,
        neck=neck,
        head=head,
        shoulder=shoulder,
        hip=hip,
        upper_arm=height * around(0.172, 0.05),
        forearm=height * around(0.150, 0.05),
        chest_width=shoulder * around(0.86, 0.05) * (0.75 + 0.25 * build),
        waist_width=height * around(0.082, 0.08) * build,
        hip_width=hip + height * around(0.045, 0.08) * build,
        depth=height * around(0.064, 0.08) * build,
        arm_radius=height * around(0.027, 0.08) * build**0.8,
        leg_radius=height * around(0.042, 0.08) * build**0.8,
    )


def _draw_gait(rng: np.random.Generator, variation: float) -> Gait:
    def around(mean: float, deviation: float) -> float:
        return mean + variation * deviation * float(np.clip(rng.standard_normal(), -2, 2))

    return Gait(
        hip_swing=around(0.43, 0.07),
        knee_flexion=around(0.95, 0.15),
        arm_swing=around(0.42, 0.15),
        elbow=around(0.35, 0.16),
        elbow_swing=around(0.25, 0.10),
        cadence=around(0.95, 0.10),
        arm_phase=around(0.0, 0.30),
        bounce=around(0.012, 0.006),
        sway=around(0.020, 0.009),
        lean=around(0.05, 0.045),
        head_nod=around(0.08, 0.09),
        pelvis_turn=around(0.10, 0.04),
        shoulder_turn=around(0.12, 0.05),
        arm_spread=around(0.13, 0.05),
        toe_out=around(0.12, 0.08),
        asymmetry=around(0.0, 0.08),
    )


def _draw_outfit(rng: np.random.Generator, levels: Levels) -> Outfit:
    upper = _draw_garment(rng, levels, ("cotton", "wool", "fleece", "nylon", "leather", "denim"), levels.patterns)
    lower = _draw_garment(rng, levels, ("denim", "cotton", "wool", "nylon", "leather"), 0.5 * levels.patterns)
    shoes = _draw_garment(rng, levels, ("leather", "nylon", "cotton"), 0.0)
    bag = _draw_garment(rng, levels, ("nylon", "leather", "denim", "fleece"), 0.0)
    hair = np.array(_HAIR[rng.integers(len(_HAIR))]) * rng.uniform(0.8, 1.2)
    skin = np.array(_SKIN[0]) + rng.random() * (np.array(_SKIN[1]) - np.array(_SKIN[0]))
    hair_brightness = float(rng.uniform(0.25, 0.5))
    hair_colour = _rgb(hair)
    with_bag = rng.random() < levels.bags
    kind = ("backpack", "shoulder", "hand")[rng.integers(3)]
    return Outfit(
        upper=upper,
        lower=lower,
        shoes=shoes,
        bag=bag,
        hair=Garment(hair_colour, hair_colour, hair_brightness, hair_brightness),
        skin=_rgb(skin),
        sleeves=("long", "long", "short")[rng.integers(3)],
        cut=("trousers", "trousers", "trousers", "shorts", "skirt")[rng.integers(5)],
        hem=float(rng.choice([-0.02, 0.06, -0.10, -0.45], p=[0.4, 0.25, 0.2, 0.15])),
        hair_length=float(rng.choice([0.0, 0.35, 1.0], p=[0.55, 0.2, 0.25])),
        bag_kind=kind if with_bag else None,
        bag_side=int(rng.choice([-1, 1])),
        bag_size=float(rng.uniform(0.8, 1.25)),
    )


_HAIR = ((0.07, 0.06, 0.06), (0.20, 0.13, 0.09), (0.33, 0.21, 0.12), (0.62, 0.50, 0.30), (0.55, 0.54, 0.53))
_SKIN = ((0.38, 0.25, 0.19), (0.90, 0.73, 0.63))


def _draw_garment(rng: np.random.Generator, levels: Levels, materials: tuple[str, ...], patterned: float) -> Garment:
    """Colour and material are drawn independently of each other; `infrared_link` mixes what infrared sees of both."""
    colour, second = _draw_colour(rng), _draw_colour(rng)
    material = MATERIALS[materials[rng.integers(len(materials))]]
    other = MATERIALS[materials[rng.integers(len(materials))]]
    brightness = float(np.clip(material.brightness + material.spread * rng.standard_normal(), 0.05, 0.92))
    second_brightness = float(np.clip(other.brightness + other.spread * rng.standard_normal(), 0.05, 0.92))
    has_pattern = rng.random() < patterned
    shows = rng.random() < levels.infrared_patterns
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    count = int(rng.integers(3, 7))
    return Garment(
        colour=_rgb(colour),
        second_colour=_rgb(second),
        brightness=_seen_in_infrared(brightness, colour, levels.infrared_link),
        second_brightness=_seen_in_infrared(second_brightness if shows else brightness, second, levels.infrared_link),
        pattern=pattern if has_pattern else None,
        count=count,
    )


def _seen_in_infrared(material: float, colour: np.ndarray, link: float) -> float:
    """Infrared brightness of a fabric, of which the share `link` comes from how light its colour is (Rec. 601)."""
    return (1 - link) * material + link * (0.1 + 0.8 * float(colour @ (0.299, 0.587, 0.114)))


def _draw_colour(rng: np.random.Generator) -> np.ndarray:
    """[3] RGB in 0..1: half of the garments are nearly grey, the others coloured, as in a street."""
    hue, value = rng.random(), float(rng.choice([rng.uniform(0.07, 0.35), rng.uniform(0.35, 0.88)]))
    saturation = rng.uniform(0.0, 0.15) if rng.random() < 0.5 else rng.uniform(0.25, 0.75)
    ramp = np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return value * (1 - saturation + saturation * ramp)


def _rgb(colour: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(x) for x in np.clip(colour, 0, 1))
    return red, green, blue
