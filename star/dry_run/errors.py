"""The error of a dry run that could not be made."""

from star.errors import StarError


class DryRunError(StarError):
    """No stand-in for CANN, no compiler for it, or a compilation that ended without a result."""
