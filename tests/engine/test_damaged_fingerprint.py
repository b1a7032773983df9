"""A run whose fingerprint was lost, as on a full disk: resuming it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from star.engine.run import _resumed_run
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
