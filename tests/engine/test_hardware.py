"""What a process of `hardware=ascend` and `hardware=ascend_2` asks of MindSpore and HCCL, behind fakes of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mindspore as ms
import pytest
from mindspore import communication, context
from mindspore.communication import management

from star.config.check import check_overrides
from star.config.schema import Hardware
from star.engine import hardware as hardware_module
from star.engine.hardware import HardwareError, select_device
from star.engine.launch import run_workers
from star.engine.processes import Processes, SeveralProcesses, join_processes
from star.errors import ConfigError

CLUSTER = ("MS_ROLE", "MS_WORKER_NUM", "MS_NODE_ID", "MS_SCHED_HOST", "MS_SCHED_PORT", "RANK_ID", "RANK_SIZE")
DEVICES = ("DEVICE_ID", "ASCEND_RT_VISIBLE_DEVICES", "RANK_TABLE_FILE")


@pytest.fixture(autouse=True)
def no_device_taken() -> Iterator[None]:
    """The devices here are not real, so none of them stays taken."""
    hardware_module._take_device.cache_clear()
    yield
    hardware_module._take_device.cache_clear()


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CLUSTER, *DEVICES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What MindSpore is called with; below its own `init` only the calls into C++ and the check for CANN are fakes."""
    hardware("hardware=ascend")  # the check builds a network once, for which MindSpore must be whole
    made: list[tuple[Any, ...]] = []
    real = context.get_context
    rank = lambda: int(os.environ["RANK_ID"])  # noqa: E731
    monkeypatch.setattr(ms, "set_device", lambda *given: made.append(("set_device", *given)))
    monkeypatch.setattr(ms, "set_context", lambda **given: made.append(("set_context", given)))
    monkeypatch.setattr(context, "get_context", lambda key: {"device_target": made[0][1]}.get(key) or real(key))
    monkeypatch.setattr(communication, "get_rank", rank)
    monkeypatch.setattr(management, "get_rank", rank)
    for name in ("BACKEND", "WORLD_COMM_GROUP", "INITED"):
        monkeypatch.setattr(management.GlobalComm, name, getattr(management.GlobalComm, name))
    for name in ("_set_elegant_exit_handle", "_check_hccl"):
        monkeypatch.setattr(management, name, lambda: None)
    monkeypatch.setattr(management, "is_initialized", lambda target: False)
    monkeypatch.setattr(management, "init_hccl", lambda: made.append(("init_hccl",)))
    monkeypatch.setattr(management, "init_cluster", lambda: made.append(("init_cluster",)))
    monkeypatch.setattr(ms.ops, "AllGather", lambda: made.append(("AllGather", management.GlobalComm.WORLD_COMM_GROUP)))
    return made


@cache
def hardware(*overrides: str) -> Hardware:
    """Of a configuration; the check for a driver is the one thing that is left out."""
    return replace(check_overrides(["dataset=synthetic", *overrides, "hardware.target=CPU"]).hardware, target="Ascend")


def worker(monkeypatch: pytest.MonkeyPatch, rank: int, **variables: str) -> None:
    """Make this process a worker of msrun."""
    given = {"MS_ROLE": "MS_WORKER", "RANK_ID": str(rank), "MS_NODE_ID": str(rank), "MS_WORKER_NUM": "2"} | variables
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def test_one_device_is_that_of_the_configuration_and_joins_nobody(calls: list, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEVICE_ID", "7")  # a container may have it set for all its processes
    one = replace(hardware("hardware=ascend"), device_id=3)
    assert (one.mode, one.precision, one.processes) == ("graph", "O3", 1)
    assert type(join_processes(one)) is Processes and calls == []
    select_device(one)
    assert calls == [("set_device", "Ascend", 3), ("set_context", {"mode": ms.PYNATIVE_MODE})]


@pytest.mark.parametrize("rank, device", [(0, 0), (1, 1), (1, 0)], ids=["first", "second", "second machine"])
def test_a_worker_takes_its_device_before_hccl_starts(
    rank: int, device: int, calls: list, monkeypatch: pytest.MonkeyPatch
):
    worker(monkeypatch, rank, DEVICE_ID=str(device))
    processes = join_processes(hardware("hardware=ascend_2"))
    assert isinstance(processes, SeveralProcesses) and processes.share == (rank, 2)
    assert calls == [
        ("set_device", "Ascend", device),
        ("set_context", {"mode": ms.PYNATIVE_MODE}),
        ("init_hccl",),
        ("AllGather", "hccl_world_group"),
    ]
    assert management.GlobalComm.BACKEND == "hccl"


def test_a_rank_table_is_left_to_mindspore(calls: list, monkeypatch: pytest.MonkeyPatch):
    worker(monkeypatch, 1, DEVICE_ID="1", RANK_TABLE_FILE="table.json")
    monkeypatch.setattr(context, "get_context", lambda key: {"device_target": "Ascend", "device_id": 1}[key])
    assert join_processes(hardware("hardware=ascend_2")).share == (1, 2)
    assert (os.environ["RANK_TABLE_FILE"], os.environ["RANK_ID"], os.environ["DEVICE_ID"]) == ("table.json", "1", "1")


@pytest.mark.parametrize("given, shown", [(None, "nothing"), ("npu0", "npu0")])
def test_a_worker_without_a_device_says_so(given: str | None, shown: str, calls: list, monkeypatch: pytest.MonkeyPatch):
    worker(monkeypatch, 0, **({} if given is None else {"DEVICE_ID": given}))
    with pytest.raises(HardwareError, match=f"DEVICE_ID: given {shown}, expected .* msrun"):
        join_processes(hardware("hardware=ascend_2"))
    assert calls == []


def test_without_cann_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    def refuse(target: str, device_id: int | None) -> None:
        raise RuntimeError("Unsupported device target Ascend.\nMore lines of MindSpore.")

    monkeypatch.setattr(ms, "set_device", refuse)
    with pytest.raises(
        HardwareError, match=r"^hardware\.target=Ascend: .* cannot use it .*; use hardware=cpu"
    ) as error:
        select_device(hardware("hardware=ascend"))
    assert "\n" not in str(error.value)


def test_the_launcher_gives_each_worker_its_rank_and_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ASCEND_RT_VISIBLE_DEVICES", "2,3,4,5")
    monkeypatch.setenv("RANK_TABLE_FILE", "table.json")
    names = (*CLUSTER, *DEVICES)
    code = "import json, os; json.dump(dict(os.environ), open('found.' + os.environ['RANK_ID'], 'w'))"
    monkeypatch.chdir(tmp_path)
    run_workers([sys.executable, "-c", code], 2, tmp_path, device_id=2)
    found = [json.loads((tmp_path / f"found.{rank}").read_text()) for rank in range(2)]
    port = found[0]["MS_SCHED_PORT"]
    for rank, variables in enumerate(found):
        assert {name: variables[name] for name in names} == {
            **{"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": "2", "MS_NODE_ID": str(rank), "MS_SCHED_HOST": "127.0.0.1"},
            **{"MS_SCHED_PORT": port, "RANK_ID": str(rank), "RANK_SIZE": "2", "DEVICE_ID": str(2 + rank)},
            **{"ASCEND_RT_VISIBLE_DEVICES": "2,3,4,5", "RANK_TABLE_FILE": "table.json"},
        }


def test_variables_that_a_cluster_left_behind_are_named(monkeypatch: pytest.MonkeyPatch, caplog):
    left = {"MS_ROLE": "MS_WORKER", "MS_WORKER_NUM": "4", "MS_SCHED_HOST": "10.0.0.1", "MS_SCHED_PORT": "8118"}
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="MS_SCHED_HOST=10.0.0.1.*unset MS_ROLE MS_WORKER_NUM"):
        join_processes(hardware())
    monkeypatch.setenv("MS_WORKER_NUM", "1")
    monkeypatch.setattr("star.engine.hardware.select_device", lambda hardware: None)
    monkeypatch.setattr(communication, "init", lambda: None)
    monkeypatch.setattr(communication, "get_rank", lambda: 0)
    with caplog.at_level("INFO"):
        join_processes(hardware())
    assert "waiting for the scheduler" in caplog.text and "MS_ROLE=MS_WORKER" in caplog.text
