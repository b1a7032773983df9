"""Time and memory of opening a pack of many small files: `python tests/benchmarks/open_pack.py 460000`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from star.data.pack.archive import data_end, encode_directory, make_record
from star.data.pack.reader import ABOUT, FORMAT, Pack


def _write(path: Path, count: int) -> None:
    about = json.dumps({"format": FORMAT, "frames": count, "options": {}, "skeletons": {}, "resized": []}).encode()
    names = (f"Train/{n // 500:04d}/{'ir' if n % 2 else 'rgb'}/D{n // 100 % 12}/{n % 500}.jpg" for n in range(count))
    records, end = [], 0
    with path.open("wb") as file:
        for name, data in [(ABOUT, about), *((name, name.encode()) for name in names)]:
            records.append(make_record(name, len(data), zlib.crc32(data), end))
            file.write(records[-1].FileHeader() + data)
            end = data_end(records[-1])
        file.write(encode_directory(records, end))


def _memory(name: str) -> float:
    """MB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(name))


def _open(path: Path) -> None:
    before, start = _memory("VmRSS"), time.process_time()
    pack = Pack(path)
    print(
        f"{pack.frames:,} frames: {time.process_time() - start:.1f} s of processor time, {before:.0f} MB before, "
        f"{_memory('VmHWM'):.0f} MB at most, {_memory('VmRSS'):.0f} MB after"
    )


def main() -> None:
    """Write a pack, and open it in a process of its own."""
    if sys.argv[1] == "open":
        _open(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.pack"
        _write(path, int(sys.argv[1]))
        subprocess.run([sys.executable, __file__, "open", path], check=True, env=os.environ)


if __name__ == "__main__":
    main()
