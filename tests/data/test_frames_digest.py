"""Other pictures under the names of a data set."""

import shutil
from pathlib import Path

import numpy as np
from support.tiny_vcm import write_jpeg, write_tiny_vcm

from star.data.frames_digest import frames_digest
from star.data.hitsz_vcm import read_hitsz_vcm


def test_other_frames_have_another_digest_and_copies_the_same(tmp_path: Path):
    root = write_tiny_vcm(tmp_path / "vcm").root
    digest = frames_digest(read_hitsz_vcm(root))
    copy = shutil.copytree(root, tmp_path / "copy")
    assert frames_digest(read_hitsz_vcm(copy)) == digest
    frames = sorted((copy / "Test").rglob("*.jpg"))
    for path in frames:
        write_jpeg(path, np.zeros((48, 24, 3), np.uint8))
    black = frames_digest(read_hitsz_vcm(copy))
    for path in frames:
        path.write_bytes(b"")
    assert len({digest, black, frames_digest(read_hitsz_vcm(copy))}) == 3
