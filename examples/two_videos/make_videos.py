"""Two short videos of the same generated people, one visible and one infrared, with track files as trackers write them.

    python examples/two_videos/make_videos.py FOLDER

writes day.mp4 with day.txt, night.mp4 with night.txt, and people.csv, which says which track is which person.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from star.config.compose import compose_run
from star.synthetic.camera import Camera, draw_cameras
from star.synthetic.levels import Levels, parse_levels
from star.synthetic.scene import draw_scene
from star.synthetic.sensor import Quality, film
from star.synthetic.tracklet import Passage, record

STEPS, APART = 48, 20
"""Frames of a walk through the image, and between the beginnings of two walks."""
NOT_FILMED_AT_NIGHT = 2


class Walker(NamedTuple):
    """A walk through the image.

    Attributes:
        identity, track: the person's number, and the walk's in the track file.
        first: frame of the video it begins in, from 0.
        frames: [t h w 3] uint8, BGR.
        cover: [t h w 1] float32, the person's pixels.
        left, top: [t] place of the box.
    """

    identity: int
    track: int
    first: int
    frames: np.ndarray
    cover: np.ndarray
    left: np.ndarray
    top: np.ndarray


def main() -> None:
    """Write both videos."""
    parser = argparse.ArgumentParser(description="Two short videos with track files.")
    parser.add_argument("folder", type=Path, help="made if needed")
    parser.add_argument("--people", type=int, default=8)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    levels, seed = people_of_the_demo()
    cameras = draw_cameras(levels, seed)
    first = levels.train_identities + 1
    people = list(range(first, first + options.people))
    told = []
    at_night = people[:-NOT_FILMED_AT_NIGHT][::-1]
    for name, modality, seen in (("day", "visible", people), ("night", "infrared", at_night)):
        camera = next(camera for camera in cameras if camera.modality == modality)
        walkers = [walk(levels, seed, camera, identity, n) for n, identity in enumerate(seen)]
        write(options.folder / name, levels, seed, camera, walkers)
        told += [(name, walker.track, walker.identity) for walker in walkers]
    with (options.folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("video", "track", "person"), *told])


def people_of_the_demo() -> tuple[Levels, int]:
    """The levels that `make demo` trains on, filmed larger; its network has not seen the people after the first 200."""
    larger = ["dataset.generate.height=128", "dataset.generate.width=64", "dataset.generate.occlusion=0"]
    composed, _ = compose_run(["dataset=synthetic_easy", *larger], "pack")
    return parse_levels(composed.dataset.generate)


def walk(levels: Levels, seed: int, camera: Camera, identity: int, number: int) -> Walker:
    """The `number`-th person to come into the image, from the left and from the right in turn."""
    filmed = record(levels, seed, Passage("test", identity, camera, 1, 1, STEPS))
    frames = np.broadcast_to(filmed.frames[..., ::-1], (*filmed.frames.shape[:3], 3))
    width, height = 10 * levels.width, int(2.5 * levels.height)
    way = np.linspace(-0.4 * levels.width, width - 0.6 * levels.width, STEPS)
    left = np.rint(way if number % 2 == 0 else way[::-1])
    top = np.full(STEPS, height - levels.height - 8 - 18 * (number % 3))
    return Walker(identity, number + 1, APART * number, frames, filmed.cover[..., None], left, top)


def write(path: Path, levels: Levels, seed: int, camera: Camera, walkers: Sequence[Walker]) -> None:
    """Write `path`.mp4 and `path`.txt."""
    rng = np.random.default_rng(seed)
    scene = draw_scene(levels, seed, camera.number, camera.modality)
    noise = levels.visible_noise if camera.modality == "visible" else levels.infrared_noise
    height, width = scene.shape[:2]
    rate = levels.frame_rate
    writer = cv2.VideoWriter(f"{path}.mp4", cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    lines = []
    for number in range(walkers[-1].first + STEPS):
        background = film(scene[None], camera, Quality(1, 0), noise, rng)[0][..., ::-1]
        frame = np.array(np.broadcast_to(background, (height, width, 3)))
        present = [walker for walker in walkers if 0 <= number - walker.first < STEPS]
        for walker in sorted(present, key=lambda walker: walker.top[0]):
            step = number - walker.first
            left, top = int(walker.left[step]), int(walker.top[step])
            paste(frame, walker.frames[step], walker.cover[step], left, top)
            box = (left, top, levels.width, levels.height)
            lines.append(f"{number + 1},{walker.track},{','.join(map(str, box))},0.95,-1,-1,-1\n")
        writer.write(frame)
    writer.release()
    path.with_suffix(".txt").write_text("".join(lines), encoding="utf-8")


def paste(frame: np.ndarray, person: np.ndarray, cover: np.ndarray, left: int, top: int) -> None:
    """Draw a person over a frame, as far as he is in it."""
    first, last = max(0, -left), min(person.shape[1], frame.shape[1] - left)
    place = frame[top : top + person.shape[0], left + first : left + last]
    share = cover[:, first:last]
    place[:] = np.rint(share * person[:, first:last] + (1 - share) * place)


if __name__ == "__main__":
    main()
