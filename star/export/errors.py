"""The error of an export."""

from star.errors import StarError


class ExportError(StarError):
    """A network that cannot be exported, or whose export computes something else."""
