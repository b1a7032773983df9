"""A run whose fingerprint or record was lost, as on a full disk: resuming it says so, or finds the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from star.config.migrations import VERSION
from star.engine.run import _recorded_id, _resumed_run
from star.errors import ConfigError
from star.tracking.fingerprint import Fingerprint


@pytest.mark.parametrize("content", [None, "", '{"data": "a', "[]", "{}", '{"config": 3}'])
def test_a_run_without_its_fingerprint_is_not_resumed(tmp_path: Path, content: str | None):
    (tmp_path / "run.json").write_text('{"run_id": "abc"}')
    path = tmp_path / "fingerprint.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="the fingerprint the run was started with") as error:
        _resumed_run(tmp_path, Fingerprint({}, "", "", "", {}))
    assert error.value.problems[0].given == str(path)


def test_a_run_with_a_damaged_record_is_found_by_what_it_tracked(tmp_path: Path):
    (tmp_path / "run.json").write_text('{"run_id": "ab')
    with pytest.raises(ConfigError, match="expected a record that can be read, with run_id; events.jsonl beside it"):
        _recorded_id(tmp_path)
    events = ({"event": "open", "run_id": "abc"}, {"event": "open", "run_id": "abc", "resumed": True})
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    assert _recorded_id(tmp_path) == "abc"


def test_a_run_is_resumed_with_its_own_frames_as_far_as_they_are_known(tmp_path: Path):
    (tmp_path / "run.json").write_text('{"run_id": "abc"}')
    current = Fingerprint({"version": VERSION}, "data", "", "", {}, frames="new")
    for frames in (None, "new"):
        current._replace(frames=frames).save(tmp_path / "fingerprint.json")
        assert _resumed_run(tmp_path, current) == "abc"
    current._replace(frames="old").save(tmp_path / "fingerprint.json")
    with pytest.raises(ConfigError, match="the run's own configuration and data .frames: new, was old"):
        _resumed_run(tmp_path, current)
