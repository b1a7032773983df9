"""STAR: skeleton-guided video-based visible-infrared person re-identification on MindSpore."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from star.report.dataframes import per_query, runs

__all__ = ["__version__", "per_query", "runs"]


def __getattr__(name: str) -> Any:
    """Pandas is imported with the first table only: every command imports this package."""
    if name not in ("per_query", "runs"):
        raise AttributeError(f"module 'star' has no attribute {name!r}")
    from star.report import dataframes

    return getattr(dataframes, name)
