"""The packages of the extra `export`."""

from star.errors import StarError


def require_packages(needed_by: str) -> None:
    """Raise StarError, which says how to install them, if one is missing.

    Args:
        needed_by: whose need the message names.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise StarError(
            f"{needed_by} needs the package {error.name}, which is not installed: pip install 'star-vvi-reid[export]'"
        ) from error
