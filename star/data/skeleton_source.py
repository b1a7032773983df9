"""Finding the skeleton files of a data set and refusing those of another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.folder import Folder, list_files
from star.data.frame_size import frame_size
from star.data.pack.pack_folder import PackFolder
from star.data.pack.packed_skeletons import PackedSkeletons
from star.data.skeleton_checks import CONFIDENT, check_counting, check_numbers
from star.data.skeleton_stores import HDF5_FILES, Hdf5Skeletons, NpySkeletons
from star.errors import DataError
from star.types import FrameSource, Split, VideoReIDData

_SAMPLED_KEYS = 1000
_FLAT = re.compile(r".+_D.*_.*\.npy", re.IGNORECASE)
_SAMPLED_FRAMES = 100
_ENOUGH_JOINTS = 100
_MANY_OUTSIDE = 0.1
_LEAST_REACH = (0.5, 0.7)
"""Of the width and the height: joints that reach less far are doubtful."""


Store = Hdf5Skeletons | NpySkeletons | PackedSkeletons


def open_skeletons(root: Folder, folder: Path | None, frames: Mapping[str, FrameSource]) -> Mapping[str, Store]:
    """Open the stores of both splits.

    Args:
        root: the data set's root, searched when no folder is given.
        folder: where `dataset-train.h5` and `dataset-test.h5`, or `.npy` files, are.
        frames: of "train" and "test".

    Returns:
        Stores of "train" and "test"; empty if no folder is given and the root has none.

    Raises:
        DataError: the given folder has no skeletons, one of the two files is missing, or one cannot be opened.
    """
    if isinstance(root, PackFolder):
        return {split: PackedSkeletons(root, split, frames[split]) for split in root.pack.about["skeletons"]}
    place = folder or root
    paths = {split: place / name for split, name in HDF5_FILES.items()}
    present = [path for path in paths.values() if path.is_file()]
    if len(present) == len(paths):
        return {split: Hdf5Skeletons(path) for split, path in paths.items()}
    if present:
        missing = next(path for path in paths.values() if path not in present)
        raise DataError(f"skeleton file {missing} is missing beside {present[0].name}: expected one file a split")
    if any(_FLAT.fullmatch(name) for name in list_files(place)):
        store = NpySkeletons(place)
        return {split: store for split in HDF5_FILES}
    if folder is not None:
        raise DataError(
            f"dataset.skeletons: given {folder}, expected a folder with {' and '.join(HDF5_FILES.values())} or with "
            "files like 0063_ir_D2_121.npy"
        )
    return {}


def check_origin(store: Store, *, keys: list[str], index_sha256: str, frames: FrameSource) -> list[str]:
    """Refuse a store that was made from other frames.

    A store that names its name list must name this one. One that does not must hold at least half of a sample of 1,000
    frames. In both cases most confident joints of about a hundred frames spread over the split must lie inside their
    frame (frames without a readable header are passed over). Those of a pack were compared when it was packed.

    Args:
        store: the skeletons of one split.
        keys: all frames of the split's name list.
        index_sha256: hash of that list.
        frames: of the split.

    Returns:
        Notes on numbers that are odd, see `check_numbers` and `Spread.doubt`.

    Raises:
        DataError: the store is of another data set or split, its joints are no pixels, or its frames are counted
            from 0.
    """
    if isinstance(store, PackedSkeletons):
        return []
    remedy = "give the folder of this data set's skeletons as dataset.skeletons, or make them with star-skeletons"
    stated = store.attributes.get("index_sha256")
    if stated is not None and stated != index_sha256:
        raise DataError(
            f"skeletons {store.path} are of another data set or split: made from a name list with sha256 "
            f"{stated[:12]}, expected {index_sha256[:12]}; {remedy}"
        )
    sample = keys[:: max(1, len(keys) // _SAMPLED_KEYS)]
    format_ = "npy" if isinstance(store, NpySkeletons) else "hdf5"
    if stated is None:
        check_counting(store.path, format_, keys, sample, store.read)
        found = sum(store.read(key) is not None for key in sample)
        if 2 * found < len(sample):
            place = store.path if format_ == "npy" else store.path.parent
            absent = next(key for key in sample if store.read(key) is None)
            raise DataError(
                f"skeletons {store.path} are of another data set: they hold {found} of {len(sample)} sampled frames, "
                f"expected at least half; their first key is {store.first_key()}, expected keys such as {absent}: if "
                f"only the form differs, star-skeletons import={format_} source={place} reads them, else {remedy}"
            )
    notes = check_numbers(store.path, format_, sample, store.read)
    spread = measure_spread(frames, keys, store.read)
    if 2 * spread.inside < spread.joints:
        raise DataError(
            f"skeletons {store.path} do not belong to these frames: {spread.inside} of {spread.joints} confident "
            f"joints lie inside sampled frames of {frames.path}, expected most of them, in pixels of the stored frame; "
            f"{remedy}"
        )
    if spread.doubt:
        place = store.path if format_ == "npy" else store.path.parent
        notes.append(
            f"{store.path.name}: {spread.doubt}; if so, star-skeletons import={format_} source={place} "
            "source_size=[HEIGHT,WIDTH] scales them"
        )
    return notes


def require_skeletons(data: VideoReIDData, min_confidence: float = 0.0) -> None:
    """For experiments that use skeletons.

    Args:
        data: the data set.
        min_confidence: joints below it are missing.

    Raises:
        DataError: a split has no skeleton store, or none of its frames has a joint that is not missing.
    """
    mend = (
        f"make them with star-skeletons, give their folder as dataset.skeletons (expected "
        f"{' and '.join(HDF5_FILES.values())}), or run experiment=baseline"
    )
    bare = [split.name for split in data.splits if split.skeletons is None]
    if bare:
        raise DataError(f"{data.name}: no skeletons for {', '.join(bare)}, and this experiment uses them; {mend}")
    empty = [split for split in data.splits if not _has_joints(split, min_confidence)]
    if empty:
        names = ", ".join(split.name for split in empty)
        places = ", ".join(dict.fromkeys(str(split.skeletons.path) for split in empty if split.skeletons))
        wanted = f"of at least dataset.min_confidence={min_confidence:g}" if min_confidence > 0 else "above 0"
        raise DataError(
            f"{data.name}: this experiment uses skeletons, and no frame of {names} has a joint that is finite and has "
            f"a confidence {wanted} in {places}; {mend}; star-check experiment=baseline counts what is there"
        )


def _has_joints(split: Split, min_confidence: float) -> bool:
    """Ends at the first joint, so it reads the whole store only where there is none."""
    assert split.skeletons is not None, "looked for before"
    for tracklet in split.tracklets:
        for key in tracklet.frames:
            joints = split.skeletons.read(key)
            if joints is not None:
                confidence = joints[np.isfinite(joints).all(axis=1), 2]
                if ((confidence > 0) & (confidence >= min_confidence)).any():
                    return True
    return False


class Spread(NamedTuple):
    """Where the confident joints of a sample of frames lie in their frames.

    Attributes:
        inside, joints: how many lie inside, and how many there are.
        reach: (x, y) below which 99 % of them lie, in shares of the frame.
    """

    inside: int
    joints: int
    reach: tuple[float, float]

    @property
    def doubt(self) -> str:
        """What looks as if the joints were found on images of another size; empty where nothing does.

        A person fills its crop: on the frames of real and generated tracklets 99 % of the joints lay below 0.90 to 0.93
        of the height and 0.82 to 0.94 of the width, and 0.1 % or less outside.
        """
        if self.joints < _ENOUGH_JOINTS:
            return ""
        if self.joints - self.inside > _MANY_OUTSIDE * self.joints:
            return (
                f"{self.joints - self.inside} of {self.joints} sampled confident joints lie outside their frame, as if "
                "they were found on larger images"
            )
        for what, reach, least in zip(("width", "height"), self.reach, _LEAST_REACH, strict=True):
            if reach < least:
                return (
                    f"99 % of {self.joints} sampled confident joints lie within the first {reach:.0%} of the {what} of "
                    "their frame, as if they were found on smaller images"
                )
        return ""


def measure_spread(frames: FrameSource, keys: Sequence[str], read: Callable[[str], np.ndarray | None]) -> Spread:
    """Look at the joints of about a hundred frames spread over `keys`, those with confidence 0.3 or more.

    Args:
        frames: where the pixels are; frames whose size cannot be read are passed over.
        keys: of the frames.
        read: [j 3] in pixels of a stored frame, or None.
    """
    found = [np.empty((0, 2))]
    for key in keys[:: max(1, len(keys) // _SAMPLED_FRAMES)]:
        joints = read(key)
        if joints is None:
            continue
        try:
            height, width = frame_size(frames, key)
        except DataError:
            continue
        sure = np.isfinite(joints).all(axis=1) & (joints[:, 2] >= CONFIDENT)
        found.append(joints[sure, :2] / (width, height))
    points = np.concatenate(found)
    if not len(points):
        return Spread(0, 0, (1.0, 1.0))
    x, y = np.percentile(points, 99, axis=0)
    return Spread(int(((points >= 0) & (points <= 1)).all(axis=1).sum()), len(points), (float(x), float(y)))
