"""The configurations of a sweep over values: composed by Hydra each, and by this package, in turn.

`pytest -s tests/benchmarks/bench_compose.py -o 'python_files=bench_*.py'`
"""

import time
from collections.abc import Callable
from statistics import median

from hydra import compose, initialize_config_module

from star.config.hydra_compose import CONFIG_MODULE, composed_by_hydra
from star.config.paths import register_resolvers

JOBS = 20
LARGEST_SHARE = 0.25


def by_hydra(overrides: list[str]) -> object:
    with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
        return compose("train", overrides, return_hydra_config=True)


def seconds(call: Callable[[list[str]], object], epochs: int) -> float:
    start = time.process_time()
    call(["experiment=star", "size=cpu", f"schedule.epochs={epochs}"])
    return time.process_time() - start


def test_choices_are_composed_once():
    register_resolvers()

    def ours_of(overrides: list[str]) -> object:
        return composed_by_hydra("train", overrides)

    for call in (by_hydra, ours_of):
        seconds(call, 1)
    theirs, ours = [], []
    for job in range(JOBS):
        theirs.append(seconds(by_hydra, job + 2))
        ours.append(seconds(ours_of, job + 2))
    print(f"\na job: Hydra {median(theirs) * 1e3:.0f} ms, choices composed once {median(ours) * 1e3:.0f} ms")
    assert median(ours) < LARGEST_SHARE * median(theirs)
