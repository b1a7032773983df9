"""Small data sets in the BUPTCampus layout for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from support.tiny_vcm import write_jpeg, write_skeletons

from star.data.skeleton_stores import HDF5_FILES

CAMERAS = ("LS3", "G25", "CQ1", "W4", "TSG1", "TSG2")
HEIGHT, WIDTH = 48, 24
FIRST_FRAME = 8535


class TinyBupt(NamedTuple):
    """A written data set.

    Attributes:
        root: its folder.
        keys: frame keys of "train" (with the auxiliary set) and "test", in the order of the lists.
    """

    root: Path
    keys: dict[str, list[str]]


class _Writer:
    """Collects the frame table while it writes frames."""

    def __init__(self, root: Path, frames: int, seed: int):
        self.root, self.frames = root, frames
        self.table: dict[str, dict[str, dict[str, dict[str, list[str]]]]] = {}
        self.random = np.random.default_rng(seed)

    def pair(self, identity: int, camera: str) -> int:
        """One tracklet in RGB, IR and FakeIR; gives its number."""
        known = self.table.setdefault(str(identity), {})
        number = len(known.get("RGB", {}).get(camera, {})) + 1
        colour = np.random.default_rng(identity).integers(40, 216, 3)
        for modality in ("RGB", "IR"):
            folder = f"{identity}/{modality}/{camera}"
            files = [
                f"{folder}/{identity}_{modality}_{camera}_{number}_{FIRST_FRAME + 100 * number + frame}.jpg"
                for frame in range(self.frames)
            ]
            known.setdefault(modality, {}).setdefault(camera, {})[str(number)] = files
            for file in files:
                shades = self.random.integers(-30, 31, (HEIGHT // 8, WIDTH // 8, 1)).repeat(8, 0).repeat(8, 1)
                picture = (colour + shades).clip(0, 255).astype(np.uint8)
                write_jpeg(self.root / "DATA" / file, picture if modality == "RGB" else picture[..., 0])
                if modality == "RGB":
                    write_jpeg(self.root / "DATA" / file.replace("/RGB/", "/FakeIR/"), 255 - picture[..., 1])
        return number


def write_tiny_bupt(
    root: Path,
    *,
    identities: int = 4,
    auxiliary: int = 2,
    infrared_queries: int = 3,
    visible_queries: int = 3,
    frames: int = 4,
    skeletons: bool = False,
    seed: int = 0,
) -> TinyBupt:
    """Write a data set with frames 48 x 24 in DATA and all five index files.

    Every training identity has a pair in two cameras, every auxiliary one a pair in one. Every test identity has one
    query and one gallery pair; the gallery pair is from the next camera, but of every third identity from the query's
    own, so that the same-camera filter leaves it without a match. Query and gallery lists mix the modalities.

    Args:
        root: folder to fill.
        identities: 1, 2, ... in train; auxiliary identities, then test identities follow on.
        auxiliary: their number; without any there is no train_auxiliary.txt.
        infrared_queries, visible_queries: test identities with a query of that modality, in turn while there are both.
        frames: of every tracklet.
        skeletons: also write both HDF5 files, see `tiny_vcm.write_skeletons`.
        seed: of the pixels.
    """
    writer = _Writer(root, frames, seed)
    lists: dict[str, list[str]] = {name: [] for name in ("train", "train_auxiliary", "query", "gallery")}
    for identity in range(1, identities + 1):
        for camera in (CAMERAS[identity % 6], CAMERAS[(identity + 1) % 6]):
            lists["train"].append(f"{identity} RGB/IR {camera} {writer.pair(identity, camera)}")
    start = identities + 1
    for identity in range(start, start + auxiliary):
        camera = CAMERAS[identity % 6]
        lists["train_auxiliary"].append(f"{identity} RGB/IR {camera} {writer.pair(identity, camera)}")
    start += auxiliary
    both = min(infrared_queries, visible_queries)
    modalities = ["IR", "RGB"] * both + ["IR"] * (infrared_queries - both) + ["RGB"] * (visible_queries - both)
    for place, modality in enumerate(modalities):
        identity, camera = start + place, CAMERAS[place % 6]
        other = camera if place % 3 == 2 else CAMERAS[(place + 1) % 6]
        lists["query"].append(f"{identity} {modality} {camera} {writer.pair(identity, camera)}")
        number = writer.pair(identity, other)
        lists["gallery"] += [f"{identity} {m} {other} {number}" for m in ("RGB", "IR")]
    for name, lines in lists.items():
        if not lines:
            continue
        (root / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    (root / "data_paths.json").write_text(json.dumps(writer.table))
    keys = {
        "train": _keys(writer.table, lists["train"] + lists["train_auxiliary"]),
        "test": _keys(writer.table, lists["query"] + lists["gallery"]),
    }
    if skeletons:
        for split, name in HDF5_FILES.items():
            write_skeletons(root / name, keys[split], keys[split])
    return TinyBupt(root, keys)


def _keys(table: dict, lines: list[str]) -> list[str]:
    keys = []
    for line in lines:
        identity, modalities, camera, number = line.split()
        for modality in reversed(modalities.split("/")):
            for file in table[identity][modality][camera][number]:
                keys.append(file.removesuffix(".jpg").replace(f"/{modality}/", f"/{modality.lower()}/"))
    return keys
