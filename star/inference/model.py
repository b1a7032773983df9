"""A trained model as its users see it: clips in, features out, whatever computes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from star.data.loader import EvaluationLoader
from star.errors import DataError
from star.inference.clips import Clips, Joints, as_split
from star.inference.description import Description
from star.types import ClipBatch, Modality, Split


class Compute(Protocol):
    """What runs the network."""

    def __call__(self, batch: ClipBatch, modality: Modality) -> np.ndarray:
        """[count d] float32 features, L2-normalised, of the clips of a batch that are not padding."""
        ...


class Model:
    """A trained model. `star.load` makes it.

    Args:
        description: of the model.
        compute: its network.
        workers: threads that read and prepare clips.
    """

    def __init__(self, description: Description, compute: Compute, workers: int = 1):
        self.description = description
        self._compute = compute
        self._workers = workers

    def __repr__(self) -> str:
        d = self.description
        joints = ", reads joints" if d.uses_joints else ""
        return (
            f"<Model {d.run}: {d.frames} x {d.height} x {d.width} -> {d.dim}{joints}, fingerprint {self.fingerprint}>"
        )

    @property
    def dim(self) -> int:
        """d, width of a feature."""
        return self.description.dim

    @property
    def frames(self) -> int:
        """T, frames of a clip that the network reads."""
        return self.description.frames

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels to which frames are resized."""
        return self.description.height, self.description.width

    @property
    def uses_joints(self) -> bool:
        """Whether clips need joints."""
        return self.description.uses_joints

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """That it embeds."""
        return self.description.modalities

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of weights and preparation; features can be compared only where it is the same."""
        return self.description.fingerprint

    @property
    def config(self) -> dict[str, Any]:
        """The run's resolved configuration."""
        return self.description.config

    def embed(self, clips: Clips, modality: Modality, joints: Joints | None = None) -> np.ndarray:
        """Features of clips, prepared as the run's own evaluation does it.

        A clip may have any number of frames of any size: T of them are taken, evenly spaced; if it has fewer, the last
        one is repeated; then they are resized.

        Args:
            clips: [n l h w 3] uint8, RGB; or a list, in which a clip is an array [l h w 3], a folder of frames (.jpg or
                .png, ordered by the numbers in their names), or a list of frames: paths, contents of files (bytes), or
                arrays [h w 3].
            modality: "visible" or "infrared", of all clips.
            joints: for models that read skeletons (others leave them aside): [n l 17 3], or a list of [l 17 3], float,
                x and y in pixels of the frame as given, confidence in 0..1, joints in COCO's order; or an estimator, an
                object of `star.pose` or "movenet=FILE", "rtmpose=FILE", "onnx_heatmap=FILE", "rtmpose".

        Returns:
            [n d] float32, rows of length 1 unless the network leaves them (`clip_head.normalise=false`); the product of
            two is their similarity.

        Raises:
            DataError: clips, frames or joints that cannot be used, or a feature that is not finite; names the file or
                the clip.
            StarError: the estimator cannot be loaded.
        """
        split = as_split(clips, modality, joints if self.uses_joints else None)
        features = np.concatenate(list(self.embed_split(split)))
        if broken := np.flatnonzero(~np.isfinite(features).all(axis=1)).tolist():
            raise DataError(f"clip {broken[0]}: its feature is not finite; are the weights of {self!r} damaged?")
        return features

    def embed_split(self, split: Split, start: int = 0) -> Iterator[np.ndarray]:
        """Features of a data set's split, or of any tracklets, batch by batch.

        Args:
            split: tracklets of one modality, with skeletons if the model reads joints.
            start: number of the first tracklet.

        Yields:
            [b d] float32, L2-normalised, in the order of the tracklets.

        Raises:
            DataError: mixed modalities, no skeletons, or a frame that cannot be read; names it.
        """
        if self.uses_joints and split.skeletons is None:
            raise DataError(f"{self.description.run} reads skeletons, and {split.name} has none: give joints")
        rest = replace(
            split, tracklets=split.tracklets[start:], skeletons=split.skeletons if self.uses_joints else None
        )
        if not rest.tracklets:
            return
        if rest.modality not in self.modalities:
            raise DataError(f"{self.description.run} embeds {', '.join(self.modalities)} clips, given {rest.modality}")
        loader = EvaluationLoader(
            rest,
            self.description.shape,
            self.description.reading,
            batch=min(self.description.batch, _next_power_of_two(len(rest.tracklets))),
            workers=self._workers,
            anaglyphs=self.description.anaglyphs,
        )
        with closing(iter(loader)) as batches:  # type: ignore[type-var]
            for batch in batches:
                yield self._compute(batch, rest.modality)

    def embed_batch(self, batch: ClipBatch, modality: Modality) -> np.ndarray:
        """Features of clips that are read and resized already, as `star.data.loader.EvaluationLoader` does it.

        Args:
            batch: clips of the shape that the network reads.
            modality: of all of them.

        Returns:
            [count d] float32, L2-normalised.
        """
        return self._compute(batch, modality)


def _next_power_of_two(number: int) -> int:
    """Batches of few sizes only: a network may be compiled for each."""
    return 1 << (number - 1).bit_length()
