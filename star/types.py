"""The shared vocabulary.

Axes: b clips, t frames, c channels, h w height and width, j joints (17, COCO order), d embedding width, k identities,
q queries, g gallery; n = 2b rows of a training batch, visible first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

Modality = Literal["visible", "infrared"]
Direction = Literal["i2v", "v2i"]
Reranking = Literal["none", "k_reciprocal", "temporal"]
MODALITIES: tuple[Modality, Modality] = ("visible", "infrared")
DIRECTIONS: tuple[Direction, Direction] = ("i2v", "v2i")
RERANKINGS: tuple[Reranking, ...] = ("k_reciprocal", "temporal")
RERANKED_TAG = "reranked."
"""Beginning of the tag of a run that says with what options it was re-ranked."""
NUMBER_OF_JOINTS = 17


class Tracklet(NamedTuple):
    """One person seen once by one camera.

    Attributes:
        identity: number of the person on disk.
        camera: number of the camera on disk.
        modality: "visible" or "infrared".
        frames: keys `<identity>/<ir|rgb>/<camera>/<frame>` in time order, without suffix; also the skeleton keys.
    """

    identity: int
    camera: int
    modality: Modality
    frames: tuple[str, ...]


class SkeletonStore(Protocol):
    """Where the joints of a split are read from."""

    @property
    def path(self) -> Path:
        """The folder or file they are in."""
        ...

    def read(self, key: str) -> np.ndarray | None:
        """[j 3] float32: x, y in pixels of the stored frame, confidence in 0..1; None if the frame has none."""
        ...

    def provenance(self) -> str:
        """What a fingerprint needs to know about them."""
        ...


class FrameSource(Protocol):
    """Where the encoded frames of a split are read from; safe to use from several threads."""

    @property
    def path(self) -> Any:
        """The folder or file all frames are in, on disk or in a pack."""
        ...

    def read(self, key: str) -> bytes:
        """The encoded frame; raises DataError, which names the file, if it cannot be read."""
        ...

    def name(self, key: str) -> str:
        """The frame in messages; no two frames have the same."""
        ...


@dataclass(frozen=True)
class Split:
    """Tracklets that share a frame source and a skeleton store.

    Attributes:
        name: "train", "query", "infrared gallery", ...; no two splits of a data set have the same.
        frames: source of the encoded frames, by the keys of the tracklets.
        tracklets: in the order of the index file.
        skeletons: None where the data set has no skeletons.
    """

    name: str
    frames: FrameSource
    tracklets: tuple[Tracklet, ...]
    skeletons: SkeletonStore | None = None

    @property
    def identities(self) -> tuple[int, ...]:
        """The identities in ascending order; position = class label."""
        return tuple(sorted({t.identity for t in self.tracklets}))

    @property
    def modality(self) -> Modality:
        """Of a split of the test set, whose tracklets are all of one modality."""
        return self.tracklets[0].modality

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """([q] identities, [q] cameras) of the tracklets, as the ranking wants them."""
        return np.array([t.identity for t in self.tracklets]), np.array([t.camera for t in self.tracklets])


class Retrieval(NamedTuple):
    """What one direction ranks: the gallery for every query; each split is of one modality."""

    query: Split
    gallery: Split

    @property
    def labels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """[q] and [g] identities, [q] and [g] cameras, in the order the ranking takes them."""
        (query_identities, query_cameras), (gallery_identities, gallery_cameras) = self.query.rows, self.gallery.rows
        return query_identities, gallery_identities, query_cameras, gallery_cameras


@dataclass(frozen=True)
class VideoReIDData:
    """A data set as the engine sees it.

    Attributes:
        name: as in the configuration, e.g. "hitsz_vcm".
        protocol: what makes scores comparable, e.g. "hitsz_vcm: 12-frame filter, same-camera filter".
        train: training tracklets of both modalities.
        test: queries and gallery of each direction; HITSZ-VCM has two test splits, which swap their parts in v2i,
            BUPTCampus has four.
        same_camera_filter: whether gallery items of the query's identity and camera are left out of its ranking.
        notes: what a user should know, e.g. counts that differ from the published ones.
        fingerprint: hash of the index files and of the skeleton files' provenance.
    """

    name: str
    protocol: str
    train: Split
    test: Mapping[Direction, Retrieval]
    same_camera_filter: bool
    notes: tuple[str, ...]
    fingerprint: str

    @property
    def test_splits(self) -> tuple[Split, ...]:
        """Every split of the test set once, in the order of `test`."""
        return tuple({split.name: split for pair in self.test.values() for split in pair}.values())

    @property
    def splits(self) -> tuple[Split, ...]:
        """The training split and every split of the test set."""
        return (self.train, *self.test_splits)

    @property
    def query(self) -> Split:
        """The infrared queries."""
        return self.test["i2v"].query

    @property
    def gallery(self) -> Split:
        """The visible gallery."""
        return self.test["i2v"].gallery


class Share(NamedTuple):
    """Which part of every batch a process has, of several that train together.

    Attributes:
        rank: number of the process, from 0.
        world_size: number of processes.
    """

    rank: int = 0
    world_size: int = 1

    @property
    def size(self) -> int:
        """The world size, by the name that parts written for earlier versions use."""
        return self.world_size

    def of(self, rows: int) -> slice:
        """The process's own of `rows`, which `world_size` divides."""
        own = rows // self.world_size
        return slice(self.rank * own, (self.rank + 1) * own)


ALONE = Share()


class TrainBatch(NamedTuple):
    """P x K clips of each modality; row i of both halves is the same identity.

    Attributes:
        visible, infrared: [b t h w 3] uint8, RGB; for an encoder of two streams [b 2t h w 3], frames and then their
            anaglyphs.
        visible_joints, infrared_joints: [b t j 3] float32, x and y in 0..1 of the augmented frame (may lie outside),
            confidence in 0..1; all zero where the data set has no skeletons.
        identities: [b] int32 class labels.
    """

    visible: np.ndarray
    infrared: np.ndarray
    visible_joints: np.ndarray
    infrared_joints: np.ndarray
    identities: np.ndarray

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """What parts and losses can read, by name; `identities` and `modality` (1 infrared) have n = 2b rows."""
        modality = np.repeat(np.arange(2, dtype=np.int32), len(self.identities))
        return self._asdict() | {"identities": np.tile(self.identities, 2), "modality": modality}


class MixedBatch(NamedTuple):
    """P x K clips, blind to the modality; rows of an identity follow each other.

    Attributes:
        clips: [n t h w 3] uint8, RGB; see TrainBatch.
        joints: [n t j 3] float32, as in TrainBatch.
        identities: [n] int32 class labels.
        modality: [n] int32, 0 visible, 1 infrared.
    """

    clips: np.ndarray
    joints: np.ndarray
    identities: np.ndarray
    modality: np.ndarray

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """What parts and losses can read, by name."""
        return self._asdict()


AnyBatch = TrainBatch | MixedBatch


class ClipShape(NamedTuple):
    """t, h and w of the clips a network reads."""

    frames: int
    height: int
    width: int


class ClipBatch(NamedTuple):
    """Clips of one modality for evaluation; the last batch is padded with copies of its last clip.

    Attributes:
        frames: [b t h w 3] uint8, RGB; see TrainBatch.
        joints: [b t j 3] float32, as in TrainBatch.
        count: rows that are not padding.
    """

    frames: np.ndarray
    joints: np.ndarray
    count: int


class Slot(NamedTuple):
    """A place of a network that is filled, by a configuration or by hand.

    Attributes:
        key: of the place, e.g. "aggregation"; of a configuration the dotted key of the node.
        target: the class.
        arguments, given: of its constructor, and the names of those the builder has for it.
        kept: what else the configuration says of it, e.g. `reads`.
    """

    key: str
    target: Any
    arguments: dict[str, Any]
    given: tuple[str, ...]
    kept: dict[str, Any]


SCORE_NAMES = ("R1", "R5", "R10", "R20", "mAP", "mINP")
"""In the order of logs and tables."""


class Scores(NamedTuple):
    """Ranking of one direction; shares in 0..1, not percent.

    Attributes:
        cmc: [20] float64, share of valid queries with a hit at rank 1..20.
        mean_average_precision, mean_inverse_negative_penalty: mAP and mINP.
        valid_queries: queries with at least one match left.
        queries, gallery: number of items before any filter.
    """

    cmc: np.ndarray
    mean_average_precision: float
    mean_inverse_negative_penalty: float
    valid_queries: int
    queries: int
    gallery: int

    def as_metrics(self) -> dict[str, float]:
        """Percentages under the names the tracker and the tables use."""
        ranks = {f"R{rank}": 100 * float(self.cmc[rank - 1]) for rank in (1, 5, 10, 20)}
        return {
            **ranks,
            "mAP": 100 * self.mean_average_precision,
            "mINP": 100 * self.mean_inverse_negative_penalty,
            "valid_queries": float(self.valid_queries),
        }


class Tracker(Protocol):
    """Where a run's numbers go. No call blocks training or raises once the run is open."""

    run_id: str

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Record one point of each metric."""
        ...

    def log_tags(self, tags: Mapping[str, object]) -> None:
        """Record tags; a later value replaces an earlier one."""
        ...

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file, which must stay where it is."""
        ...

    def log_model(self, name: str, step: int, scores: Sequence[str], tags: Mapping[str, str]) -> None:
        """Record a checkpoint, which must stay where it is, with the names of the metrics that are its scores."""
        ...

    def finish(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """End the run."""
        ...
