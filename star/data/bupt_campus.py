"""BUPTCampus (Du et al., TIFS 2023): aligned visible and infrared tracklets of six cameras.

Its queries are of both modalities and so is its gallery: i2v ranks the visible gallery for the infrared queries, v2i
the infrared gallery for the visible queries, and the four sets have nothing in common. Files: `star.data.bupt_lists`.

Protocols (facts from dyhBUPT/BUPTCampus, sampler.py, test.py and evaluation.py, and from workingcoder/M3-ReID,
data/manager.py and test_m3reid.py):

* `full`: all queries and the whole gallery, with the same-camera filter, as M3-ReID ranks them.
* `official_drop64`: the official test loader takes batches of 64 of one modality and cuts the visible list to fill
  them, queries and gallery alike: `visible[:-(n % 64)]`, in the order of the list file; infrared ones are all kept. The
  official evaluation has no same-camera filter.

Neither leaves out short tracklets. The auxiliary set has one tracklet pair of each of 930 further identities; the
official code trains a triplet loss on it under a curriculum weight, here its identities join the training set like any
other. The official option `--fake` reads all visible frames, in training and test, from `FakeIR`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Literal

from star.data.bupt_index import CampusIndex, missing_files, read_index
from star.data.bupt_lists import AUXILIARY_FILE, TEST_FILES, TRAIN_FILES
from star.data.folder import Folder
from star.data.hitsz_vcm import protocol_text
from star.data.sampler import unpaired_identities
from star.data.skeleton_source import check_origin, open_skeletons
from star.data.skeleton_stores import index_sha256
from star.errors import DataError
from star.types import Direction, Modality, Retrieval, Split, Tracklet, VideoReIDData

Protocol = Literal["full", "official_drop64"]

_BATCH = 64
_SIDES: dict[Direction, tuple[Modality, Modality]] = {"i2v": ("infrared", "visible"), "v2i": ("visible", "infrared")}
_PUBLISHED = {
    "training identities": 1_074,
    "training pairs": 3_574,
    "infrared queries": 536,
    "visible queries": 540,
    "infrared gallery tracklets": 2_422,
    "visible gallery tracklets": 2_422,
}
_PUBLISHED_AUXILIARY = {"auxiliary pairs": 930}
_PUBLISHED_DROP64 = {
    "visible queries kept": 512,
    "visible gallery tracklets kept": 2_368,
    "infrared queries with a match": 522,
}


def read_bupt_campus(
    root: Folder | str | None,
    *,
    protocol: Protocol = "full",
    same_camera_filter: bool | None = None,
    auxiliary: bool = False,
    fake_infrared: bool = False,
    skeletons: Path | str | None = None,
    min_frames: int = 1,
    name: str = "bupt_campus",
) -> VideoReIDData:
    """Read the index files and look which frames are there; frames are opened later, by the loader.

    Args:
        root: the data set's folder, with `DATA` and the index files, or a pack of it.
        protocol: which queries and gallery tracklets are ranked.
        same_camera_filter: leave gallery tracklets of the query's identity and camera out of its ranking; None: as
            the protocol was published, `full` with the filter, `official_drop64` without.
        auxiliary: train on the auxiliary set as well.
        fake_infrared: read the visible frames, in training and test, from `FakeIR`.
        skeletons: folder of the skeleton files; None searches the root and accepts that there are none.
        min_frames: shorter tracklets are left out of train, query and gallery.
        name: of the data set in results.

    Raises:
        DataError: something on disk is missing, malformed or contradicts itself; names file and line.
    """
    index = read_index(root)
    if auxiliary and AUXILIARY_FILE not in index.tracks:
        raise DataError(f"index file {index.root / AUXILIARY_FILE} is missing, and dataset.auxiliary=true trains on it")
    if same_camera_filter is None:
        same_camera_filter = protocol == "full"
    frames = index.frames(fake_infrared=fake_infrared)
    notes = [*index.notes]

    parts = {"train": [t for file in TRAIN_FILES[: 1 + auxiliary] for _, t in index.tracks[file]]}
    for file in TEST_FILES:
        for modality in ("infrared", "visible"):
            part = f"{modality} {file.removesuffix('.txt')}"
            parts[part] = [t for _, t in index.tracks[file] if t.modality == modality]
            if not parts[part]:
                raise DataError(f"{index.root / file} names no {modality} tracklet, expected both modalities")
    if protocol == "official_drop64":
        for part in ("visible query", "visible gallery"):
            parts[part] = _cut_to_batches(parts[part], part)
    notes += _differences_from_published(index, parts, protocol, auxiliary)
    parts = {part: [t for t in tracklets if len(t.frames) >= min_frames] for part, tracklets in parts.items()}
    for part, tracklets in parts.items():
        if not tracklets:
            raise DataError(
                f"{index.root}: no {part} tracklet has {min_frames} frames or more; lower dataset.min_frames or give "
                "another dataset.root"
            )
    notes += unpaired_identities(parts["train"])
    used = (TRAIN_FILES[: 1 + auxiliary], TEST_FILES)
    notes += missing_files(frames, [track for files in used for file in files for track in index.tracks[file]])

    sources = {"train": frames, "test": frames}
    stores = open_skeletons(index.root, None if skeletons is None else Path(skeletons), sources)
    if stores:
        for split, keys in index.keys().items():
            notes += check_origin(stores[split], keys=keys, index_sha256=index_sha256(keys), frames=frames)
    digest = hashlib.sha256()
    for file in index.files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for split in sorted(stores):
        digest.update(stores[split].provenance().encode())
    splits = {
        part: Split(part, frames, tuple(tracklets), stores.get("train" if part == "train" else "test"))
        for part, tracklets in parts.items()
    }
    return VideoReIDData(
        name=name,
        protocol=protocol_text(f"{name} {protocol}", min_frames, same_camera_filter),
        train=splits["train"],
        test={d: Retrieval(splits[f"{q} query"], splits[f"{g} gallery"]) for d, (q, g) in _SIDES.items()},
        same_camera_filter=same_camera_filter,
        notes=tuple(notes),
        fingerprint=digest.hexdigest(),
    )


def _cut_to_batches(visible: list[Tracklet], part: str) -> list[Tracklet]:
    kept = visible[: -(len(visible) % _BATCH)]
    if not kept:
        raise DataError(
            f"dataset.protocol=official_drop64: the official code keeps none of the {len(visible)} {part} tracklets "
            f"(it cuts the list at -(n % {_BATCH}), which leaves nothing of fewer than {_BATCH} and of multiples of "
            f"{_BATCH}); give dataset.protocol=full"
        )
    return kept


def _differences_from_published(
    index: CampusIndex, parts: dict[str, list[Tracklet]], protocol: Protocol, auxiliary: bool
) -> list[str]:
    """Notes on every count that differs, if this claims to be the full set: one published count is met exactly."""
    raw = Counter((file, t.modality) for file, listed in index.tracks.items() for _, t in listed)
    found = {
        "training identities": len({t.identity for _, t in index.tracks["train.txt"]}),
        "training pairs": raw["train.txt", "visible"],
        "infrared queries": raw["query.txt", "infrared"],
        "visible queries": raw["query.txt", "visible"],
        "infrared gallery tracklets": raw["gallery.txt", "infrared"],
        "visible gallery tracklets": raw["gallery.txt", "visible"],
    }
    if not any(found[what] == published for what, published in _PUBLISHED.items()):
        return []
    published = dict(_PUBLISHED)
    if auxiliary:
        found["auxiliary pairs"] = raw[AUXILIARY_FILE, "visible"]
        published |= _PUBLISHED_AUXILIARY
    if protocol == "official_drop64":
        kept = {t.identity for t in parts["visible gallery"]}
        found["visible queries kept"] = len(parts["visible query"])
        found["visible gallery tracklets kept"] = len(parts["visible gallery"])
        found["infrared queries with a match"] = sum(t.identity in kept for t in parts["infrared query"])
        published |= _PUBLISHED_DROP64
    return [
        f"not the published BUPTCampus: {found[what]:,} {what}, {count:,} published"
        for what, count in published.items()
        if found[what] != count
    ]
