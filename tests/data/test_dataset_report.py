import re

import numpy as np
import pytest
from support.tiny_vcm import plain_joints, write_jpeg, write_skeletons, write_tiny_vcm

from star.data.dataset_report import check_dataset, format_report
from star.data.decode import read_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import read_names


def test_whole_data_set(whole):
    done = []
    report = check_dataset(whole, workers=2, on_progress=lambda frames, total: done.append((frames, total)))
    assert report.checked == 560 and report.bad == () and done[-1] == (560, 560)
    assert [(s.name, s.identities, s.tracklets, s.frames) for s in report.splits] == [
        ("train", 4, 16, 320),
        ("query", 3, 6, 120),
        ("gallery", 3, 6, 120),
    ]
    assert report.splits[0].cameras == {"visible": [1], "infrared": [2]} and report.splits[1].cameras == {
        "infrared": [2]
    }
    assert report.heights == (48, 48) and report.widths == (24, 24)
    assert report.skeletons["train", "visible"] == (160, 160, 160, 160 * 17, 0, 0)
    assert list(report.skeletons) == [
        *(("train", "infrared"), ("train", "visible"), ("query", "infrared"), ("gallery", "visible"))
    ]
    text = format_report(report)
    assert (
        "560 checked, 0 bad" in text and "4 identities" in text and "train visible: 160 of 160 frames (100.0%)" in text
    )


def test_bad_files_are_counted_and_the_first_ten_named(tiny):
    data = read_hitsz_vcm(tiny.root)
    files = [data.gallery.frames.path / f"{key}.jpg" for key in data.gallery.tracklets[0].frames]
    files[0].unlink()
    files[1].write_bytes(b"")
    files[2].write_bytes(b"text")
    for file in files[3:]:
        file.write_bytes(file.read_bytes()[:-9])
    report = check_dataset(data, workers=2)
    assert report.checked == 336 and len(report.bad) == 12
    text = format_report(report)
    assert "12 bad" in text and "... and 2 more" in text
    assert all(text.count(str(file)) == (1 if place < 10 else 0) for place, file in enumerate(files))
    assert [word in text for word in ("is missing", "is empty", "not a JPEG", "is truncated")] == [True] * 4


def test_skeleton_coverage_and_confidence(tiny):
    listed = read_names(tiny.index / "train_name.txt")
    infrared = [key for key in listed.keys if "/ir/" in key]
    write_skeletons(tiny.root / "dataset-train.h5", listed.names, infrared[:48])
    report = check_dataset(read_hitsz_vcm(tiny.root))
    counts = {part: found[:3] for part, found in report.skeletons.items()}
    assert counts == {
        ("train", "infrared"): (96, 48, 48),
        ("train", "visible"): (96, 0, 0),
        ("query", "infrared"): (72, 72, 72),
        ("gallery", "visible"): (72, 72, 72),
    }
    text = format_report(report)
    assert "skeletons train infrared: 48 of 96 frames (50.0%), 100.0% of their joints" in text
    assert "skeletons train visible: 0 of 96 frames (0.0%)\n" in text
    assert "note: no frame of train visible has a skeleton with a joint" in text and text.count("note:") == 1


def test_joints_that_are_no_numbers_are_counted(tiny):
    listed = read_names(tiny.index / "test_name.txt")
    joints = plain_joints()
    joints[3, 0], joints[5, 2], joints[6, 1] = np.nan, np.inf, -np.inf
    write_skeletons(tiny.root / "dataset-test.h5", listed.names, listed.keys, joints=joints)
    report = check_dataset(read_hitsz_vcm(tiny.root))
    assert report.skeletons["query", "infrared"] == (72, 72, 72, 72 * 14, 72 * 3, 0)
    text = format_report(report)
    assert "query infrared: 72 of 72 frames (100.0%), 82.4% of their joints have confidence 0.3 or more, NaN or" in text
    assert text.count("NaN or infinite: 216") == 2 and "note:" not in text


def test_joints_far_outside_their_frame_are_counted_and_named(tiny):
    listed = read_names(tiny.index / "test_name.txt")
    joints = plain_joints()
    joints[14, 0] = -1e30
    write_skeletons(tiny.root / "dataset-test.h5", listed.names, listed.keys, joints=joints)
    report = check_dataset(read_hitsz_vcm(tiny.root))
    assert report.skeletons["gallery", "visible"] == (72, 72, 72, 72 * 16, 0, 72) and len(report.far) == 144
    text = format_report(report)
    assert text.count("94.1% of their joints have confidence 0.3 or more, more than ten frame sizes outside: 72") == 2
    first = report.far[0]
    assert re.fullmatch(r".*dataset-test\.h5, key 0005/ir/D2/1: right_knee at \(-1e\+30, 30\)", first) and first in text
    assert "... and 134 more" in text


@pytest.mark.parametrize("value", [np.nan, 0])
def test_skeletons_without_a_joint_that_counts_are_noted(tiny, value):
    listed = read_names(tiny.index / "test_name.txt")
    write_skeletons(tiny.root / "dataset-test.h5", listed.names, listed.keys, joints=plain_joints() * np.float32(value))
    report = check_dataset(read_hitsz_vcm(tiny.root))
    assert report.skeletons["gallery", "visible"][:3] == (72, 72, 0)
    text = format_report(report)
    assert all(f"note: no frame of {part} has a skel" in text for part in ("query infrared", "gallery visible"))
    assert "nan%" not in text


def test_frame_sizes_notes_and_no_skeletons(tiny):
    for file in tiny.root.glob("*.h5"):
        file.unlink()
    (tiny.index / "query_IDX.txt").write_text("1 5")
    data = read_hitsz_vcm(tiny.root)
    path = data.train.frames.path / f"{data.train.tracklets[0].frames[0]}.jpg"
    write_jpeg(path, read_frame(path)[:40, :20])
    report = check_dataset(data)
    assert report.heights == (40, 48) and report.widths == (20, 24) and report.skeletons == {}
    assert "skeletons: none" in format_report(report) and "note: 4 infrared test tracks" in format_report(report)


def test_the_smallest_frame_is_named_where_sizes_differ_wildly(tiny):
    data = read_hitsz_vcm(tiny.root)
    paths = [data.train.frames.path / f"{key}.jpg" for key in data.train.tracklets[0].frames[:3]]
    write_jpeg(paths[0], read_frame(paths[0])[:4, :3])
    assert check_dataset(data).tiny is None  # 12 of 1,152 pixels
    write_jpeg(paths[0], read_frame(paths[0])[:2, :2])
    write_jpeg(paths[2], read_frame(paths[2])[:1, :1])
    paths[1].write_bytes(b"")
    text = format_report(check_dataset(data, workers=2))
    assert "2 frames have less than a hundredth of the median's 1,152 pixels" in text
    assert f"smallest: {paths[2]} (height 1, width 1)" in text


def test_quick_check_samples(tmp_path, monkeypatch):
    monkeypatch.setattr("star.data.dataset_report._SAMPLED", 50)
    write_tiny_vcm(tmp_path)
    assert check_dataset(read_hitsz_vcm(tmp_path), full=False).checked == pytest.approx(50, abs=10)
