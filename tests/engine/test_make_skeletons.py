"""`star-skeletons` as its user runs it."""

from __future__ import annotations

import csv
import shutil
import signal
from pathlib import Path

import pytest
from support.commands import start
from support.fork_server import run_forked
from support.tiny_vcm import plain_joints, write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.skeleton_source import require_skeletons
from star.pose.partial_files import FOLDER

MODEL = Path("models") / "movenet_lightning_int8.tflite"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and everything that was said."""
    done = run_forked("skeletons", arguments, folder)
    return done.returncode, done.stdout


@pytest.fixture
def heatmap_model(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    models = pytest.importorskip("support.pose_models")
    return models.write_heatmap_model(tmp_path / "follower.onnx", 256, 192)


@pytest.fixture
def vcm(tmp_path: Path) -> Path:
    return write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=1).root


def test_a_heat_map_model_gives_files_report_and_picture(tmp_path: Path, vcm: Path, heatmap_model: Path):
    arguments = [f"dataset.root={vcm}", "out=made", "pose=onnx_heatmap", f"pose.model={heatmap_model}", "workers=2"]
    code, said = run(tmp_path, *arguments)
    assert code == 0, said
    assert "96 frames: 96 estimated now, 0 found done, 0 failed; 0:00:" in said and "right_ankle" in said
    files = {"dataset-train.h5", "dataset-test.h5", "skeletons.md", "skeletons.csv", "skeletons.png"}
    assert {path.name for path in (tmp_path / "made").iterdir()} == files
    assert all(f"written: made/{name}" in said for name in files)
    require_skeletons(read_hitsz_vcm(vcm, skeletons=tmp_path / "made"))
    report = (tmp_path / "made" / "skeletons.md").read_text()
    assert "onnx_heatmap/follower" in report and "pose.padding: 1.25" in report and "model sha256: " in report
    with (tmp_path / "made" / "skeletons.csv").open() as file:
        assert {(r["split"], r["modality"]) for r in csv.DictReader(file)} == {
            (split, modality) for split in ("train", "test") for modality in ("visible", "infrared")
        }

    code, said = run(tmp_path, *arguments)
    assert code == 0 and "96 frames: 0 estimated now, 96 found done" in said
    code, said = run(tmp_path, *arguments, "pose.padding=1.5")
    assert code == 1 and said.startswith("error: made/dataset-train.h5 holds skeletons made with something else")
    assert "Traceback" not in said


def test_a_frame_that_cannot_be_decoded_is_named(tmp_path: Path, vcm: Path, heatmap_model: Path):
    bad = vcm / "Train" / "0001" / "ir" / "D2" / "3.jpg"
    bad.write_bytes(bad.read_bytes()[:-9])
    code, said = run(tmp_path, f"dataset.root={vcm}", "out=made", "pose=onnx_heatmap", f"pose.model={heatmap_model}")
    assert code == 0, said
    assert "95 estimated now, 0 found done, 1 failed" in said and f"  frame {bad} is truncated" in said
    assert f"- frame {bad} is truncated" in (tmp_path / "made" / "skeletons.md").read_text()
    assert "infrared: 47 of 48 frames have a skeleton" in said


def test_ctrl_c_says_that_the_same_command_continues(tmp_path: Path, vcm: Path, heatmap_model: Path):
    arguments = (f"dataset.root={vcm}", "out=made", "pose=onnx_heatmap", f"pose.model={heatmap_model}")
    process = start("skeletons", arguments, tmp_path)
    parts = tmp_path / "made" / FOLDER
    while process.poll() is None and not any(path.stat().st_size for path in parts.glob("*.part")):
        pass
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("96 frames were done before the signal arrived")
    assert process.returncode == 130 and said.endswith("interrupted\n") and "Traceback" not in said
    assert "frames are kept; the same command continues" in said
    code, said = run(tmp_path, *arguments)
    assert code == 0 and "continuing: " in said and " 0 found done" not in said


def test_the_skeletons_of_the_release_are_imported(tmp_path: Path):
    other = write_tiny_vcm(tmp_path / "other", identities=2, test_identities=2, tracklets=1, skeletons=True)
    vcm = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=1).root
    arguments = [f"dataset.root={vcm}", "out=made", "import=hdf5", f"source={other.root}"]
    code, said = run(tmp_path, *(text for text in arguments if text != "out=made"), "--dry-run")
    assert code == 0 and said.endswith("nothing is written (dry_run=true)\n") and not (tmp_path / "made").exists()
    code, said = run(tmp_path, *arguments)
    assert code == 0, said
    assert (
        "frames with a skeleton" in said
        and "train 48, test 48" in said
        and said.count("written: made/dataset-train.h5") == 1
    )
    assert ["nose", "100.0%", "100.0%"] in [line.split() for line in said.splitlines()]
    assert (tmp_path / "made" / "skeletons.png").is_file()
    store = read_hitsz_vcm(vcm, skeletons=tmp_path / "made").train.skeletons
    assert store is not None
    joints = store.read("0001/ir/D2/3")
    assert joints is not None and (joints == plain_joints()).all()
    code, said = run(tmp_path, *arguments)
    assert code == 1 and "h5 is there already: give another folder as out=, or overwrite=true" in said
    code, said = run(tmp_path, *arguments, "overwrite=true")
    assert code == 0, said


def test_every_mistake_is_named_at_once(tmp_path: Path):
    code, said = run(
        tmp_path,
        *("pose=onnx_heatmap", "pose.model=none.onnx", "pose.channel_order=gbr", "pose.pading=2", "workers=0"),
        *("dataset.root=nowhere", "source=results.json", "experiment=star"),
    )
    assert code == 1
    assert said.startswith("error: the configuration has 8 problems:\n")
    for line in (
        "experiment: given star, expected no such group here (the groups: dataset, pose)",
        "pose.pading: given 2, expected no such key (did you mean padding?)",
        "pose.channel_order: given 'gbr', expected one of rgb, bgr",
        "workers: given 0, expected an integer (at least 1)",
        "dataset.root: given nowhere, expected an existing folder",
        "out: given null, expected a folder for the skeleton files (out=FOLDER)",
        "pose.model: given none.onnx, expected an existing file",
        "source: given results.json, expected import=FORMAT beside it",
    ):
        assert f"  {line}\n" in said


def test_help_explains_groups_and_keys(tmp_path: Path):
    code, said = run(tmp_path, "--help")
    assert code == 0
    assert "pose: movenet, onnx_heatmap, rtmpose" in said
    for key in ("out:", "workers:", "overwrite:", "import:", "source:", "model:", "variant:", "mean:", "padding:"):
        assert f"  {key}" in said
    code, said = run(tmp_path, "--cfg", "job", "pose=rtmpose")
    assert code == 0 and "variant: balanced" in said


@pytest.mark.data
def test_movenet_on_real_crops(tmp_path: Path, shared: Path):
    pytest.importorskip("ai_edge_litert")
    real = shared / "data" / "m3svd_vcm"
    shutil.copytree(real / "info", tmp_path / "vcm" / "info")
    for split, folder in (("train", "Train"), ("test", "Test")):
        (tmp_path / "vcm" / folder).symlink_to(real / folder)
        names = tmp_path / "vcm" / "info" / f"{split}_name.txt"
        names.chmod(0o644)
        names.write_text("\n".join(names.read_text().split()[::20]) + "\n")
    code, said = run(tmp_path, "dataset.root=vcm", "out=made", f"pose.model={shared / MODEL}", "workers=2")
    assert code == 0, said
    with (tmp_path / "made" / "skeletons.csv").open() as file:
        rows = list(csv.DictReader(file))
    for modality, least in (("visible", 0.7), ("infrared", 0.5)):
        shares = [float(r["confident_share"]) for r in rows if r["modality"] == modality]
        assert sum(shares) / len(shares) > least
