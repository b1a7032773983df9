"""Runs that commit 6139d49 left are ranked, reported, kept by their study and continued."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import yaml
from support.commands import Command
from support.experiment_numbers import ERASING
from support.stored_runs import FEATURES, NAMES, STORED, copy_run, import_run, write_data

from star.config.check import check_config
from star.config.migrations import migrate_overrides
from star.config.stored_run import stored_config
from star.engine.build_data import evaluation_loader, load_data
from star.engine.build_network import build_embedders, build_model
from star.engine.checkpoint import load_checkpoint
from star.engine.reevaluate import evaluate_run
from star.engine.train_state import NetworkState
from star.evaluation.evaluator import embed
from star.report import report
from star.study.runner import run_study
from star.tracking.runs import study_runs
from star.tracking.store import store_uri

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # of MLflow 3.17

COLUMNS = ["i2v/R1", "i2v/mAP", "v2i/R1", "v2i/mAP"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def stored(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with the stored runs and a store that knows them."""
    folder = tmp_path_factory.mktemp("outputs")
    for name in NAMES:
        import_run(copy_run(name, folder, root), store_uri(None, folder))
    return folder


@pytest.fixture
def study(root: Path, tmp_path: Path) -> Path:
    """A study of the stored runs; rows have the overrides that the runs do not share."""
    given = {name: json.loads((STORED / name / "run.json").read_text())["overrides"] for name in NAMES}
    shared = [text for text in given["baseline"] if text in given["star"]]
    common = [text for text in shared if not text.startswith(("seed=", "study=", "dataset.root="))]
    rows = []
    for name in NAMES:
        own = [text for text in given[name] if text not in shared and not text.startswith("experiment=")]
        rows.append({"name": name, "label": name, "experiment": name, "overrides": migrate_overrides(own)})
    common = [*migrate_overrides(common), *ERASING]
    about = {"title": "Stored", "text": "Stored.", "common": common, "baseline": "baseline"}
    folder = tmp_path / "stored"
    folder.mkdir()
    content = {**about, "seeds": [0], "rows": rows, "columns": COLUMNS, "fill_in": ["dataset.root=ROOT"]}
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.mark.parametrize("label", ["last", "best"])
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_has_the_scores_it_had(name: str, label: Literal["last", "best"], root: Path, tmp_path: Path):
    answer = evaluate_run(str(copy_run(name, tmp_path, root)), label=label)
    assert answer.endswith("identical to the scores of the run")


@pytest.mark.parametrize("name", ["baseline", pytest.param("star", marks=pytest.mark.slow)])
def test_the_exported_graph_gives_the_same_scores(name: str, root: Path, tmp_path: Path):
    pytest.importorskip("onnxruntime")
    from star.export.embedders import exported_embedders

    answer = evaluate_run(
        str(copy_run(name, tmp_path, root)), ["hardware.embedding=onnxruntime"], exported=exported_embedders
    )
    assert answer.endswith("identical to the scores of the run")


@pytest.mark.parametrize("mode", ["pynative", pytest.param("graph", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_has_the_features_it_had(name: str, mode: str, root: Path, tmp_path: Path):
    folder = copy_run(name, tmp_path, root)
    config = check_config(stored_config(folder, [f"hardware.mode={mode}"]))
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    NetworkState(model).restore(load_checkpoint(folder / "checkpoints", "last")[0])
    model.set_train(False)
    embedders = build_embedders(config, model)
    with np.load(STORED / name / FEATURES, allow_pickle=False) as kept:
        assert set(kept.files) == {split.name for split in data.test_splits}
        for split in data.test_splits:
            features = embed(embedders[split.modality], evaluation_loader(config, split))
            np.testing.assert_allclose(features, kept[split.name], rtol=0, atol=1e-5, err_msg=split.name)


def test_a_stored_run_is_reported(stored: Path, study: Path):
    assert [run.status for run in study_runs(store_uri(None, stored), "stored")] == ["FINISHED"] * len(NAMES)
    text = report(study, uri=None, outputs=stored)
    for name in NAMES:
        scores = json.loads((STORED / name / "scores.json").read_text())["final"]
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} ")][:1]
        assert all(f"{scores[column]:.2f}" in line for column in COLUMNS), line


def test_a_stored_run_is_not_trained_again(stored: Path, study: Path, root: Path):
    text, _ = run_study(study, [f"dataset.root={root}"], size=None, uri=None, outputs=stored, dry_run=True)
    assert "nothing is to be trained" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_goes_on(name: str, command: Command, stored: Path, root: Path, tmp_path: Path):
    """From the checkpoint after its first epoch, as if killed in the second: it ends with the weights it had."""
    folder = copy_run(name, tmp_path, root)
    expected, history = load_checkpoint(folder / "checkpoints", "last")
    last = folder / "checkpoints" / "last.json"
    last.write_bytes(last.read_bytes()[:-1])
    shutil.copy(stored / "mlflow.db", tmp_path)  # a new one costs seconds
    import_run(folder, store_uri(None, tmp_path))
    done = command("train", f"resume={folder}", into=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "continuing after epoch 1, step 2" in done.stdout
    tensors, state = load_checkpoint(folder / "checkpoints", "last")
    assert state["step"] == history["step"]
    assert {name: state["scores"].get(name) for name in history["scores"]} == history["scores"]
    for key, tensor in expected.items():
        largest = float(np.abs(tensor).max())
        np.testing.assert_allclose(tensors[key], tensor, rtol=0, atol=1e-5 * largest + 1e-7, err_msg=key)
