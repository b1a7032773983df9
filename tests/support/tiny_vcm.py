"""Small data sets in the HITSZ-VCM layout for tests."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from star.data.skeleton_stores import HDF5_FILES, SkeletonWriter, index_sha256

HEIGHT, WIDTH = 48, 24
INFRARED_CAMERA, VISIBLE_CAMERA = 2, 1


class TinyVcm(NamedTuple):
    """Attributes: root; index (folder of the index files); train, test (folders of the frames)."""

    root: Path
    index: Path
    train: Path
    test: Path


def write_tiny_vcm(
    root: Path,
    *,
    identities: int = 4,
    test_identities: int = 3,
    frames: int = 12,
    tracklets: int = 2,
    layout: str = "info",
    skeletons: bool = False,
    seed: int = 0,
) -> TinyVcm:
    """Write a data set: every identity has `tracklets` infrared and as many visible tracklets of `frames` frames.

    Args:
        root: folder to fill.
        identities: 1, 2, ... in train; the test identities follow on.
        test_identities: their number.
        frames: of every tracklet.
        tracklets: per identity and modality.
        layout: "info" (Train, Test, info) or "flat" (identities and index files at the root).
        skeletons: also write both HDF5 files; joint j of a frame is at (1 + j, 2 + 2 j), confidence 0.9.
        seed: of the pixels.
    """
    random = np.random.default_rng(seed)
    folders = {
        "info": TinyVcm(root, root / "info", root / "Train", root / "Test"),
        "flat": TinyVcm(root, root, root, root),
    }[layout]
    folders.index.mkdir(parents=True, exist_ok=True)
    people = range(1, identities + 1), range(identities + 1, identities + test_identities + 1)
    for split, folder, chosen in zip(("train", "test"), (folders.train, folders.test), people, strict=True):
        names, keys, tracks, queries = [], [], [], []
        for identity in chosen:
            colour = random.integers(40, 216, 3)
            for code, kind, camera in ((1, "ir", INFRARED_CAMERA), (2, "rgb", VISIBLE_CAMERA)):
                for tracklet in range(tracklets):
                    first = len(names) + 1
                    for number in range(tracklet * frames + 1, (tracklet + 1) * frames + 1):
                        names.append(f"{identity:04d}M{code}D{camera}T{tracklet + 1}F{number}.jpg")
                        keys.append(f"{identity:04d}/{kind}/D{camera}/{number}")
                        write_jpeg(folder / f"{keys[-1]}.jpg", _picture(random, colour, grey=code == 1))
                    tracks.append(f"{code} {first} {len(names)} {identity} {camera}")
                    queries += [str(len(tracks))] if code == 1 else []
        (folders.index / f"{split}_name.txt").write_text("\n".join(names) + "\n")
        (folders.index / f"track_{split}_info.txt").write_text("\n".join(tracks) + "\n")
        if split == "test":
            (folders.index / "query_IDX.txt").write_text(" ".join(queries) + "\n")
        if skeletons:
            write_skeletons(root / HDF5_FILES[split], names, keys)
    return folders


def write_skeletons(path: Path, names: list[str], keys: list[str], *, joints: np.ndarray | None = None) -> None:
    """An HDF5 file with the same joints [j 3] (see `plain_joints`) in every frame."""
    with SkeletonWriter(path, estimator="test", version="1", index_sha256=index_sha256(names)) as writer:
        for key in keys:
            writer.write(key, plain_joints() if joints is None else joints)


def plain_joints() -> np.ndarray:
    """[17 3]: joint j at (1 + j, 2 + 2 j) pixels, confidence 0.9."""
    steps = np.arange(17, dtype=np.float32)
    return np.stack([1 + steps, 2 + 2 * steps, np.full(17, 0.9, np.float32)], axis=1)


def write_jpeg(path: Path, frame: np.ndarray, quality: int = 95) -> None:
    """Write an RGB [h w 3] or grey [h w] uint8 frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def _picture(random: np.random.Generator, colour: np.ndarray, *, grey: bool) -> np.ndarray:
    shades = random.integers(-30, 31, (HEIGHT // 8, WIDTH // 8, 1)).repeat(8, 0).repeat(8, 1)
    frame = (colour + shades).clip(0, 255).astype(np.uint8)
    return frame[..., 0] if grey else frame
