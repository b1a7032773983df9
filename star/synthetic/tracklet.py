"""One walk of one person past one camera: frames, joints, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from star.synthetic import figure
from star.synthetic.body_parts import paint
from star.synthetic.camera import Camera, draw_crop, look
from star.synthetic.estimator_errors import estimate
from star.synthetic.levels import Levels
from star.synthetic.person import Person, draw_person
from star.synthetic.scene import cast_shadow, cut_background, draw_occluder, draw_scene
from star.synthetic.sensor import colour_in, draw_quality, film
from star.synthetic.walk import draw_jitter, walk


class Passage(NamedTuple):
    """Which walk: the person, the camera, its number from 1, and the number of its first frame on disk."""

    split: str
    identity: int
    camera: Camera
    tracklet: int
    first: int
    frames: int


@dataclass(frozen=True)
class Recording:
    """What was filmed.

    Attributes:
        frames: [t h w c] uint8, c = 3 (RGB) visible, 1 infrared.
        joints: [t 17 3] float32, the estimator's x, y in pixels and confidence in 0..1.
        present: [t] bool, False where the estimator found nobody.
        true_joints: [t 17 2] pixels.
        hidden: [t 17] bool, covered by the body or an object.
        cover: [t h w] float32 in 0..1, the person's pixels.
    """

    frames: np.ndarray
    joints: np.ndarray
    present: np.ndarray
    true_joints: np.ndarray
    hidden: np.ndarray
    cover: np.ndarray


def record(levels: Levels, seed: int, passage: Passage) -> Recording:
    """Films one walk; depends on nothing but its arguments."""
    identity, camera = passage.identity, passage.camera
    person = _person(levels, seed, identity)
    rng = np.random.default_rng((seed, 6, identity, camera.number, passage.tracklet))
    size = (levels.height, levels.width)

    degrees = camera.view + levels.view_jitter * float(np.clip(rng.standard_normal(), -2, 2))
    if rng.random() < levels.reverse:
        degrees += 180
    view = look(camera, degrees, float(rng.uniform(7, 13)))
    steps = walk(person.body, person.gait, passage.frames, levels.frame_rate, draw_jitter(rng, levels.gait_jitter))
    crop = draw_crop(figure.extent(person, steps, view), size, levels.crop_jitter, rng)
    visible = camera.modality == "visible"
    shading = levels.shading * (1.0 if visible else 0.35)
    drawing = figure.draw(person, steps, view, crop, camera.light, shading)

    light, cover = colour_in(drawing.maps, paint(person.outfit, camera.modality), size)
    scene = _scene(levels, seed, camera)
    scale = crop.scale.mean()
    offsets = (crop.centre - crop.centre[0]) * scale
    picture = cut_background(scene, offsets, size, crop.scale / scale, rng)
    if visible and levels.shadow > 0:
        picture *= cast_shadow(cover, camera.light, levels.shadow)[..., None]
    picture *= (1 - cover)[..., None]
    picture += light
    hidden = drawing.hidden
    if rng.random() < levels.occlusion:
        front, look_of_it = draw_occluder(offsets, size, picture.shape[-1], rng)
        picture += front[..., None] * (look_of_it - picture)
        hidden = hidden | _covered(front, drawing.joints)

    quality = draw_quality(levels, rng)
    noise = levels.visible_noise if visible else levels.infrared_noise
    frames = film(picture, camera, quality, noise, rng)
    joints, present = estimate(drawing.joints, hidden, levels, camera.modality, quality, rng)
    return Recording(frames, joints, present, drawing.joints, hidden, cover)


def _covered(front: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """[t j] bool: the object `front` [t h w] lies over the joint."""
    height, width = front.shape[1:]
    cells = np.rint(joints).astype(int)
    x, y = np.clip(cells[..., 0], 0, width - 1), np.clip(cells[..., 1], 0, height - 1)
    return front[np.arange(len(front))[:, None], y, x] > 0.5


@lru_cache(maxsize=64)
def _person(levels: Levels, seed: int, identity: int) -> Person:
    return draw_person(levels, seed, identity)


@lru_cache(maxsize=32)
def _scene(levels: Levels, seed: int, camera: Camera) -> np.ndarray:
    return draw_scene(levels, seed, camera.number, camera.modality)
