"""The articulated walker: points of the body in metres at every frame of a walk.

World axes: x the walking direction, y to the walker's left, z up from the ground; the walk is centred on the origin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from star.synthetic.person import Body, Gait

LEFT, RIGHT = 0, 1
ANKLE_HEIGHT = 0.08


class Walk(NamedTuple):
    """One person over t frames, metres.

    Attributes:
        joints: [t 17 3] in COCO order.
        hands, toes, heels: [t 2 3], left then right.
        pelvis, neck, head: [t 3] centres.
        pelvis_axes, shoulder_axes, head_axes: [t 3 3], rows forward, left, up.
    """

    joints: np.ndarray
    hands: np.ndarray
    toes: np.ndarray
    heels: np.ndarray
    pelvis: np.ndarray
    neck: np.ndarray
    head: np.ndarray
    pelvis_axes: np.ndarray
    shoulder_axes: np.ndarray
    head_axes: np.ndarray


class WalkJitter(NamedTuple):
    """How one walk differs from the person's other walks; drawn without regard to the identity."""

    start: float
    swing: float
    cadence: float
    arms: float
    lean: float
    head_turn: float


def draw_jitter(rng: np.random.Generator, amount: float) -> WalkJitter:
    """`amount` is the relative standard deviation of the gait from walk to walk."""
    swing, cadence, arms, lean, turn = amount * np.clip(rng.standard_normal(5), -2.5, 2.5)
    return WalkJitter(
        start=float(rng.uniform(0, 2 * np.pi)),
        swing=1 + swing,
        cadence=1 + cadence,
        arms=1 + 2 * arms,
        lean=0.3 * lean,
        head_turn=5 * turn,
    )


def walk(body: Body, gait: Gait, frames: int, frame_rate: float, jitter: WalkJitter) -> Walk:
    """Positions of the body over `frames` frames, feet on the ground."""
    seconds = np.arange(frames) / frame_rate
    phase = 2 * np.pi * gait.cadence * jitter.cadence * seconds + jitter.start
    sides = np.array([1.0, -1.0])
    leg_phase = phase[:, None] + np.array([0.0, np.pi])

    swing = gait.hip_swing * jitter.swing * (1 + gait.asymmetry * sides)
    hip_angle = swing * np.sin(leg_phase) + 0.04
    knee = 0.10 + gait.knee_flexion * np.exp(2.2 * (np.cos(leg_phase + 0.55) - 1))
    shank_angle = hip_angle - knee

    pelvis_axes = _axes(-gait.pelvis_turn * np.sin(phase), np.full(frames, 0.3 * gait.lean))
    lean = np.full(frames, gait.lean + jitter.lean)
    shoulder_axes = _axes(gait.shoulder_turn * np.sin(phase), lean)
    nod = np.full(frames, gait.head_nod + 0.5 * gait.lean)
    head_axes = _axes(np.full(frames, jitter.head_turn), nod)

    pelvis = np.zeros((frames, 3))
    pelvis[:, 1] = gait.sway * np.sin(phase + 0.5)
    hips = pelvis[:, None] + body.hip * sides[:, None] * pelvis_axes[:, None, 1]
    knees = hips + body.thigh * _swung(hip_angle)
    ankles = knees + body.shank * _swung(shank_angle)
    foot = _foot_direction(0.75 * shank_angle, gait.toe_out * sides)
    drop = np.array([0.0, 0.0, -0.6 * ANKLE_HEIGHT])
    toes = ankles + 0.72 * body.foot * foot + drop
    heels = ankles - 0.22 * body.foot * foot + drop

    lowest = np.minimum(toes[..., 2], heels[..., 2]).min(axis=1)
    speed = 4 * body.hip_height * np.sin(gait.hip_swing * jitter.swing) * gait.cadence * jitter.cadence
    root = np.stack(
        [
            speed * (seconds - seconds[-1] / 2),
            np.zeros(frames),
            0.3 * ANKLE_HEIGHT - lowest + gait.bounce * (1 + np.cos(2 * phase)),
        ],
        axis=1,
    )

    neck = pelvis + body.torso * shoulder_axes[:, 2]
    shoulders = (
        neck[:, None]
        + body.shoulder * sides[:, None] * shoulder_axes[:, None, 1]
        - 0.18 * body.shoulder * shoulder_axes[:, None, 2]
    )
    arm_phase = leg_phase + np.pi + gait.arm_phase
    arm_angle = gait.arm_swing * jitter.arms * (1 - gait.asymmetry * sides) * np.sin(arm_phase) + 0.5 * gait.lean
    elbow_angle = gait.elbow + gait.elbow_swing * np.sin(arm_phase)
    spread = gait.arm_spread * sides
    elbows = shoulders + body.upper_arm * _swung(arm_angle, spread)
    fore = _swung(arm_angle + elbow_angle, 0.3 * spread)
    wrists = elbows + body.forearm * fore
    hands = wrists + 0.08 * fore

    head = neck + (body.neck + 0.5 * body.head) * _mean_up(shoulder_axes, head_axes)
    face = head[:, None] + body.head * (_FACE @ head_axes)
    joints = np.concatenate([face, _pairs(shoulders, elbows, wrists, hips, knees, ankles)], axis=1)
    joints, hands, toes, heels = (x + root[:, None] for x in (joints, hands, toes, heels))
    pelvis, neck, head = (x + root for x in (pelvis, neck, head))
    return Walk(joints, hands, toes, heels, pelvis, neck, head, pelvis_axes, shoulder_axes, head_axes)


# Nose, eyes and ears as forward, left, up in units of the head's height.
_FACE = np.array([[0.40, 0.0, -0.08], [0.34, 0.13, 0.07], [0.34, -0.13, 0.07], [0.02, 0.29, 0.0], [0.02, -0.29, 0.0]])


def _axes(turn: np.ndarray, lean: np.ndarray) -> np.ndarray:
    """[t 3 3] rows forward, left, up of a part turned about z, then leaning forward."""
    zero = np.zeros_like(turn)
    forward = np.stack([np.cos(turn), np.sin(turn), zero], axis=1)
    left = np.stack([-np.sin(turn), np.cos(turn), zero], axis=1)
    up = np.array([0.0, 0.0, 1.0])
    leaning = np.sin(lean)[:, None] * forward + np.cos(lean)[:, None] * up
    ahead = np.cos(lean)[:, None] * forward - np.sin(lean)[:, None] * up
    return np.stack([ahead, left, leaning], axis=1)


def _swung(angle: np.ndarray, spread: np.ndarray | float = 0.0) -> np.ndarray:
    """[t 2 3] directions of limbs that hang down, swung forward by `angle` and out by `spread`."""
    spread = np.broadcast_to(spread, angle.shape)
    return np.stack([np.sin(angle) * np.cos(spread), np.sin(spread), -np.cos(angle) * np.cos(spread)], axis=-1)


def _foot_direction(pitch: np.ndarray, out: np.ndarray) -> np.ndarray:
    out = np.broadcast_to(out, pitch.shape)
    return np.stack([np.cos(pitch) * np.cos(out), np.cos(pitch) * np.sin(out), np.sin(pitch)], axis=-1)


def _mean_up(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    up = first[:, 2] + second[:, 2]
    return up / np.linalg.norm(up, axis=1, keepdims=True)


def _pairs(*sides: np.ndarray) -> np.ndarray:
    """[t 2n 3] from n arrays [t 2 3]: left, right, left, right."""
    return np.concatenate(sides, axis=1)
