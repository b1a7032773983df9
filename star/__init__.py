"""STAR: skeleton-guided video-based visible-infrared person re-identification on MindSpore."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from star.evaluation.features import rank
    from star.inference.load import load
    from star.report.dataframes import per_query, runs

__all__ = ["__version__", "load", "per_query", "rank", "runs"]

_MODULES = {
    "load": "star.inference.load",
    "per_query": "star.report.dataframes",
    "rank": "star.evaluation.features",
    "runs": "star.report.dataframes",
}


def __getattr__(name: str) -> Any:
    """What these need is imported with their first use: every command imports this package."""
    if name not in _MODULES:
        raise AttributeError(f"module 'star' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
