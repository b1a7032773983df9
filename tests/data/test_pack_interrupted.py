"""Packing that is killed, runs out of disk or is done twice at once: no wrong file, and the same bytes in the end."""

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.packing import batches, pack_one, same, unpack
from support.tiny_vcm import write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.archive import data_end, data_start
from star.data.pack.encoding import Storage
from star.data.pack.partial import PartialFile
from star.data.pack.reader import Pack
from star.errors import DataError

DRIVER = Path(__file__).parents[1] / "support" / "pack_driver.py"
KILLS = 24


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_tiny_vcm(tmp_path_factory.mktemp("vcm"), skeletons=True).root


@pytest.fixture(scope="module")
def data(root):
    return read_hitsz_vcm(root)


@pytest.fixture(scope="module")
def reference(data, root, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "a.pack"
    pack_one(data, path, root)
    return path


def _start(project, root, path, *moments, prefix=()):
    command = [*prefix, sys.executable, str(DRIVER), str(root), str(path), *map(str, moments)]
    paths = os.pathsep.join((str(project), str(project / "tests")))
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _drive(project, root, path, *moments):
    text, errors = (process := _start(project, root, path, *moments)).communicate(timeout=120)
    assert process.returncode == 0, errors
    return [tuple(map(int, line.split())) for line in text.splitlines()]


def _moments(reference) -> dict[str, list]:
    """Bytes at which to kill: inside every kind of record, and anywhere."""
    records = Pack(reference).records()
    length = reference.stat().st_size
    anywhere = sorted(random.Random(0).sample(range(length), KILLS))
    return {
        "nothing written": [0],
        "in the first record": [60],
        "in the header of a frame": [data_start(records[1]) - 20],
        "in a frame": [data_start(records[1]) + 100],
        "between frames": [data_end(records[200])],
        "in the index": [data_start(records[337]) + 1000],
        "in the skeletons": [data_start(records[-1]) + 1000],
        "in the directory": [length - 5000],
        "one byte short": [length - 1],
        "written, not synchronised": ["sync"],
        "synchronised, not renamed": ["rename"],
        "renamed": ["renamed"],
        "many times": anywhere,
    }


MOMENTS = (
    *("nothing written", "in the first record", "in the header of a frame", "in a frame", "between frames"),
    *(
        "in the index",
        "in the skeletons",
        "in the directory",
        "one byte short",
        "written, not synchronised",
        "synchronised, not renamed",
        "renamed",
    ),
    "many times",
)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_killed_run_is_continued_to_the_same_bytes(project, root, data, reference, tmp_path, name):
    moments = _moments(reference)[name]
    killed = _drive(project, root, tmp_path / "a.pack", *moments)
    assert [ended for ended, _ in killed] == [signal.SIGKILL] * len(moments)
    assert (tmp_path / "a.pack").exists() == (name == "renamed")
    kept = pack_one(data, tmp_path / "a.pack", root)
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()
    assert kept == (336 if name == "renamed" else killed[-1][1])
    assert list(tmp_path.iterdir()) == [tmp_path / "a.pack"]


def test_nothing_is_packed_twice(project, root, data, reference, tmp_path, monkeypatch):
    ((_, kept),) = _drive(project, root, tmp_path / "a.pack", _moments(reference)["between frames"][0])
    read = []
    inner = type(data.train.frames).read
    monkeypatch.setattr(type(data.train.frames), "read", lambda self, key: read.append(key) or inner(self, key))
    assert pack_one(data, tmp_path / "a.pack", root) == kept > 100
    assert len(read) == 336 - kept


def test_a_damaged_beginning_is_packed_again_from_there(root, data, reference, tmp_path):
    records = Pack(reference).records()
    begun = bytearray(reference.read_bytes()[: data_start(records[300])])
    begun[data_start(records[101]) + 50] ^= 1
    (tmp_path / "a.pack.partial").write_bytes(begun)
    assert pack_one(data, tmp_path / "a.pack", root) == 100
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


@pytest.mark.parametrize("length", [0, 1, 4, 40, 103])
def test_a_partial_file_without_a_whole_record_is_begun_anew(root, data, reference, tmp_path, length):
    (tmp_path / "a.pack.partial").write_bytes(reference.read_bytes()[:length])
    assert pack_one(data, tmp_path / "a.pack", root) == 0
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


@pytest.mark.parametrize("content", [b"something else", b"\0" * 5000], ids=["text", "zeros"])
def test_a_partial_file_of_something_else_is_refused_and_kept(root, data, tmp_path, content):
    (tmp_path / "a.pack.partial").write_bytes(content)
    with pytest.raises(
        DataError, match="a.pack.partial is the beginning of another pack, or something else; delete it"
    ):
        pack_one(data, tmp_path / "a.pack", root)
    assert (tmp_path / "a.pack.partial").read_bytes() == content


def test_a_partial_file_of_other_settings_is_refused_and_kept(root, data, reference, tmp_path):
    begun = reference.read_bytes()[: data_start(Pack(reference).records()[10])]
    (tmp_path / "a.pack.partial").write_bytes(begun)
    with pytest.raises(DataError, match="a.pack.partial is the beginning of another pack"):
        pack_one(data, tmp_path / "a.pack", root, Storage((40, 20)))
    assert (tmp_path / "a.pack.partial").read_bytes() == begun


def test_a_finished_pack_is_left_alone(root, data, reference, tmp_path):
    path = Path(shutil.copy(reference, tmp_path))
    before = path.stat().st_mtime_ns
    assert pack_one(data, path, root) == 336 and path.stat().st_mtime_ns == before
    with pytest.raises(DataError, match=r"a.pack is there and is another pack \(resized: .*; give another pack.out"):
        pack_one(data, path, root, Storage((40, 20)))
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="a.pack is no pack.*there already: give another pack.out, or delete it"):
        pack_one(data, path, root)
    assert path.read_bytes() == b"text"


def _full_after(limit):
    write = os.pwrite

    def pwrite(file, data, offset):
        room = limit - offset
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:room], offset)

    return pwrite


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.8, 0.97, 0.999])
def test_a_full_disk_is_an_error_and_the_same_call_continues(root, data, reference, tmp_path, monkeypatch, share):
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", _full_after(int(share * reference.stat().st_size)))
        with pytest.raises(DataError, match=r"a.pack cannot be written: No space left on device \(with \d+ of 336 fr"):
            pack_one(data, tmp_path / "a.pack", root)
    assert not (tmp_path / "a.pack").exists()
    pack_one(data, tmp_path / "a.pack", root)
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_end(root, data, reference, tmp_path, monkeypatch, call):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(DataError, match="cannot be written: Input/output error"):
            pack_one(data, tmp_path / "a.pack", root)
    assert pack_one(data, tmp_path / "a.pack", root) == 336
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


def test_a_limit_on_the_length_of_files(root, data, reference, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(DataError, match="cannot be written: File too large"):
            pack_one(data, tmp_path / "a.pack", root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert pack_one(data, tmp_path / "a.pack", root) > 0
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


def test_a_disk_that_is_really_full(project, root, reference, tmp_path):
    mounted = tmp_path / "small"
    mounted.mkdir()
    script = 'mount -t tmpfs -o size=100k tmpfs "$0" && "$@"; status=$?; cp "$0"/* "$0/.."; exit $status'
    if subprocess.run(["unshare", "-m", "sh", "-c", script, mounted, "true"], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    prefix = ("unshare", "-m", "sh", "-c", script, str(mounted))
    _, errors = _start(project, root, mounted / "a.pack", "never", prefix=prefix).communicate(timeout=60)
    assert "No space left on device" in errors and "give the same command again" in errors
    partial = tmp_path / "a.pack.partial"
    assert partial.stat().st_size == 100 * 1024
    data = read_hitsz_vcm(root)
    assert pack_one(data, tmp_path / "a.pack", root) > 50
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


def test_two_packers_at_once_on_one_file(root, data, reference, tmp_path):
    with PartialFile(tmp_path / "a.pack"), pytest.raises(DataError, match="a.pack is being written by another process"):
        pack_one(data, tmp_path / "a.pack", root)
    assert pack_one(data, tmp_path / "a.pack", root) == 0
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


def test_two_processes_at_once_make_one_right_file(project, root, reference, tmp_path):
    running = [_start(project, root, tmp_path / "a.pack", "never") for _ in range(3)]
    errors = "".join(process.communicate(timeout=120)[1] for process in running)
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "a.pack"]
    assert errors == "" or "is being written by another process" in errors


def test_the_file_another_process_has_just_finished_is_taken(root, data, reference, tmp_path, monkeypatch):
    path, opened = tmp_path / "a.pack", PartialFile.__init__

    def slower(self, target):
        shutil.copy(reference, path)
        opened(self, target)

    monkeypatch.setattr(PartialFile, "__init__", slower)
    assert pack_one(data, path, root) == 336
    assert path.read_bytes() == reference.read_bytes() and list(tmp_path.iterdir()) == [path]


def test_a_file_system_without_locks_is_a_warning(root, data, reference, tmp_path, monkeypatch, caplog):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", unsupported)
    pack_one(data, tmp_path / "a.pack", root)
    assert "cannot be locked (No locks available)" in caplog.text
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


@pytest.mark.parametrize("place", ["file/a.pack", "there/a.pack"], ids=["below a file", "a folder"])
def test_a_target_that_cannot_be_written(root, data, tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "there/a.pack").mkdir(parents=True)
    with pytest.raises(DataError, match=r"a\.pack cannot be (written: File exists \(.*file\)|read: Is a directory)"):
        pack_one(data, tmp_path / place, root)


def test_a_bad_frame_stops_and_once_repaired_packing_continues(tmp_path, reference):
    root = write_tiny_vcm(tmp_path / "vcm", skeletons=True).root
    data = read_hitsz_vcm(root)
    file = root / "Train" / f"{data.train.tracklets[5].frames[0]}.jpg"
    content = file.read_bytes()
    file.write_bytes(content[:-30])
    with pytest.raises(DataError, match=rf"{file} is truncated.*on_bad_frame=skip.*the same command continues here"):
        pack_one(data, tmp_path / "a.pack", root)
    file.write_bytes(content)
    assert pack_one(data, tmp_path / "a.pack", root) == 60
    assert (tmp_path / "a.pack").read_bytes() == reference.read_bytes()


def test_bad_frames_before_an_interruption(tmp_path):
    """Those that are still bad are kept, and one that was repaired meanwhile is packed again."""
    root = write_tiny_vcm(tmp_path / "vcm", skeletons=True).root
    data = read_hitsz_vcm(root)
    files = [root / "Train" / f"{data.train.tracklets[number].frames[3]}.jpg" for number in (1, 4)]
    good = files[1].read_bytes()
    for file in files:
        file.write_bytes(b"")
    pack_one(data, tmp_path / "whole.pack", root, skip_bad=True)
    place = data_start(Pack(tmp_path / "whole.pack").records()[101])
    (tmp_path / "a.pack.partial").write_bytes((tmp_path / "whole.pack").read_bytes()[:place])
    shutil.copy(tmp_path / "a.pack.partial", tmp_path / "b.pack.partial")
    assert pack_one(data, tmp_path / "a.pack", root, skip_bad=True) == 100
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "whole.pack").read_bytes()
    assert len(Pack(tmp_path / "a.pack").problems) == 2
    files[1].write_bytes(good)
    kept = pack_one(data, tmp_path / "b.pack", root, skip_bad=True)
    problems = Pack(tmp_path / "b.pack").problems
    assert kept == 51 and len(problems) == 1 and "0001" in problems[0]
    assert same(
        batches(unpack(tmp_path / "b.pack"), 48, 24, on_bad_frame="skip"), batches(data, 48, 24, on_bad_frame="skip")
    )


@pytest.mark.parametrize("storage", [Storage(), Storage((64, 32))], ids=["as it is", "resized"])
def test_a_frame_that_was_changed_after_the_interruption_is_named_and_packed_again(tmp_path, storage, caplog):
    """Also one that is now bad; one that was only copied to its place again is kept."""
    root = write_tiny_vcm(tmp_path / "vcm", skeletons=True).root
    data = read_hitsz_vcm(root)
    pack_one(data, tmp_path / "whole.pack", root, storage)
    place = data_start(Pack(tmp_path / "whole.pack").records()[101])
    (tmp_path / "a.pack.partial").write_bytes((tmp_path / "whole.pack").read_bytes()[:place])
    files = [root / "Train" / f"{data.train.tracklets[number].frames[3]}.jpg" for number in (1, 2, 4)]
    files[0].write_bytes(files[0].read_bytes())
    older = files[1].stat()
    files[1].write_bytes(files[2].read_bytes())
    os.utime(files[1], ns=(older.st_atime_ns, older.st_mtime_ns))  # as `cp -p` leaves it
    shutil.copy(tmp_path / "a.pack.partial", tmp_path / "b.pack.partial")
    os.utime(tmp_path / "b.pack.partial", ns=(older.st_atime_ns, older.st_mtime_ns))
    name = str(files[1].relative_to(root))
    assert pack_one(data, tmp_path / "a.pack", root, storage) == 27
    assert f"frame {name} has changed since it was packed" in caplog.text
    pack_one(data, tmp_path / "new.pack", root, storage)
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "new.pack").read_bytes()
    files[1].write_bytes(b"")
    with pytest.raises(DataError, match=rf"frame {files[1]} is empty"):
        pack_one(data, tmp_path / "b.pack", root, storage)
