"""Numbers of things in sentences."""


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """As "1 tracklet" or "2,000 tracklets".

    Args:
        count: how many.
        noun: for one of them.
        plural: None: the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def queries(count: int) -> str:
    """As "1 query" or "2,000 queries"."""
    return counted(count, "query", "queries")


def tracklets(count: int) -> str:
    """As "1 tracklet" or "2,000 tracklets"."""
    return counted(count, "tracklet")
