"""Making the skeleton files of a data set: every frame of both name lists through one estimator."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.decode import read_frame
from star.data.hitsz_vcm import find_layout
from star.data.index import read_names
from star.data.skeleton_source import CONFIDENT
from star.data.skeletons import HDF5_FILES, SkeletonWriter, index_sha256
from star.errors import DataError
from star.types import MODALITIES, NUMBER_OF_JOINTS, Estimator, Modality

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the frames done and their total."""


class ExtractionSummary(NamedTuple):
    """What an extraction gave.

    Attributes:
        files: the skeleton files, train first.
        frames: frames with a skeleton, by modality.
        failures: frames that could not be decoded; they have no entry.
        first_failures: messages of at most ten of them.
        confident: share of joints with confidence 0.3 or more, by modality; nan without frames.
    """

    files: tuple[Path, ...]
    frames: dict[Modality, int]
    failures: int
    first_failures: tuple[str, ...]
    confident: dict[Modality, float]

    def __str__(self) -> str:
        """Lines for the terminal."""
        shares = ", ".join(f"{m} {self.confident[m]:.1%} of {self.frames[m]:,} frames" for m in MODALITIES)
        lines = [f"joints with confidence {CONFIDENT} or more: {shares}"]
        lines += [f"frames without skeleton: {self.failures:,}"] if self.failures else []
        lines += [f"  {message}" for message in self.first_failures]
        return "\n".join([*lines, *(f"written: {path}" for path in self.files)])


def extract_skeletons(
    root: Path | str | None,
    out: Path | str,
    estimator: Estimator,
    *,
    version: str = "1",
    on_progress: Progress | None = None,
) -> ExtractionSummary:
    """Estimate the joints of every frame named in the index and write `dataset-train.h5` and `dataset-test.h5`.

    Args:
        root: of a data set in the HITSZ-VCM layout.
        out: folder of the two files; made if needed.
        estimator: what finds the joints.
        version: of the estimator, kept in the files.
        on_progress: called after every frame.

    Raises:
        DataError: the index cannot be read, or no frame of a split can be decoded.
    """
    layout = find_layout(root)
    names = {split: read_names(layout.index / f"{split}_name.txt") for split in HDF5_FILES}
    folders = {"train": layout.train, "test": layout.test}
    keys = {split: dict.fromkeys(listed.keys) for split, listed in names.items()}
    total = sum(map(len, keys.values()))
    done = 0
    failures: list[str] = []
    frames: dict[Modality, int] = dict.fromkeys(MODALITIES, 0)
    confident: dict[Modality, int] = dict.fromkeys(MODALITIES, 0)
    files = []
    for split, listed in names.items():
        path = Path(out) / HDF5_FILES[split]
        sha = index_sha256(listed.names)
        failed_before = len(failures)
        with SkeletonWriter(path, estimator=estimator.name, version=version, index_sha256=sha) as writer:
            for key in keys[split]:
                try:
                    joints = estimator.estimate(read_frame(folders[split] / f"{key}.jpg"))
                except DataError as error:
                    failures.append(str(error))
                    _log.warning("%s: it gets no skeleton", error)
                else:
                    writer.write(key, joints)
                    modality: Modality = "infrared" if "/ir/" in key else "visible"
                    frames[modality] += 1
                    confident[modality] += int((joints[:, 2] >= CONFIDENT).sum())
                done += 1
                if on_progress:
                    on_progress(done, total)
            if len(failures) - failed_before == len(keys[split]):
                raise DataError(f"no frame of {listed.path} can be decoded; first: {failures[failed_before]}")
        files.append(path)
    return ExtractionSummary(
        files=tuple(files),
        frames=frames,
        failures=len(failures),
        first_failures=tuple(failures[:10]),
        confident={m: confident[m] / (frames[m] * NUMBER_OF_JOINTS) if frames[m] else np.nan for m in MODALITIES},
    )
