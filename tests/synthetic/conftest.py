from pathlib import Path
from typing import Any

import pytest
import yaml

from star.synthetic.levels import Levels, parse_levels


@pytest.fixture(scope="session")
def shipped(project: Path) -> dict[str, Any]:
    """The levels and the seed of conf/dataset/synthetic.yaml."""
    return yaml.safe_load((project / "conf/dataset/synthetic.yaml").read_text())["generate"]


@pytest.fixture(scope="session")
def small(shipped: dict[str, Any]) -> dict[str, Any]:
    """A few people, small frames: generated in about a second."""
    sizes = {"train_identities": 2, "test_identities": 2, "frames": [12, 15], "height": 64, "width": 32}
    return shipped | sizes | {"seed": 5, "skeleton_missing": 0.05}


@pytest.fixture(scope="session")
def levels(shipped: dict[str, Any]) -> Levels:
    """The shipped levels without what covers or breaks things."""
    return parse_levels(shipped | {"occlusion": 0.0, "crop_jitter": 0.0, "skeleton_missing": 0.0})[0]
