"""Jobs compiled for Ascend: those that do compile, and those with a mistake that only Ascend has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import ON_ASCEND
from support.methods import EXTRA, GUIDED, METHODS

from star.config.check import check_overrides
from star.config.compose import group_choices
from star.dry_run import command
from star.dry_run.cann import Cann, find_cann
from star.dry_run.command import DryRun, dry_run, simulation
from star.dry_run.errors import DryRunError
from star.dry_run.graphs import Graph
from star.dry_run.report import as_text
from star.errors import ConfigError

Simulate = Callable[..., DryRun]
EXPERIMENTS = sorted({*group_choices()["experiment"]} - METHODS)
BUDGET = 2**20 * 16
"""Bytes that no tiny job needs: the largest one takes 12 MB."""


@pytest.mark.parametrize("experiment", [pytest.param("baseline", marks=pytest.mark.slow), "star"])
def test_a_tiny_job_compiles(experiment: str, sound: Simulate):
    found = sound(f"experiment={experiment}")
    step = found.graphs[0]
    assert ("DynamicRNN" in step.kernels["aclop"]) == (experiment == "star")
    assert {"SGD", "Conv2DBackpropFilter"} <= step.kernels["aclop"].keys()
    assert 0 < found.peak <= BUDGET and found.with_fragments is not None
    text = as_text(found, kernels=True)
    assert "fits into 32 GB; fits into 64 GB" in text and "SGD" in text


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_compiles(experiment: str, sound: Simulate):
    assert sound(f"experiment={experiment}").peak <= BUDGET


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "guidance"),
    [*((method, "none") for method in sorted(METHODS)), *(pair for pair in GUIDED if pair[1] != "sequence")],
)
def test_every_method_compiles_with_and_without_guidance(method: str, guidance: str, sound: Simulate):
    found = sound(f"method={method}", *EXTRA[method], f"skeleton_graph={guidance}")
    assert ("DynamicRNN" in found.graphs[0].kernels["aclop"]) == (guidance != "none" or method in ("iban", "mitml"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        *(("experiment=star", f"hardware.precision={level}") for level in ("O0", "O2", "O3")),
        ("experiment=star", "schedule.identities=4", "schedule.accumulation_steps=2"),
        ("experiment=star", "hardware.recompute=true"),
        ("experiment=baseline", "aggregation=max"),
        ("experiment=baseline", "optimiser=adam", "schedule.clip_norm=1"),
        ("experiment=baseline", "loss.triplet.from_epoch=1"),
    ],
    ids=" ".join,
)
def test_every_way_to_train_compiles(overrides: tuple[str, ...], sound: Simulate):
    sound(*overrides)


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", ["global", "local"])
@pytest.mark.parametrize("experiment", ["baseline", "star"])
def test_one_of_two_processes_compiles(experiment: str, batch_norm: str, sound: Simulate):
    found = sound(f"experiment={experiment}", "hardware=ascend_2", f"hardware.batch_norm={batch_norm}")
    assert (found.rank, found.processes) == (1, 2)
    assert found.graphs[0].kernels["hccl"].keys() == {"AllReduce", "AllGather"}
    assert "process 1 of 2" in as_text(found)


@pytest.mark.slow
def test_a_run_trains_and_ranks_with_partial_last_batches(tiny_root: Path, tmp_path: Path):
    """All results are zero, nothing of a run may depend on them; only first step and first ranking compile anything."""
    script = Path(__file__).parents[1] / "support" / "simulated_run.py"
    variables = find_cann().environment() | simulation(tmp_path / "graphs", 0, 1)
    overrides = [*ON_ASCEND, "experiment=star", "dataset=hitsz_vcm", f"dataset.root={tiny_root}"]
    overrides += ["schedule.evaluation_batch=4", "hardware.loader_workers=1", "tracker.log_every=1"]
    program = [sys.executable, str(script), str(tmp_path), *overrides]
    done = subprocess.run(program, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, "\n".join(line for line in done.stderr.splitlines() if "[INFO]" not in line)[-3000:]
    assert "trained 4 steps" in done.stdout
    seen = [line.split(": ") for line in done.stdout.splitlines() if line.startswith("step ")]
    assert [step for step, _ in seen] == ["step 0", "step 1", *2 * ["step 2"], "step 3", "step 4"]
    assert len({graphs for _, graphs in seen[:2]}) == len({graphs for _, graphs in seen[2:]}) == 1, seen


@pytest.mark.parametrize(
    "part, said",
    [
        pytest.param("OnHost", ["does not compile (in pooling)", "on the host: LSTM (pooling)"], id="no kernel"),
        pytest.param("OpenShape", ["does not compile (in pooling)", "depend on values", "(-1, 1)"],
                     id="open shape", marks=pytest.mark.slow),
        pytest.param("Misfit", ["does not compile (in pooling)", "MatMul", "not known"],
                     id="misfit", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_what_does_not_compile_is_named_with_its_part(part: str, said: list[str], simulate: Simulate):
    found = simulate("experiment=baseline", "aggregation=mean", f"aggregation._target_=support.ascend_parts.{part}")
    assert not found.compiles
    text = as_text(found)
    for words in said:
        assert words in text, text


@pytest.mark.parametrize(
    "overrides, key",
    [(["hardware=cpu"], "hardware.target"), (["hardware=ascend", "hardware.mode=pynative"], "hardware.mode")],
)
def test_other_targets_and_modes_are_refused(overrides: list[str], key: str):
    with pytest.raises(ConfigError, match=rf"{key}: given \w+, expected \w+ for --dry-run"):
        dry_run(check_overrides(["dataset=synthetic", *ON_ASCEND, "experiment=baseline", *overrides], here=False))


def test_the_check_wants_a_driver_everywhere_else():
    with pytest.raises(ConfigError, match="hardware.target: given Ascend, expected CPU: this machine has no Ascend"):
        check_overrides(["dataset=synthetic", *ON_ASCEND, "experiment=baseline"])


@pytest.mark.parametrize(
    "ending, error, said",
    [
        ("import os; os.kill(os.getpid(), 9)", DryRunError, "by SIGKILL; .* memory runs out, before the first"),
        ("import sys; sys.exit('error: no such part')", DryRunError, "graph:\nerror: no such part"),
    ],
)
def test_an_end_before_the_first_graph_is_said(
    ending: str, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{ending}"\n')
    program.chmod(0o755)
    monkeypatch.setattr(command.sys, "executable", str(program))
    monkeypatch.setattr(command, "find_cann", lambda: Cann("nothing", tmp_path))
    with pytest.raises(error, match=said):
        dry_run(check_overrides(["dataset=synthetic", *ON_ASCEND, "experiment=baseline"], here=False))


def test_an_end_within_a_graph_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "python"
    graph = json.dumps([Graph("training step", error=command.BEGUN)._asdict()])
    program.write_text(f"#!/bin/sh\necho '{graph}' > $3/{command.FOUND}\necho out of memory\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(command.sys, "executable", str(program))
    monkeypatch.setattr(command, "find_cann", lambda: Cann("nothing", tmp_path))
    found = dry_run(check_overrides(["dataset=synthetic", *ON_ASCEND, "experiment=baseline"], here=False))
    assert not found.compiles
    text = as_text(found)
    assert "the training step does not compile: its compilation had begun, and the process was ended by SIGKILL" in text
    assert "when memory runs out:\nout of memory" in text
