"""Processes that read for loaders: what they share, what they leave behind, and how they end."""

import gc
import logging
import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.odd_source import OddFrames
from support.packing import packed
from support.processes import gone, wait_until
from support.tiny_vcm import HEIGHT, WIDTH, write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.loader import EvaluationLoader, TrainLoader
from star.data.shared_memory import SharedMemory, SharedView
from star.data.worker_pool import shared_pool
from star.errors import DataError
from star.types import Split

SHAPE: dict[str, Any] = {"frames": 4, "height": HEIGHT, "width": WIDTH}
MOVING: dict[str, Any] = {"pad": 4, "flip": 0.5, "erase": 0.5, "erase_area": (0.02, 0.4), "erase_aspect": (0.3, 3.3)}


def _train(split, workers=2, **changes):
    options: dict[str, Any] = {"identities": 2, "tracklets": 2, "seed": 0, "workers": workers, **SHAPE, **MOVING}
    return TrainLoader(split, **(options | changes))


def _evaluation(split, workers=2, **changes):
    return EvaluationLoader(split, **({"batch": 4, "workers": workers, **SHAPE} | changes))


def _same(first, second):
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)
    )


def _processes(workers):
    return list(shared_pool(workers)._workers.values())


def _descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_loaders_of_a_run_share_the_processes_and_take_turns(whole):
    """Two epochs, a test split and the same test split again, one batch of each in turn."""
    loaders = [_train(whole.train, 2, batches=6), *(_evaluation(whole.query, 2, batch=1) for _ in range(2))]
    alone = [_train(whole.train, 1, batches=6), *(_evaluation(whole.query, 1, batch=1) for _ in range(2))]

    def turns(loaders):
        iterators = [loaders[0].epoch(0), loaders[0].epoch(1), *map(iter, loaders[1:])]
        return [batch for together in zip(*iterators, strict=True) for batch in together]

    before = [process.pid for process in _processes(2)]
    assert _same(turns(loaders), turns(alone))
    assert [process.pid for process in _processes(2)] == before
    assert [loader.counts for loader in loaders] == [loader.counts for loader in alone]


def test_batches_are_views_of_memory_the_processes_have(whole):
    loader = _evaluation(whole.query, 2)
    batch = next(iter(loader))
    (region,) = [line for line in _maps(os.getpid()) if _within(batch.frames, line)]
    assert "star-batches" in region and "(deleted)" in region and " rw-s " in region
    for process in _processes(2):
        assert any("star-batches" in line for line in _maps(process.pid))


def _maps(pid):
    return Path(f"/proc/{pid}/maps").read_text().splitlines()


def _within(array, line):
    start, end = (int(number, 16) for number in line.split()[0].split("-"))
    return start <= array.ctypes.data < end


def test_processes_and_descriptors_go_with_the_last_loader(whole):
    list(_train(whole.train, 3).epoch(0))
    before = _descriptors()
    for _ in range(3):
        loader = _train(whole.train, 3)
        list(loader.epoch(0))
        pids = [process.pid for process in _processes(3)]
        del loader
        gc.collect()
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        assert _descriptors() <= before


def test_epochs_need_no_more_descriptors_or_memory(whole):
    """A process that got no part of the last batch may let go of a file, or map a region, later than the others."""
    loader = _train(whole.train, 2, batches=3)
    evaluation = _evaluation(whole.query, 2)
    pool = shared_pool(2)

    def epochs(numbers):
        for epoch in numbers:
            assert list(loader.epoch(epoch)) and list(evaluation) and list(_evaluation(whole.gallery, 2))

    def here():
        return _descriptors(), pool.memory._end

    def there():
        return [len(os.listdir(f"/proc/{process.pid}/fd")) for process in _processes(2)]

    epochs(range(2))
    before, before_there = here(), there()
    epochs(range(2, 12))
    assert here() == before
    assert all(now < then + 5 for now, then in zip(there(), before_there, strict=True))


def test_a_split_is_forgotten_with_its_loader(whole, tiny):
    evaluation = _evaluation(read_hitsz_vcm(tiny.root).query, 2)
    list(evaluation)
    assert all(_opened(process.pid, tiny.root) for process in _processes(2))
    del evaluation
    gc.collect()
    list(_evaluation(whole.query, 2))
    wait_until(lambda: not any(_opened(process.pid, tiny.root) for process in _processes(2)))


def _opened(pid, folder):
    files = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            files.append(descriptor.readlink())
    return [file for file in files if file.is_relative_to(folder)]


def test_many_batches_that_are_kept(whole):
    """More than are ever given out again: each has memory of its own, in few mappings, which is given back."""
    pool = shared_pool(2)
    before = _descriptors()
    loader = _train(whole.train, 2, batches=120)
    kept = list(loader.epoch(0))
    assert len({batch.visible.ctypes.data for batch in kept}) == 120
    assert _same(kept, _train(whole.train, 1, batches=120).epoch(0))
    assert _descriptors() < before + 16
    held = os.fstat(pool.memory.file).st_blocks
    del kept, loader
    gc.collect()
    assert os.fstat(pool.memory.file).st_blocks < held / 4


def test_pieces_are_zeros_again_and_seen_elsewhere():
    memory = SharedMemory()
    view = SharedView(memory.file)
    pieces = [memory.allocate(5000) for _ in range(9)]
    for value, (array, place) in enumerate(pieces, 1):
        assert place is not None and not array.any()
        array[:] = value
        assert (view.array(place) == value).all()
    assert len({(place.region, place.offset) for _, place in pieces if place}) == 9
    del array, pieces
    again = [memory.allocate(5000) for _ in range(9)]
    assert not any(piece.memory.any() for piece in again) and memory._end == 16 * 8192


def test_a_bad_file_is_logged_once_though_every_process_meets_it(tmp_path, caplog):
    data = read_hitsz_vcm(write_tiny_vcm(tmp_path / "vcm").root)
    keys = [tracklet.frames[0] for tracklet in data.query.tracklets]
    for key in keys:
        (data.query.frames.path / f"{key}.jpg").write_bytes(b"")
    counts = []
    for workers in (1, 2):
        loader = _evaluation(data.query, workers, on_bad_frame="skip", batch=3)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert len(list(loader)) == len(list(loader)) == 2
        messages = [record.getMessage() for record in caplog.records if "stands in" in record.getMessage()]
        assert sorted(messages) == sorted(set(messages)) and len(messages) == len(keys)
        assert {record.name for record in caplog.records} == {"star.data.clip", "star.data.loader"}
        counts.append(loader.counts)
    assert counts[0] == counts[1]


def test_the_first_of_several_errors_is_raised(tmp_path):
    """As one thread meets them: tracklets 1 and 3 are the first of two processes' parts of the batch of 6."""
    data = read_hitsz_vcm(write_tiny_vcm(tmp_path / "vcm").root)
    for tracklet in (1, 3):
        (data.query.frames.path / f"{data.query.tracklets[tracklet].frames[0]}.jpg").unlink()
    said = []
    for workers in (1, 2, 3):
        with pytest.raises(DataError) as caught:
            list(_evaluation(data.query, workers, batch=6))
        said.append(str(caught.value))
    assert data.query.tracklets[1].frames[0] in said[0] and said == [said[0]] * 3


def test_any_other_error_arrives_with_its_trace_in_the_log(whole, caplog):
    split = Split("odd", OddFrames(), whole.query.tracklets)
    with caplog.at_level(logging.DEBUG, "star"), pytest.raises(RuntimeError, match="Odd: cannot"):
        list(_evaluation(split, 2))
    assert "in read" in caplog.text
    assert _same(_evaluation(whole.query, 2), _evaluation(whole.query, 1))


def test_a_source_that_is_only_here_is_refused(whole):
    class Local(OddFrames):
        pass

    with pytest.raises(DataError, match=r"cannot be opened in another process .*hardware.loader_workers=1"):
        list(_evaluation(Split("local", Local(), whole.query.tracklets), 2))


def test_a_pack_is_opened_once_by_each_process(whole, tmp_path):
    root = whole.train.frames.path.parent
    data = packed(whole, tmp_path / "a.pack", root)
    loaders = [_train(data.train), _evaluation(data.query), _evaluation(data.gallery)]
    assert _same(loaders[0].epoch(0), _train(whole.train, 1).epoch(0))
    assert _same(loaders[1], _evaluation(whole.query, 1)) and _same(loaders[2], _evaluation(whole.gallery, 1))
    for process in _processes(2):
        links = [os.readlink(f"/proc/{process.pid}/fd/{name}") for name in os.listdir(f"/proc/{process.pid}/fd")]
        assert links.count(str(tmp_path / "a.pack")) == 1


def test_a_pack_that_was_replaced_is_refused(whole, tmp_path):
    root = whole.train.frames.path.parent
    data = packed(whole, tmp_path / "a.pack", root)
    other = read_hitsz_vcm(write_tiny_vcm(tmp_path / "vcm", identities=3).root)
    packed(other, tmp_path / "b.pack", tmp_path / "vcm")
    (tmp_path / "b.pack").replace(tmp_path / "a.pack")
    for _ in range(2):
        with pytest.raises(DataError, match=r"a.pack was replaced while it was in use"):
            list(_evaluation(data.query, 2))


def test_a_killed_process_is_one_clear_error(whole):
    loader = _train(whole.train, 4, batches=20)
    expected = list(_train(whole.train, 1, batches=20).epoch(0))
    batches = loader.epoch(0)
    next(batches)
    victim = _processes(4)[2]
    victim.kill()
    with pytest.raises(DataError, match=rf"\({victim.pid}\) was killed by signal 9 \(SIGKILL\).*loader_workers"):
        list(batches)
    assert not any(process.pid == victim.pid for process in _processes(4))
    assert _same(loader.epoch(0), expected)


def test_a_process_that_died_between_epochs(whole):
    loader = _train(whole.train, 4, batches=2)
    list(loader.epoch(0))
    victim = _processes(4)[0]
    victim.kill()
    wait_until(lambda: gone(victim.pid))
    with pytest.raises(DataError, match="was killed by signal 9"):
        list(loader.epoch(1))
    assert len(list(loader.epoch(1))) == 2


@pytest.mark.parametrize("call", ["send", "recv"])
def test_an_interrupted_message_is_not_continued(whole, monkeypatch, call):
    """Ctrl-C while a message is on its way: the next epoch begins with new processes."""
    loader = _train(whole.train, 3, batches=4)
    list(loader.epoch(0))
    batches = loader.epoch(1)
    next(batches)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Connection, call, interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(batches)
    assert _same(loader.epoch(1), _train(whole.train, 1, batches=4).epoch(1))


def test_processes_do_not_import_the_framework():
    code = "import sys, star.data.worker; sys.exit(any(name in sys.modules for name in ('mindspore', 'hydra', 'h5py')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
