"""Quality of a data set's skeletons: frames that have one, share of confident joints by modality and joint."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.coco_joints import JOINTS
from star.data.skeleton_checks import CONFIDENT
from star.data.skeleton_stores import Hdf5Skeletons
from star.errors import DataError
from star.pose.frame_list import FrameList
from star.types import MODALITIES, NUMBER_OF_JOINTS, Modality

CSV_FILE = "skeletons.csv"
MARKDOWN_FILE = "skeletons.md"


class Confidences(NamedTuple):
    """Of one split and modality.

    Attributes:
        frames: in the index.
        found: frames with a skeleton.
        confident: [j] skeletons in which the joint has confidence 0.3 or more.
        total: [j] sum of the joint's confidences.
    """

    frames: int
    found: int
    confident: np.ndarray
    total: np.ndarray


class Quality(NamedTuple):
    """What the skeleton files hold.

    Attributes:
        parts: by split and modality.
        files: by split.
        made_by: `estimator version` in the files, by split.
    """

    parts: dict[tuple[str, Modality], Confidences]
    files: dict[str, Path]
    made_by: dict[str, str]

    def of(self, modality: Modality) -> Confidences:
        """All splits together."""
        mine = [c for (_, m), c in self.parts.items() if m == modality]
        return Confidences(
            frames=sum(c.frames for c in mine),
            found=sum(c.found for c in mine),
            confident=np.sum([c.confident for c in mine], axis=0),
            total=np.sum([c.total for c in mine], axis=0),
        )

    def table(self) -> list[tuple[str, ...]]:
        """Rows of a table: joint and share of its confident ones, by modality; the last row is of all joints."""
        whole = [self.of(modality) for modality in MODALITIES]
        shares = [_shares(c.confident, c.found) for c in whole]
        rows = [("joint", *MODALITIES)]
        rows += [(joint, *(_percent(s[j]) for s in shares)) for j, joint in enumerate(JOINTS)]
        return [*rows, ("all joints", *(_percent(float(s.mean())) for s in shares))]

    def __str__(self) -> str:
        """Lines for the terminal."""
        lines = [
            f"{modality}: {c.found:,} of {c.frames:,} frames have a skeleton"
            for modality in MODALITIES
            for c in [self.of(modality)]
        ]
        lines.append(f"joints with confidence {CONFIDENT} or more:")
        lines += [f"  {joint:<15}{a:>9}{b:>10}" for joint, a, b in self.table()]
        return "\n".join(lines)


def modality_of(key: str) -> Modality:
    """Of a frame, by its key `<identity>/<ir|rgb>/...`."""
    return "infrared" if key.split("/", 2)[1] == "ir" else "visible"


def measure_skeletons(frames: Mapping[str, FrameList], files: Mapping[str, Path]) -> Quality:
    """Read every skeleton of the index.

    Args:
        frames: of each split.
        files: skeleton file of each split.

    Raises:
        DataError: a file cannot be read.
    """
    parts: dict[tuple[str, Modality], Confidences] = {}
    made_by = {}
    for split, path in files.items():
        store = Hdf5Skeletons(path)
        made_by[split] = " ".join(store.attributes.get(name, "unknown") for name in ("estimator", "version"))
        keys = dict.fromkeys(frames[split].keys)
        for modality in MODALITIES:
            mine = [key for key in keys if modality_of(key) == modality]
            found = [joints[:, 2] for key in mine if (joints := store.read(key)) is not None]
            values = np.nan_to_num(np.array(found, np.float64).reshape(-1, NUMBER_OF_JOINTS))
            confident = (values >= CONFIDENT).sum(axis=0)
            parts[split, modality] = Confidences(len(mine), len(found), confident, values.sum(axis=0))
    return Quality(parts, dict(files), made_by)


def write_report(quality: Quality, folder: Path, title: str, notes: Mapping[str, Sequence[str]]) -> list[Path]:
    """Write `skeletons.md` for people and `skeletons.csv` for programs beside the skeleton files.

    Args:
        quality: of the files.
        folder: of the files.
        title: first line of the Markdown file.
        notes: further lists, by heading; an empty one is left out.

    Raises:
        DataError: a file cannot be written.
    """
    contents = {folder / MARKDOWN_FILE: _markdown(quality, title, notes), folder / CSV_FILE: _csv(quality)}
    for path, text in contents.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DataError(f"report {path} cannot be written: {error.strerror}") from error
    return list(contents)


def _markdown(quality: Quality, title: str, notes: Mapping[str, Sequence[str]]) -> str:
    lines = [f"# {title}", ""]
    lines += [f"- {path.name}: made by {quality.made_by[split]}" for split, path in quality.files.items()]
    lines += ["", "| split | modality | frames | with skeleton |", "|---|---|---:|---:|"]
    lines += [f"| {split} | {m} | {c.frames:,} | {c.found:,} |" for (split, m), c in quality.parts.items()]
    lines += ["", f"Share of joints with confidence {CONFIDENT} or more, of the frames with a skeleton:", ""]
    head, *rows = quality.table()
    lines += [f"| {' | '.join(head)} |", "|---|---:|---:|", *(f"| {' | '.join(row)} |" for row in rows)]
    for heading, items in notes.items():
        if items:
            lines += ["", f"## {heading}", "", *(f"- {item}" for item in items)]
    return "\n".join(lines) + "\n"


def _csv(quality: Quality) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "modality", "joint", "frames", "with_skeleton", "confident_share", "mean_confidence"])
    for (split, modality), c in quality.parts.items():
        shares, means = _shares(c.confident, c.found), _shares(c.total, c.found)
        for j, joint in enumerate(JOINTS):
            writer.writerow([split, modality, joint, c.frames, c.found, f"{shares[j]:.4f}", f"{means[j]:.4f}"])
    return text.getvalue()


def _shares(counts: np.ndarray, found: int) -> np.ndarray:
    return counts / found if found else np.full(len(counts), np.nan)


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"
