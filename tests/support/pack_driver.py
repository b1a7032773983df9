"""Packs a small data set in a process of its own, and ends that process where a test wants it to end.

`python pack_driver.py ROOT FILE MOMENT...`: for each moment, a child packs and is killed there with SIGKILL; each child
continues what the one before has left. Prints one line for each child: the signal that ended it (0: it finished), and
how many whole frames the partial file holds. A moment is a number of bytes written in all (the last write is cut in the
middle), "sync" (everything is written), "rename" (before the file gets its name), "renamed" (after it) or "never".
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from support.packing import pack_one

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.archive import data_end, read_record
from star.data.pack.contents import collect
from star.data.pack.reader import ABOUT
from star.errors import StarError
from star.types import VideoReIDData


def _kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _end_at(moment: str) -> None:
    write, replace = os.pwrite, os.replace
    if moment == "sync":
        os.fsync = _kill
    elif moment == "rename":
        os.replace = _kill
    elif moment == "renamed":
        os.replace = lambda *paths: (replace(*paths), _kill())
    elif moment != "never":

        def cut(file: int, data: memoryview, offset: int) -> int:
            if offset + len(data) < int(moment):
                return write(file, data, offset)
            write(file, data[: max(0, int(moment) - offset)], offset)
            _kill()
            return 0

        os.pwrite = cut


def _pack(data: VideoReIDData, root: Path, path: Path, moment: str) -> int:
    """Returns the signal that ended the child."""
    child = os.fork()
    if child == 0:
        _end_at(moment)
        try:
            pack_one(data, path, root)
        except StarError as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
        finally:
            os._exit(0 if path.exists() else 1)
    return os.waitpid(child, 0)[1]


def _frames(data: VideoReIDData, root: Path, partial: Path) -> int:
    if not partial.exists():
        return 0
    whole, place = [], 0
    with partial.open("rb") as file:
        for name in (ABOUT, *(frame.name for frame in collect(data, root, (), {}).frames)):
            found = read_record(file.fileno(), name, place)
            if found is None:
                break
            whole.append(name)
            place = data_end(found[0])
    return len(whole[1:])


def main() -> None:
    """Pack once for each moment."""
    root, path = Path(sys.argv[1]), Path(sys.argv[2])
    data = read_hitsz_vcm(root)
    for moment in sys.argv[3:]:
        ended = _pack(data, root, path, moment)
        sys.stdout.write(f"{ended} {_frames(data, root, path.with_name(f'{path.name}.partial'))}\n")


if __name__ == "__main__":
    main()
