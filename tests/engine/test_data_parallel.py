"""Two processes that train together compute what one computes with the whole batch."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.commands import smallest
from support.methods import EXTRA

from star.engine import launch
from star.engine.launch import ProcessError, run_workers

LARGER = {"mitml": ("schedule.tracklets=3",)}
"""Over four clips the eight batch norms of its adversary magnify rounding: a confusion term 1.3e-4 away."""
SUPPORT = Path(__file__).resolve().parents[1] / "support"


def of_two_workers(folder: Path, root: Path, experiment: str, *more: str) -> list[dict[str, Any]]:
    """What each of two processes has found."""
    overrides = smallest(
        f"experiment={experiment}", "dataset=hitsz_vcm", f"dataset.root={root}", "hardware=cpu_2", *more
    )
    overrides += ["hardware.mode=pynative", "schedule.evaluation_batch=4"]
    run_workers(
        [sys.executable, str(SUPPORT / "two_workers.py"), str(folder / "found"), *overrides],
        2,
        folder,
        share_cores=True,
    )
    return [json.loads((folder / f"found.{rank}").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def found(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of the two has written."""
    return of_two_workers(tmp_path_factory.mktemp("workers"), tiny_root, "star")


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(EXTRA))
def test_a_step_of_every_method_is_that_of_one_process(method: str, tiny_root: Path, tmp_path: Path):
    """Losses that compare rows, graphs between tracklets, an adversary, a second stream: in two halves of the batch.

    Weights are compared where SGD moves them: Adam's first step is a gradient's sign, that of rounding where it is 0.
    """
    found = of_two_workers(tmp_path, tiny_root, method, *EXTRA[method], *LARGER.get(method, ()))
    for one in found:
        alone, together = one["losses"]
        assert together[0] == pytest.approx(alone[0], rel=1e-4, abs=1e-6)
        worst = max(value for name, value in one["tensors"].items() if name.startswith("model."))
        print(f"\n{method}: gradients {one['gradients']:.1e} away, weights {worst:.1e}")
        assert one["gradients"] < 5e-5
        assert worst < 1e-4 or any(".moment1." in name for name in one["tensors"])
        assert all(one["embeddings"])
    assert found[0]["checksum"] == found[1]["checksum"]


def test_each_has_cores_of_its_own(found: list[dict[str, Any]]):
    cores = os.sched_getaffinity(0)
    first, second = (set(one["cores"]) for one in found)
    assert first | second == cores
    assert not first & second or len(cores) == 1


def test_cores_are_shared_out_where_there_are_enough(monkeypatch: pytest.MonkeyPatch):
    held = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 1, 5, 7, 9})
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: held.update({pid: cores}))
    for rank in range(2):
        launch._hold_on_cores(100 + rank, rank, 2)
    launch._hold_on_cores(200, 0, 6)
    assert held == {100: [1, 3], 101: [5, 7, 9]}


def test_both_know_what_the_first_says_and_what_both_count(found: list[dict[str, Any]]):
    for one in found:
        assert one["messages"] == {"told": {"rank": 0, "text": "ä"}, "sum": {"a": 1, "b": 10}, "largest": 3}


def test_losses_and_update_are_those_of_one_process(found: list[dict[str, Any]]):
    """With batch norm, style attack and triplet over the whole batch: nothing has to be frozen."""
    for one in found:
        alone, together = one["losses"]
        assert together[0] == pytest.approx(alone[0], rel=1e-5)
        assert together[1] == pytest.approx(alone[1], rel=1e-4)
        worst = max(value for name, value in one["tensors"].items() if name.startswith("model."))
        assert worst < 1e-5
    assert found[0]["losses"][1] == found[1]["losses"][1]
    assert found[0]["checksum"] == found[1]["checksum"]


@pytest.mark.parametrize("name", ["triplet", "weighted_triplet", "modality_alignment", "easy_positive"])
def test_a_loss_of_the_whole_batch_with_its_gradient(found: list[dict[str, Any]], name: str):
    for one in found:
        alone, together, gradient = one["compared"][name]
        assert alone > 0 and together == pytest.approx(alone, rel=1e-6) and gradient < 1e-5


def test_embeddings_in_shares_are_bit_for_bit_those_of_one_process(found: list[dict[str, Any]]):
    assert all(same for one in found for same in one["embeddings"]) and len(found[0]["embeddings"]) == 2


def test_running_statistics_become_their_mean(found: list[dict[str, Any]]):
    assert max(one["statistics"] for one in found) < 1e-5


def test_a_worker_that_fails_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "_GRACE", 1.0)
    code = "import os, time; os.environ['RANK_ID'] == '1' and os.abort(); time.sleep(600)"
    before = time.monotonic()
    with pytest.raises(ProcessError, match="process 1 of 2 was ended by SIGABRT") as error:
        run_workers([sys.executable, "-c", code], 2, tmp_path)
    assert time.monotonic() - before < 50
    assert f"star-train resume={tmp_path}" in str(error.value)
    assert "MS_ROLE" not in os.environ
