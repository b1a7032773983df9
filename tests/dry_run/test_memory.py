"""Memory of every experiment at the paper's size, as MindSpore plans it for Ascend, against a budget.

`pytest -s -m slow tests/dry_run/test_memory.py` prints the table of docs/ascend.md; about a minute a row.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.methods import METHODS
from support.written_budgets import BUDGETS, HOST, LIKE_STAR

from star.config.check import check_overrides
from star.config.compose import group_choices
from star.dry_run.command import dry_run
from star.dry_run.stand_in import compiler

PAPER = ("dataset=synthetic", "dataset.frames=12", "dataset.height=288", "dataset.width=144", "tracker=none")
IDENTITIES = 500
"""Of the training set of HITSZ-VCM."""
METHOD = ("size=paper", "dataset=synthetic", "dataset.height=288", "dataset.width=144", "tracker=none")
"""Another method has the batches of its own recipe, ..."""
METHOD_FRAMES = {"agw": 12, "clip_prototypes": 10}
"""... and its own T, 6 where nothing else is said."""
OWN_SIZE = {"frames_6": "dataset.frames", "frames_10": "dataset.frames", "large_frames": ("dataset.h", "dataset.w")}
"""Keys that an experiment sets itself."""


@pytest.mark.slow
@pytest.mark.skipif(compiler() is None, reason="the stand-ins for CANN take a C++ compiler")
@pytest.mark.parametrize("job", BUDGETS)
def test_a_job_stays_within_its_budget(job: str):
    if (memory := _memory()) < HOST.get(job, 0):
        pytest.skip(f"this machine has {memory:.0f} GB of memory and swap, the dry run takes {HOST[job]}")
    experiment, *overrides = job.split()
    size = [text for text in PAPER if not text.startswith(OWN_SIZE.get(experiment, "no key"))]
    if experiment in METHODS:
        size = [*METHOD, f"dataset.frames={METHOD_FRAMES.get(experiment, 6)}"]
    config = check_overrides([f"experiment={experiment}", *size, "hardware=ascend", *overrides], here=False)
    found = dry_run(config, IDENTITIES)
    assert found.compiles, [(graph.name, graph.error) for graph in found.graphs]
    embedders = [graph.peak / 2**30 for graph in found.graphs if graph.name.endswith("embedder")]
    step = found.peak / 2**30
    with_fragments = (found.with_fragments or found.peak) / 2**30
    print(f"\n| `{job}` | {step:.1f} | {with_fragments:.1f} | {max(embedders):.1f} |")
    assert with_fragments <= BUDGETS[job]


def test_every_experiment_has_a_budget():
    """Those that change only what is read from disk have STAR's graphs."""
    without = {*group_choices()["experiment"]} ^ ({job.split()[0] for job in BUDGETS} | LIKE_STAR)
    assert not without, f"{without}: give their memory, or LIKE_STAR, in tests/support/written_budgets.py"


def _memory() -> float:
    """GB of memory and swap."""
    text = Path("/proc/meminfo").read_text()
    return sum(int(size) for size in re.findall(r"(?:MemTotal|SwapTotal): +(\d+) kB", text)) / 2**20
