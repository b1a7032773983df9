"""Make tests/golden/experiments.json with the version that is first on the path.

Called with the file to write, in a checkout of the version to be recorded, as in tests/stored_runs/6139d49/README.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from support.experiment_numbers import numbers
from support.tiny_vcm import write_tiny_vcm

from star.config.compose import group_choices

LISTED = ("baseline", "star")
"""Experiments whose parameters are listed."""


def record(path: Path, root: Path) -> None:
    """Write after every experiment; what is there already is not computed again."""
    content = json.loads(path.read_text()) if path.is_file() else {"experiments": {}, "parameters": {}}
    for mode in ("pynative", "graph"):
        for name in group_choices()["experiment"]:
            entry = content["experiments"].setdefault(name, {})
            if mode in entry:
                continue
            found = numbers(name, root, mode)
            entry["weights"] = found.weights
            entry[mode] = [{term: float(f"{loss:.9g}") for term, loss in step.items()} for step in found.losses]
            if name in LISTED:
                content["parameters"][name] = {key: " ".join(map(str, shape)) for key, shape in found.shapes.items()}
            path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        record(Path(sys.argv[1]), write_tiny_vcm(Path(temporary), skeletons=True).root)
