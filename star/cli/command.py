"""What all commands share: errors become a message and an exit code, and messages go to the terminal."""

from __future__ import annotations

import errno
import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from star.cli.large_pages import use_large_pages
from star.errors import StarError

OF_EVERY_COMMAND = "--config-dir FOLDER adds a folder with configuration files of your own, laid out like conf/."
"""The end of a command's help."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_OF_A_FILE = (*_FULL, errno.EROFS, errno.EACCES, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def exit_with(command: Callable[[Sequence[str]], None]) -> None:
    """Run a command; an error that is the input's fault, or the disk's, becomes one message and exit code 1.

    `--config-dir FOLDER` is taken from the arguments of every command.
    """
    use_large_pages()
    from star.config.folders import take_config_folders
    from star.config.method import methods_as_experiments

    try:
        with errors_as_sentences():
            command(methods_as_experiments(take_config_folders(sys.argv[1:])))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    finally:
        gc.freeze()  # or Python's end would look for cycles among 400,000 objects of MindSpore and MLflow


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """An error that is the input's fault, or the disk's, ends the program with one message and exit code 1."""
    try:
        yield
    except StarError as error:
        message = str(error)
    except OSError as error:
        nameless = error.filename is None  # of a file that was open already
        if error.errno not in (_FULL if nameless else _OF_A_FILE):
            raise
        message = f"{'a file cannot be written' if nameless else error.filename}: {error.strerror}"
    else:
        return
    sys.stderr.write(f"error: {message}\n")
    sys.exit(1)


def log_to_terminal() -> None:
    """Beside the progress bar on a terminal; elsewhere one plain line a message."""
    from rich import get_console
    from rich.logging import RichHandler

    handler: logging.Handler
    if get_console().is_terminal:
        handler = RichHandler(show_path=False, show_level=False, log_time_format="%H:%M:%S")
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.setLevel(logging.INFO)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
