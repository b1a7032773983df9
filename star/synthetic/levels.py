"""Every level of the generated data set, its limits, and the fingerprint under which a generated set is found again."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from star.errors import ConfigError, Problem

VERSION = 1
SHORTEST_TRACKLET = 12
MOST_IDENTITIES = 9999
KEY = "dataset.generate"


@dataclass(frozen=True)
class Levels:
    """What is drawn, how much of it, and how hard it is made; conf/dataset/synthetic.yaml holds the default values.

    Attributes:
        train_identities, test_identities: persons of the two splits, disjoint.
        visible_views, infrared_views: one camera each; degrees between the walking direction and the camera
            (0 front, 90 side, 180 back).
        tracklets: walks of each identity past each camera.
        frames: shortest and longest tracklet.
        height, width: pixels of a stored frame.
        frame_rate: frames a second.
        body_variation, gait_variation: 1 = people as different as in life, 0 = all alike.
        gait_jitter: relative change of the gait from walk to walk of one person.
        patterns: share of upper and lower garments with a pattern.
        bags: share of identities with a bag.
        view_jitter: standard deviation of the walking direction in degrees.
        reverse: share of walks in the opposite direction.
        clutter: amount of background objects, 1 = about fifty in a scene.
        shading, shadow: strength of the light on the body and of the shadow on the ground, 0..1.
        tint, exposure: largest relative change of a visible camera's colour channels and of its brightness.
        visible_noise, infrared_noise: standard deviation of the sensor noise, share of full scale.
        infrared_contrast: share of full scale between cold and hot.
        infrared_patterns: share of patterns made of two materials, hence seen in infrared.
        infrared_link: share of a garment's infrared brightness that follows how light its colour is, the rest is its
            material: 0 = nothing to match by brightness, towards 1 = like near-infrared light close to the visible.
        occlusion: share of tracklets that pass behind an object.
        blur: largest standard deviation of the blur, pixels of a frame 128 high.
        low_resolution: largest factor by which a tracklet was filmed smaller than it is stored.
        crop_jitter: standard deviation of the crop's place and size, share of the person's height.
        jpeg_quality: lowest and highest quality of a camera.
        joint_noise: standard deviation of an estimated joint, share of the frame height.
        joint_noise_infrared: factor on it in infrared frames.
        joint_noise_hidden: factor on it for joints that cannot be seen.
        joint_swap: share of frames where left and right are taken for each other, arms and legs separately.
        joint_dropout: share of joints the estimator misses.
        skeleton_missing: share of frames without any skeleton.
    """

    train_identities: int
    test_identities: int
    visible_views: tuple[float, ...]
    infrared_views: tuple[float, ...]
    tracklets: int
    frames: tuple[int, int]
    height: int
    width: int
    frame_rate: float
    body_variation: float
    gait_variation: float
    gait_jitter: float
    patterns: float
    bags: float
    view_jitter: float
    reverse: float
    clutter: float
    shading: float
    shadow: float
    tint: float
    exposure: float
    visible_noise: float
    infrared_noise: float
    infrared_contrast: float
    infrared_patterns: float
    infrared_link: float
    occlusion: float
    blur: float
    low_resolution: float
    crop_jitter: float
    jpeg_quality: tuple[int, int]
    joint_noise: float
    joint_noise_infrared: float
    joint_noise_hidden: float
    joint_swap: float
    joint_dropout: float
    skeleton_missing: float


_RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "train_identities": (1, MOST_IDENTITIES),
    "test_identities": (1, MOST_IDENTITIES),
    "tracklets": (1, 99),
    "height": (32, 1024),
    "width": (16, 512),
    "frame_rate": (1, 240),
    "body_variation": (0, 2),
    "gait_variation": (0, 2),
    "gait_jitter": (0, 0.5),
    "patterns": (0, 1),
    "bags": (0, 1),
    "view_jitter": (0, 180),
    "reverse": (0, 1),
    "clutter": (0, 10),
    "shading": (0, 1),
    "shadow": (0, 1),
    "tint": (0, 0.9),
    "exposure": (0, 0.9),
    "visible_noise": (0, 1),
    "infrared_noise": (0, 1),
    "infrared_contrast": (0.01, 1),
    "infrared_patterns": (0, 1),
    "infrared_link": (0, 1),
    "occlusion": (0, 1),
    "blur": (0, 20),
    "low_resolution": (1, 8),
    "crop_jitter": (0, 0.3),
    "joint_noise": (0, 0.5),
    "joint_noise_infrared": (0, 10),
    "joint_noise_hidden": (0, 10),
    "joint_swap": (0, 1),
    "joint_dropout": (0, 1),
    "skeleton_missing": (0, 1),
}
_PAIRS: dict[str, tuple[int, int]] = {"frames": (SHORTEST_TRACKLET, 9999), "jpeg_quality": (1, 100)}
_VIEWS = ("visible_views", "infrared_views")
_WHOLE = {"seed", *(field.name for field in fields(Levels) if field.type == "int")}


def parse_levels(given: Mapping[str, Any]) -> tuple[Levels, int]:
    """Checks everything under `dataset.generate` and gives back the levels and the seed.

    Raises:
        ConfigError: unknown, missing or impossible levels, all of them in one error.
    """
    problems = find_problems(given)
    if problems:
        raise ConfigError(problems)
    values = dict(given)
    seed = values.pop("seed")
    for name in (*_PAIRS, *_VIEWS):
        values[name] = tuple(values[name])
    return Levels(**values), seed


def find_problems(given: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with the levels and the seed, keys under `dataset.generate`."""
    names = ["seed", *(field.name for field in fields(Levels))]
    problems = []
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            problems.append(Problem(f"{KEY}.{name}", "an unknown level", f"{near[0]}?" if near else ", ".join(names)))
    for name in names:
        expected = _expectation(name)
        if name not in given:
            problems.append(Problem(f"{KEY}.{name}", "nothing", expected))
        elif not _is_possible(name, given[name]):
            problems.append(Problem(f"{KEY}.{name}", repr(given[name]), expected))
    if not problems and given["train_identities"] + given["test_identities"] > MOST_IDENTITIES:
        expected = f"at most {MOST_IDENTITIES} train and test identities together, names have four digits"
        problems.append(Problem(f"{KEY}.test_identities", repr(given["test_identities"]), expected))
    return problems


def _expectation(name: str) -> str:
    if name in _VIEWS:
        return "a list of at least one viewing angle in degrees, one camera each"
    if name in _PAIRS:
        low, high = _PAIRS[name]
        return f"two whole numbers from {low} to {high}, the smaller first"
    low, high = _RANGES[name]
    kind = "a whole number" if name in _WHOLE else "a number"
    return f"{kind} from {low:g} to {high:g}"


def _is_possible(name: str, value: Any) -> bool:
    if name in _VIEWS or name in _PAIRS:
        if isinstance(value, str | bytes) or not hasattr(value, "__len__") or not hasattr(value, "__iter__"):
            return False
        items = list(value)
        if name in _VIEWS:
            return 1 <= len(items) <= 9 and all(_is_number(x) and -360 <= x <= 360 for x in items)
        low, high = _PAIRS[name]
        return len(items) == 2 and all(_is_whole(x) for x in items) and low <= items[0] <= items[1] <= high
    low, high = _RANGES[name]
    return (_is_whole if name in _WHOLE else _is_number)(value) and low <= value <= high


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def source_digest() -> str:
    """Hash of the generator's own source files: an old set is not taken for one of changed code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def fingerprint(levels: Levels, seed: int) -> str:
    """Hash of all that decides the pixels and joints: levels, seed, version and source of the generator."""
    content = {"levels": _plain(asdict(levels)), "seed": seed, "version": VERSION, "source": source_digest()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(levels: dict[str, Any]) -> dict[str, Any]:
    """15 and 15.0 are the same level, hence the same fingerprint."""
    plain: dict[str, Any] = {}
    for name, value in levels.items():
        many = isinstance(value, tuple)
        numbers = [x if name in _WHOLE or name in _PAIRS else float(x) for x in (value if many else (value,))]
        plain[name] = numbers if many else numbers[0]
    return plain
