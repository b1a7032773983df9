"""HITSZ-VCM and every data set in its layout (Lin et al., CVPR 2022; method, section "Data on disk").

Frames are in `<root>/Train/<identity>/...` and `<root>/Test/...` with the index files in `<root>/info`, or all in
`<root>/<identity>/...` with the index files at the root. Queries are the infrared test tracks named by `query_IDX.txt`,
the gallery is every visible test track; the same-camera rule is applied by the ranking.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from star.data.folder import Folder
from star.data.frames import FolderFrames
from star.data.index import INDEX_FILES, NameList, read_names, read_query_numbers, read_tracks, repetitions
from star.data.sampler import unpaired_identities
from star.data.skeleton_source import check_origin, open_skeletons
from star.data.skeleton_stores import index_sha256
from star.errors import DataError
from star.types import Retrieval, Split, Tracklet, VideoReIDData

_PUBLISHED_MIN_FRAMES = 12
_PUBLISHED_RAW = {"train": 11_061, "query": 5_159, "gallery": 5_643}
_PUBLISHED_KEPT = {
    "infrared train": 4_291,
    "visible train": 5_460,
    "query": 4_584,
    "gallery": 5_099,
}
_PUBLISHED_IDENTITIES = {"train": 500, "test": 427}


class Layout(NamedTuple):
    """Where the parts of a data set are.

    Attributes:
        root: the data set's folder.
        index: folder of the five index files.
        train, test: folders of the frames.
    """

    root: Folder
    index: Folder
    train: Folder
    test: Folder

    @property
    def files(self) -> tuple[Folder, ...]:
        """The index files."""
        return tuple(self.index / name for name in INDEX_FILES)


def find_layout(root: Folder | str | None) -> Layout:
    """Tell the two folder layouts apart.

    Raises:
        DataError: root is not set or not a folder, or an index file is missing.
    """
    expected = "the folder with Train, Test and info, or with the folders of the identities and the index files"
    if root is None or not str(root):
        raise DataError(f"dataset.root is not set: expected {expected}; give dataset.root=<folder>")
    root = Path(root) if isinstance(root, str) else root
    if not root.is_dir():
        raise DataError(f"dataset.root: given {root}, which is not a folder; expected {expected}")
    index = root / "info" if (root / "info").is_dir() else root
    missing = [name for name in INDEX_FILES if not (index / name).is_file()]
    if missing:
        raise DataError(
            f"dataset.root: {', '.join(str(index / name) for name in missing)} missing; expected the index files "
            f"{', '.join(INDEX_FILES)} in {root / 'info'} or in {root}"
        )
    if (root / "Train").is_dir() or (root / "Test").is_dir():
        return Layout(root, index, root / "Train", root / "Test")
    return Layout(root, index, root, root)


def read_hitsz_vcm(
    root: Folder | str | None,
    *,
    skeletons: Path | str | None = None,
    min_frames: int = _PUBLISHED_MIN_FRAMES,
    same_camera_filter: bool = True,
    name: str = "hitsz_vcm",
) -> VideoReIDData:
    """Read the index files; frames are opened later, by the loader.

    Args:
        root: the data set's folder, or a pack of it.
        skeletons: folder of the skeleton files; None searches the root and accepts that there are none.
        min_frames: shorter tracklets are left out of train, query and gallery.
        same_camera_filter: leave gallery tracklets of the query's identity and camera out of its ranking.
        name: of the data set in results.

    Raises:
        DataError: something on disk is missing, malformed or contradicts itself; names file and line.
    """
    layout = find_layout(root)
    names = {split: read_names(layout.index / f"{split}_name.txt") for split in ("train", "test")}
    tracks = {split: read_tracks(layout.index / f"track_{split}_info.txt", names[split]) for split in names}
    queries = read_query_numbers(layout.index / "query_IDX.txt", tracks["test"])
    for split, folder in (("train", layout.train), ("test", layout.test)):
        _require_frames(names[split], folder)

    chosen = set(queries)
    others = [t for number, t in enumerate(tracks["test"].tracklets) if number not in chosen]
    gallery = [t for t in others if t.modality == "visible"]
    raw = {
        "train": tracks["train"].tracklets,
        "query": [tracks["test"].tracklets[number] for number in queries],
        "gallery": gallery,
    }
    kept = {part: [t for t in tracklets if len(t.frames) >= min_frames] for part, tracklets in raw.items()}
    notes = [*tracks["train"].notes, *tracks["test"].notes]
    notes += [note for split in names for note in repetitions(names[split], tracks[split])]
    both = set(names["train"].identities.tolist()) & set(names["test"].identities.tolist())
    if both:
        notes.append(
            f"{len(both)} identities are in both training and test (first: {min(both)}); if they are the same people, "
            "the scores are too high"
        )
    if len(others) > len(gallery):
        notes.append(f"{len(others) - len(gallery)} infrared test tracks are not queries and are left out")
    notes += _differences_from_published(raw, kept, min_frames)
    for part, tracklets in kept.items():
        if not tracklets:
            raise DataError(
                f"{layout.index}: no {part} tracklet has {min_frames} frames or more ({len(raw[part])} tracklets "
                "before that filter); lower dataset.min_frames or give another dataset.root"
            )
    notes += unpaired_identities(kept["train"])

    frames = {
        split: FolderFrames.find(folder, names[split].keys, names[split].suffix)
        for split, folder in (("train", layout.train), ("test", layout.test))
    }
    stores = open_skeletons(layout.root, None if skeletons is None else Path(skeletons), frames)
    for split in frames:
        if split in stores:
            sha = index_sha256(names[split].names)
            notes += check_origin(stores[split], keys=names[split].keys, index_sha256=sha, frames=frames[split])
    digest = hashlib.sha256()
    for file in layout.files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for split in sorted(stores):
        digest.update(stores[split].provenance().encode())
    query, gallery = (Split(p, frames["test"], tuple(kept[p]), stores.get("test")) for p in ("query", "gallery"))
    return VideoReIDData(
        name=name,
        protocol=protocol_text(name, min_frames, same_camera_filter),
        train=Split("train", frames["train"], tuple(kept["train"]), stores.get("train")),
        test={"i2v": Retrieval(query, gallery), "v2i": Retrieval(gallery, query)},
        same_camera_filter=same_camera_filter,
        notes=tuple(notes),
        fingerprint=digest.hexdigest(),
    )


def protocol_text(name: str, min_frames: int, same_camera_filter: bool) -> str:
    """The protocol as results state it."""
    return f"{name}: {min_frames}-frame filter, {'' if same_camera_filter else 'no '}same-camera filter"


def _require_frames(names: NameList, folder: Folder) -> None:
    first = folder / names.keys[0].split("/")[0]
    if isinstance(first, Path) and not first.is_dir():  # a pack has the frames of tracklets alone
        raise DataError(f"{names.path} names frames of {first.name}, but there is no folder {first}")


def _differences_from_published(
    raw: dict[str, list[Tracklet]], kept: dict[str, list[Tracklet]], min_frames: int
) -> list[str]:
    """Notes on every count that differs, if this claims to be the full set: one published raw count is met exactly."""
    counts = {part: len(tracklets) for part, tracklets in raw.items()}
    if not any(counts[part] == published for part, published in _PUBLISHED_RAW.items()):
        return []
    found = {f"{part} tracklets before the filter": (counts[part], n) for part, n in _PUBLISHED_RAW.items()}
    if min_frames == _PUBLISHED_MIN_FRAMES:
        modalities = Counter(t.modality for t in kept["train"])
        kept_counts = {
            "infrared train": modalities["infrared"],
            "visible train": modalities["visible"],
            "query": len(kept["query"]),
            "gallery": len(kept["gallery"]),
        }
        found |= {f"{part} tracklets": (kept_counts[part], n) for part, n in _PUBLISHED_KEPT.items()}
        identities = {
            "train": len({t.identity for t in kept["train"]}),
            "test": len({t.identity for t in kept["query"] + kept["gallery"]}),
        }
        found |= {f"{part} identities": (identities[part], n) for part, n in _PUBLISHED_IDENTITIES.items()}
    return [
        f"HITSZ-VCM: {given:,} {what}, {published:,} published: is the copy complete?"
        for what, (given, published) in found.items()
        if given != published
    ]
