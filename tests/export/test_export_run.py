"""`star-export` on a stored run: its files have the run's features, also where MindSpore is not installed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.stored_runs import FEATURES, STORED
from support.without_mindspore import run_without_mindspore

import star
from star.config.export_command import ExportConfig
from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import ConfigError, DataError, StarError
from star.export.check import check_features, largest_difference
from star.export.errors import ExportError
from star.export.export_run import export_run
from star.export.mindir_files import write_mindir
from star.inference.model import Model
from star.inference.run_network import load_run_network

NOT_NEEDED = ("mlflow", "hydra", "omegaconf", "pandas", "einops", "h5py", "safetensors", "matplotlib", "scipy", "onnx")
CLIPS = np.full((3, 4, 40, 20, 3), 90, np.uint8)
EMBED = """
import numpy as np
import star
model = star.load({path!r})
features = model.embed(np.full((3, 4, 40, 20, 3), 90, np.uint8), "infrared")
np.save("features.npy", features)
"""


def test_the_command_says_what_it_wrote_and_how_exact_it_is(exported: Any):
    names = {path.name for path in exported.folder.iterdir()} - {exported.older}
    assert names == {"model.onnx", "model.json", "model.int8.onnx", "model.int8.json"}
    given = "model.onnx: opset 17, inputs frames, infrared, any number of clips; its features differ from"
    assert exported.said.startswith(given)
    assert all(f"written: {exported.folder / name} (" in exported.said for name in names)
    assert f"left from an earlier export, and not of this one: {exported.older}" in exported.said


def test_the_exported_model_has_the_run_s_features(exported: Any):
    model, run = star.load(exported.folder / "model.onnx"), star.load(exported.run)
    assert isinstance(model, Model) and model.fingerprint == run.fingerprint
    for face in ("dim", "frames", "size", "uses_joints", "modalities"):
        assert getattr(model, face) == getattr(run, face)
    with np.load(STORED / "baseline" / FEATURES, allow_pickle=False) as kept:
        for split in read_hitsz_vcm(exported.root).test_splits:
            features = np.concatenate(list(model.embed_split(split)))
            np.testing.assert_allclose(features, kept[split.name], rtol=0, atol=1e-5, err_msg=split.name)


def test_it_runs_without_mindspore_and_most_other_packages(exported: Any, tmp_path: Path):
    path = exported.folder / "model.onnx"
    result, _ = run_without_mindspore(EMBED.format(path=str(path)), tmp_path, *NOT_NEEDED)
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), star.load(path).embed(CLIPS, "infrared"))


def test_the_file_describes_itself_and_names_no_place(exported: Any):
    text = (exported.folder / "model.json").read_text()
    record = json.loads(text)
    assert (record["frames"], record["height"], record["width"], record["uses_joints"]) == (2, 32, 16, False)
    assert record["onnx"] == {"file": "model.onnx", "opset": 17, "inputs": ["frames", "infrared"]}
    assert record["fingerprint"] == star.load(exported.folder / "model.onnx").fingerprint
    assert record["config"]["skeleton_graph"]["bones"] is False
    assert str(exported.root) not in text


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
@pytest.mark.parametrize("of", ["weights", "description"])
def test_a_file_that_was_changed_is_refused(exported: Any, tmp_path: Path, name: str, of: str):
    model = onnx.load(exported.folder / name)
    if of == "weights":
        weights = next(tensor for tensor in model.graph.initializer if len(tensor.raw_data) > 100)
        weights.raw_data = bytes(len(weights.raw_data))
    else:
        described = next(entry for entry in model.metadata_props if entry.key == "star")
        described.value = described.value.replace('"height": 32', '"height": 64')
    onnx.save(model, tmp_path / name)
    with pytest.raises(DataError, match=f"{name} was changed after it was exported: its checksum differs"):
        star.load(tmp_path / name)


def test_the_8_bit_model_is_measured_and_its_features_are_kept_apart(exported: Any):
    record = json.loads((exported.folder / "model.int8.json").read_text())
    means = {kind: np.mean([scores["i2v/mAP"], scores["v2i/mAP"]]) for kind, scores in record["scores"].items()}
    assert "model.int8.onnx: 11 convolutions in 8 bits, ranges of 4 training clips; mean mAP" in exported.said
    assert f"of the test set {means['int8']:.2f} instead of {means['float']:.2f}" in exported.said
    run = json.loads((exported.run / "checkpoints" / "last.json").read_text())["scores"]
    assert record["scores"]["float"] == pytest.approx(run)
    kinds = [node.op_type for node in onnx.load(exported.folder / "model.int8.onnx").graph.node]
    assert kinds.count("Conv") == 11 and "QuantizeLinear" in kinds
    small, whole = (star.load(exported.folder / name) for name in ("model.int8.onnx", "model.onnx"))
    assert small.fingerprint != whole.fingerprint
    assert re.fullmatch("int8 [0-9a-f]{16}", small.description.variant), "of its own weights"
    cosines = (small.embed(CLIPS, "visible") * whole.embed(CLIPS, "visible")).sum(axis=1)
    assert (cosines > 0.9).all()


@pytest.mark.slow
def test_mindspore_s_own_format_is_checked_too(exported: Any, tmp_path: Path):
    files, said = write_mindir(load_run_network(exported.run), tmp_path, clips=2)
    assert [file.name for file in files] == ["visible.mindir", "infrared.mindir"] and all(map(Path.is_file, files))
    assert said.startswith("visible.mindir and infrared.mindir: inputs frames, joints, 2 clips at a time; its features")


def test_features_that_differ_are_refused(exported: Any):
    loaded = load_run_network(exported.run)
    with pytest.raises(ExportError, match=r"other.onnx: its features differ .*, expected at most 0.0001; nothing is"):
        check_features("other.onnx", lambda batch, modality: np.ones((batch.count, 16)), loaded, clips=[1])
    with pytest.raises(ExportError, match="differ from MindSpore's by at most nan"):
        check_features("nan.onnx", lambda batch, modality: np.full((batch.count, 16), np.nan), loaded, clips=[1])


def test_what_has_not_been_checked_is_not_left(
    exported: Any, check: Callable[..., ExportConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(loaded: object, folder: Path) -> None:
        (folder / "model.onnx").touch()
        raise ExportError("differs")

    monkeypatch.setattr("star.export.onnx_files.write_onnx", fail)
    with pytest.raises(ExportError, match="differs"):
        export_run(check(run=exported.run, out=tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_difference_is_a_share_of_a_row_s_largest_number():
    expected = np.array([[1.0, -4.0], [0.5, 0.0]])
    assert largest_difference(expected + [[0.0, 0.2], [0.0, 0.0]], expected) == pytest.approx(0.05)


def test_what_cannot_be_exported_is_refused(
    exported: Any, check: Callable[..., ExportConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(ConfigError, match="run: given null, expected the id or the folder of a run"):
        check()
    with pytest.raises(ConfigError, match="dataset.root: given nowhere, expected an existing folder"):
        export_run(check(run=exported.run, out=tmp_path, int8=True, root="nowhere"))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(StarError, match=r"needs the package onnx, .*pip install 'star-vvi-reid\[export\]'"):
        export_run(check(run="any"))


def test_other_files_are_refused(exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DataError, match="nowhere.onnx is missing, expected a model that star-export wrote"):
        star.load(tmp_path / "nowhere.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(DataError, match="text.onnx cannot be loaded .*: expected a model that star-export wrote"):
        star.load(tmp_path / "text.onnx")
    foreign = onnx.load(exported.folder / "model.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(DataError, match="foreign.onnx is an ONNX model without a description"):
        star.load(tmp_path / "foreign.onnx")
    with pytest.raises(DataError, match=r"overrides: given \['seed=1'\], expected none"):
        star.load(exported.folder / "model.onnx", overrides=["seed=1"])
    with pytest.raises(DataError, match="checkpoint: given best, but .*model.onnx was exported from last"):
        star.load(exported.folder / "model.onnx", checkpoint="best")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(StarError, match="exported models need the package onnxruntime"):
        star.load(exported.folder / "model.onnx")
