import csv

import numpy as np
import pytest
from support.tiny_vcm import write_jpeg, write_tiny_vcm

from star.data.coco_joints import JOINTS
from star.data.skeleton_stores import HDF5_FILES, SkeletonWriter
from star.pose.frame_list import list_frames
from star.pose.quality import measure_skeletons, write_report


@pytest.fixture
def measured(tmp_path):
    """24 visible and 24 infrared frames of train, of which 12 visible have no skeleton; as many of test, all with."""
    tiny = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=1)
    frames = list_frames(tiny.root)
    files = {split: tmp_path / name for split, name in HDF5_FILES.items()}
    for split, listed in frames.items():
        sha = listed.index_sha256
        with SkeletonWriter(files[split], estimator="e", version="7", index_sha256=sha) as writer:
            for key in listed.keys:
                if split == "train" and key.startswith("0002/rgb"):
                    continue
                joints = np.full((17, 3), 0.2)
                joints[0, 2] = 0.3
                joints[1, 2] = 0.9 if "/ir/" in key and split == "test" else np.nan
                joints[2, 2] = 1.0 if int(key.rpartition("/")[2]) <= 3 else 0
                writer.write(key, joints)
    return frames, measure_skeletons(frames, files)


def test_shares_are_of_the_frames_with_a_skeleton(measured):
    _, quality = measured
    visible, infrared = quality.of("visible"), quality.of("infrared")
    assert (visible.frames, visible.found, infrared.frames, infrared.found) == (48, 36, 48, 48)
    rows = {name: shares for name, *shares in quality.table()}
    assert rows["joint"] == ["visible", "infrared"]
    assert rows["nose"] == ["100.0%", "100.0%"]
    assert rows["left_eye"] == ["0.0%", "50.0%"]
    assert rows["right_eye"] == ["25.0%", "25.0%"]
    assert rows["left_ear"] == ["0.0%", "0.0%"]
    assert rows["all joints"] == [f"{1.25 / 17:.1%}", f"{1.75 / 17:.1%}"]
    assert "visible: 36 of 48 frames have a skeleton" in str(quality)
    assert set(rows) == {"joint", *JOINTS, "all joints"}


def test_the_report_is_written_for_people_and_for_programs(measured, tmp_path):
    _, quality = measured
    markdown, table = write_report(quality, tmp_path, "Title", {"Lost": ["a.jpg", "b.jpg"], "Empty": []})
    text = markdown.read_text()
    assert text.startswith("# Title\n") and "## Lost\n\n- a.jpg\n- b.jpg" in text and "Empty" not in text
    assert "dataset-train.h5: made by e 7" in text and "| train | visible | 24 | 12 |" in text
    assert "| right_eye | 25.0% | 25.0% |" in text
    with table.open() as file:
        rows = {(r["split"], r["modality"], r["joint"]): r for r in csv.DictReader(file)}
    assert len(rows) == 4 * 17
    row = rows["test", "infrared", "left_eye"]
    assert (row["frames"], row["with_skeleton"], row["confident_share"], row["mean_confidence"]) == (
        *("24", "24", "1.0000", "0.9000"),
    )


def test_a_modality_without_skeletons_has_no_shares(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", identities=1, test_identities=1, tracklets=1)
    (tiny.index / "train_name.txt").write_text("0001M1D2T1F1.jpg\n")
    write_jpeg(tiny.train / "0001/ir/D2/1.jpg", np.zeros((8, 8), np.uint8))
    frames = {"train": list_frames(tiny.root)["train"]}
    sha = frames["train"].index_sha256
    with SkeletonWriter(tmp_path / "a.h5", estimator="e", version="7", index_sha256=sha) as writer:
        writer.write("0001/ir/D2/1", np.ones((17, 3)))
    quality = measure_skeletons(frames, {"train": tmp_path / "a.h5"})
    assert ("nose", "-", "100.0%") in quality.table()
