"""Runs of methods whose terms begin late, killed before and after they begin, are the uninterrupted ones."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
from support.commands import SMALL
from support.fork_server import run_forked
from support.killed_runs import assert_same_run, run_folder, steps_done, stopped

from star.data.hitsz_vcm import read_hitsz_vcm
from star.engine.checkpoint import load_checkpoint
from star.evaluation.evaluator import rank_test_set
from star.inference.load import load

pytestmark = pytest.mark.slow

LATE = {
    "iban": ("anaglyph_identity", "anaglyph_easy_positive", "reconstruction"),
    "mitml": ("confusion",),
}
"""Terms that begin with the second epoch here; MITML has a second optimiser, IBAN a second stream also in ranking."""


@pytest.mark.parametrize("mode", ["pynative", "graph"])
@pytest.mark.parametrize("method", LATE)
def test_a_run_killed_on_both_sides_of_its_start_epoch_is_the_whole_one(
    method: str, mode: str, tiny_root: Path, tmp_path: Path
):
    late = [f"loss.{term}.from_epoch=1" for term in LATE[method]]
    arguments = (f"method={method}", *SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny_root}", f"hardware.mode={mode}")
    arguments += ("schedule.epochs=3", "schedule.batches_per_epoch=3", "checkpoint_every=1", *late)
    whole, outputs = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    outputs.mkdir()
    done = run_forked("train", arguments, whole)
    assert done.returncode == 0, done.stdout
    stopped(arguments, outputs, lambda: steps_done(outputs) >= 1, signal.SIGKILL)
    assert 1 <= steps_done(outputs) < 9
    again = (f"resume={run_folder(outputs)}",)
    ended = stopped(again, outputs, lambda: steps_done(outputs) >= 5, signal.SIGKILL)
    assert "continuing after epoch" in ended.stdout
    assert 5 <= steps_done(outputs) < 9
    done = run_forked("train", again, outputs)
    assert done.returncode == 0, done.stdout
    assert_same_run(outputs, whole)
    ranked = run_forked("evaluate", (f"run={run_folder(outputs)}",), outputs)
    assert ranked.returncode == 0 and "identical to the scores of the run" in ranked.stdout, ranked.stdout
    model, data = load(run_folder(outputs)), read_hitsz_vcm(tiny_root)
    features = {split.name: np.concatenate(list(model.embed_split(split))) for split in data.test_splits}
    scores = load_checkpoint(run_folder(outputs) / "checkpoints", "last")[1]["scores"]
    assert rank_test_set(data, features).metrics() == pytest.approx(scores)
