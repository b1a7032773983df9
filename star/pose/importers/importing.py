"""The import of another program's results into the two skeleton files of a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np

from star.data.coco_joints import JOINTS
from star.data.skeleton_checks import CONFIDENT, is_upright
from star.data.skeleton_stores import HDF5_FILES, SkeletonWriter
from star.errors import DataError
from star.pose.frame_list import FrameList
from star.pose.importers import alphapose, coco_results, mmpose, openpose, stored_skeletons
from star.pose.importers.choosing import choose_persons
from star.pose.importers.frame_names import Frame
from star.pose.importers.joint_names import JointOrder
from star.pose.importers.matching import match_results
from star.pose.importers.placing import Coordinates, crop_of, place_in_stored_frames, require_plausible
from star.pose.importers.result import EmptyFile, ImageResult, Person
from star.pose.importers.summary import ImportSummary, Named
from star.types import MODALITIES, NUMBER_OF_JOINTS, Modality

Format = Literal["hdf5", "npy", "alphapose", "openpose", "coco", "mmpose"]
FORMATS: tuple[Format, ...] = ("hdf5", "npy", "alphapose", "openpose", "coco", "mmpose")
"""What can be imported."""

Paths = Path | str | Sequence[Path | str]
Progress = Callable[[int, int], None]
"""Called with the frames done and their total."""


_READERS: dict[str, Callable[[Path, JointOrder], Iterator[ImageResult | EmptyFile]]] = {
    "hdf5": stored_skeletons.read_hdf5,
    "npy": stored_skeletons.read_npy,
    "alphapose": alphapose.read_alphapose,
    "openpose": openpose.read_openpose,
    "coco": coco_results.read_coco,
    "mmpose": mmpose.read_mmpose,
}


def import_skeletons(
    kind: Format,
    source: Paths,
    *,
    splits: Mapping[str, FrameList],
    out: Path | str | None,
    joints: Sequence[str] | None = None,
    annotations: Paths | None = None,
    coordinates: Coordinates = "pixels",
    source_size: tuple[int, int] | None = None,
    shift_frames: int = 0,
    estimator: str | None = None,
    on_progress: Progress | None = None,
) -> ImportSummary:
    """Write `dataset-train.h5` and `dataset-test.h5` from the results of another program.

    Nothing is written before the whole source has been read, matched and checked.

    Args:
        kind: format of the source, one of `FORMATS`.
        source: file or folder, or several.
        splits: the frames of "train" and "test".
        out: folder of the two files; made if needed. None: nothing is written, only read, matched and checked.
        joints: names of the source's joints in their order; None: as the source states them, or by their number.
        annotations: for `coco` results whose images are numbers: the annotation file, one for all sources or one each.
        coordinates: what the source's coordinates are, one of `star.pose.importers.COORDINATES`.
        source_size: (height, width) all frames had when the joints were estimated; None: that of the stored frames.
        shift_frames: added to the frame numbers of the source; 1 where it counts from 0.
        estimator: name kept in the files; None: that of the source if it states one, else the format.
        on_progress: called after every frame written.

    Raises:
        DataError: the source is missing, damaged or of another form, a name in it may be several frames, two results
            are of one frame, none of its images is a frame, or its joints do not lie in the frames.
    """
    if kind not in FORMATS:
        raise DataError(f"import: given {kind!r}, expected one of {', '.join(FORMATS)}")
    if source_size is not None and coordinates != "pixels":
        raise DataError(f"source_size: given {list(source_size)} with coordinates={coordinates}, expected pixels")
    if annotations is not None and kind != "coco":
        raise DataError(f"annotations: given with import={kind}, expected only with import=coco")
    sources = _paths(source)
    order = JointOrder(joints)
    results = _read(kind, sources, order, _paths(annotations or ()))
    matched = match_results(results, splits, sources, shift_frames)
    chosen = choose_persons(matched.persons, splits, lambda frame: crop_of(frame, splits, coordinates, source_size))
    placed = place_in_stored_frames(chosen.persons, splits, coordinates, source_size)
    doubts = require_plausible(placed.skeletons, splits, coordinates, ", ".join(map(str, sources)))

    origin = stored_skeletons.stated_origin(sources[0]) if kind == "hdf5" and len(sources) == 1 else None
    name, version = (estimator, "1") if estimator else origin or (f"{kind} import", "1")
    if out is not None:
        _write(placed.skeletons, splits, Path(out), name, version, on_progress)
    found = Counter(frame.split for frame in placed.skeletons)
    persons = Counter(map(len, matched.persons.values()))
    return ImportSummary(
        files=() if out is None else tuple(Path(out) / HDF5_FILES[split] for split in splits),
        frames={split: (found[split], len(set(listed.keys))) for split, listed in splits.items()},
        people={0: len(matched.nobody), **persons} if matched.nobody else persons,
        confident=_confident(placed.skeletons),
        unmatched=Named.of(matched.unmatched),
        without=Named.of(matched.without_result(splits)),
        nobody=Named.of(matched.nobody),
        several=Named.of(chosen.several),
        not_best=Named.of(chosen.not_best),
        changed=Named.of(chosen.changed),
        bodiless=Named.of(matched.bodiless),
        not_finite=Named.of(matched.not_finite),
        far=Named.of(f"{frame.key} {JOINTS[joint]} ({matched.where[frame]})" for frame, joint in placed.far),
        empty=Named.of(matched.empty),
        unreadable=Named.of(placed.unreadable),
        unknown_joints=Named.of(order.unknown),
        absent_joints=Named.of(order.absent),
        not_upright=Named.of(_not_upright(placed.skeletons)),
        another_size=tuple(doubts),
        clipped=placed.clipped,
        largest=placed.largest,
        whole_numbers=kind in ("hdf5", "npy") and all(map(_whole, chosen.persons.values())),
    )


def _paths(given: Paths) -> list[Path]:
    return [Path(path).expanduser() for path in ([given] if isinstance(given, (str, Path)) else given)]


def _read(
    kind: Format, sources: list[Path], order: JointOrder, annotations: list[Path]
) -> Iterator[ImageResult | EmptyFile]:
    if kind != "coco":
        for source in sources:
            yield from _READERS[kind](source, order)
        return
    if len(annotations) not in (0, 1, len(sources)):
        raise DataError(
            f"annotations: given {len(annotations)} files, expected one or as many as sources ({len(sources)})"
        )
    files = [coco_results.read_annotations(path) for path in annotations]
    for number, source in enumerate(sources):
        yield from coco_results.read_coco(source, order, files[min(number, len(files) - 1)] if files else None)


def _write(
    skeletons: Mapping[Frame, np.ndarray],
    splits: Mapping[str, FrameList],
    out: Path,
    estimator: str,
    version: str,
    on_progress: Progress | None,
) -> None:
    """Write all files or none."""
    written = 0
    with ExitStack() as files:
        for split, listed in splits.items():
            path, sha = out / HDF5_FILES[split], listed.index_sha256
            writer = files.enter_context(SkeletonWriter(path, estimator=estimator, version=version, index_sha256=sha))
            for key in dict.fromkeys(listed.keys):
                if (joints := skeletons.get(Frame(split, key))) is not None:
                    writer.write(key, joints)
                    written += 1
                    if on_progress:
                        on_progress(written, len(skeletons))


def _not_upright(skeletons: Mapping[Frame, np.ndarray]) -> list[str]:
    """Frames whose joints look as if in another order; none where most look right."""
    judged = {frame.key: upright for frame, joints in skeletons.items() if (upright := is_upright(joints)) is not None}
    odd = [key for key, upright in judged.items() if not upright]
    return odd if 2 * len(odd) > len(judged) else []


def _whole(person: Person) -> bool:
    return np.array_equal(person.joints, person.joints.round())


def _confident(skeletons: Mapping[Frame, np.ndarray]) -> dict[Modality, float]:
    found = dict.fromkeys(MODALITIES, 0)
    frames = dict.fromkeys(MODALITIES, 0)
    for frame, joints in skeletons.items():
        modality: Modality = "infrared" if "/ir/" in frame.key.lower() else "visible"
        frames[modality] += 1
        found[modality] += int((joints[:, 2] >= CONFIDENT).sum())
    return {m: found[m] / (frames[m] * NUMBER_OF_JOINTS) if frames[m] else np.nan for m in MODALITIES}
