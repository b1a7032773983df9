import json
from pathlib import Path

import pytest

from star.tracking.spool import (
    Spool,
    last_steps,
    read_acknowledged,
    read_spool,
    unsent_events,
    write_acknowledged,
)


def _point(step: int) -> dict:
    return {"event": "metrics", "time": 1, "step": step, "values": {"loss/total": 0.5}}


@pytest.fixture
def spool(tmp_path: Path):
    opened = Spool(tmp_path / "run" / "events.jsonl")
    yield opened
    opened.close()


def test_events_are_in_the_file_at_once_and_in_order(spool: Spool):
    for step in range(3):
        spool.append(_point(step))
        assert [event["step"] for event, _ in read_spool(spool.path)] == list(range(step + 1))


def test_an_unfinished_line_is_left_for_later_and_closed_by_the_next_run(tmp_path: Path, caplog):
    path = tmp_path / "events.jsonl"
    first = Spool(path)
    first.append(_point(0))
    first.close()
    with open(path, "ab") as file:
        file.write(b'{"event": "metr')
    assert len(list(read_spool(path))) == 1
    second = Spool(path)
    second.append(_point(1))
    second.close()
    events = [event for event, _ in read_spool(path)]
    assert [event.get("step") for event in events] == [0, None, 1]
    assert "damaged line" in caplog.text


def test_a_full_disk_is_logged_once_and_counted(spool: Spool, caplog):
    spool.close()
    spool.append(_point(0))
    spool.append(_point(1))
    assert spool.lost == 2
    assert len(caplog.records) == 1


def test_acknowledged_bytes_decide_what_is_unsent(spool: Spool):
    for step in range(5):
        spool.append(_point(step))
    assert read_acknowledged(spool.path) == 0
    ends = [end for _, end in read_spool(spool.path)]
    write_acknowledged(spool.path, ends[2])
    assert unsent_events(spool.path) == 2
    assert [event["step"] for event, _ in read_spool(spool.path, ends[2])] == [3, 4]
    assert json.loads(spool.path.read_bytes()[ends[2] : ends[3]])["step"] == 3


def test_last_step_of_each_metric(spool: Spool):
    for step in (0, 7, 3):
        spool.append(_point(step))
    spool.append({"event": "tags", "values": {"step": "100"}})
    assert last_steps(spool.path) == {"loss/total": 7}
