"""A dry run: the graphs of a configuration compiled for Ascend by MindSpore's own backend, without a device.

MindSpore's simulation runs in a child process, with CANN or stand-ins for it. No device is touched, no data set is
read, no tracking store is opened. Every result in the simulation is zero; nothing here looks at one.
"""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from star.config.schema import Config
from star.dry_run.cann import find_cann
from star.dry_run.errors import DryRunError
from star.dry_run.graphs import Graph
from star.errors import ConfigError, Problem, ending_of

ORDER, LOG, DUMPS, FOUND = "order.pickle", "log", "graphs", "found.json"
"""In the folder of the child: what to compile, what MindSpore says, its dumped graphs, what was found."""

BEGUN = "its compilation had begun"
"""What a graph has for an error until something better is known."""

_WITH_FRAGMENTS = re.compile(r"Actual peak memory usage \(with fragments\): (\d+)M")
_MEGABYTE = 2**20
_LAST_LINES = 15


class Order(NamedTuple):
    """What the child is to compile.

    Attributes:
        config: checked configuration.
        identities: k, classes of the classifiers.
        rank: which of `hardware.processes` it is.
    """

    config: Config
    identities: int
    rank: int


class DryRun(NamedTuple):
    """What a dry run has found.

    Attributes:
        cann: what took the part of CANN.
        rank, processes: which of how many processes was simulated.
        identities: classes of the classifiers.
        graphs: in the order in which they were compiled.
        peak: bytes of memory that all of them need at once, without fragments.
        with_fragments: as the memory pool lays them out; None: MindSpore did not say.
    """

    cann: str
    rank: int
    processes: int
    identities: int
    graphs: list[Graph]
    peak: int
    with_fragments: int | None

    @property
    def compiles(self) -> bool:
        """Whether every graph does, once."""
        return not any(graph.error or graph.recompiled for graph in self.graphs)


def dry_run(config: Config, identities: int | None = None) -> DryRun:
    """Compile the training step and both embedders of a configuration for Ascend.

    Args:
        config: checked configuration with `hardware.target=Ascend` in graph mode.
        identities: k, classes of the classifiers; None: those of one batch.

    Raises:
        ConfigError: another target or mode.
        DryRunError: CANN is missing and cannot be stood in for, or nothing was found.
    """
    hardware = config.hardware
    if hardware.target != "Ascend":
        raise ConfigError([Problem("hardware.target", hardware.target, "Ascend for --dry-run (hardware=ascend)")])
    if hardware.mode != "graph":
        raise ConfigError([Problem("hardware.mode", hardware.mode, "graph for --dry-run: it compiles graphs")])
    identities = identities or config.schedule.identities
    cann = find_cann()
    rank = hardware.processes - 1
    with tempfile.TemporaryDirectory(prefix="star-dry-run-") as temporary:
        folder = Path(temporary)
        (folder / ORDER).write_bytes(pickle.dumps(tuple(Order(config, identities, rank))))
        environment = cann.environment() | simulation(folder / DUMPS, rank, hardware.processes)
        command = [sys.executable, "-m", "star.dry_run.compile_graphs", str(folder)]
        with (folder / LOG).open("w") as log:
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        said = (folder / LOG).read_text(errors="replace")
        lines = [line for line in said.splitlines() if not line.startswith(("[INFO]", "[WARNING]"))]
        end = "\n".join(lines[-_LAST_LINES:])
        if not (folder / FOUND).exists():
            raise DryRunError(f"the simulation {ending_of(done.returncode)}, before the first graph:\n{end}")
        graphs = [Graph(**graph) for graph in json.loads((folder / FOUND).read_text())]
    if graphs[-1].error == BEGUN:
        graphs[-1] = graphs[-1]._replace(error=f"{BEGUN}, and the process {ending_of(done.returncode)}:\n{end}")
    sizes = [int(size) * _MEGABYTE for size in _WITH_FRAGMENTS.findall(said)]
    peak = max(graph.peak for graph in graphs)
    return DryRun(cann.name, rank, hardware.processes, identities, graphs, peak, max(sizes) if sizes else None)


def simulation(dumps: Path, rank: int, processes: int) -> dict[str, str]:
    """The variables with which MindSpore simulates one process, tells its kernels and dumps its graphs.

    Args:
        dumps: folder for the graphs.
        rank: of the process.
        processes: number of all.
    """
    return {
        "MS_SIMULATION_LEVEL": "1",
        "RANK_ID": str(rank),
        "RANK_SIZE": str(processes),
        "GLOG_v": "3",
        "MS_SUBMODULE_LOG_v": "{DEVICE:1,PRE_ACT:1}",
        "MS_DEV_SAVE_GRAPHS": "1",
        "MS_DEV_SAVE_GRAPHS_PATH": str(dumps),
        "MS_DEV_DUMP_IR_PASSES": "graph_build",
    }
