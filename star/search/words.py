"""Numbers of things in sentences."""

from __future__ import annotations


def queries(count: int) -> str:
    """As "1 query" or "2,000 queries"."""
    return f"{count:,} {'query' if count == 1 else 'queries'}"


def tracklets(count: int) -> str:
    """As "1 tracklet" or "2,000 tracklets"."""
    return f"{count:,} {'tracklet' if count == 1 else 'tracklets'}"
