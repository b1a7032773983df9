import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import ConfigError, DataError
from star.synthetic import generate, generator
from star.synthetic.levels import parse_levels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small: dict[str, Any]) -> Path:
    return generate(tmp_path_factory.mktemp("made"), workers=1, **small)


def _contents(folder: Path) -> dict[str, bytes | dict[str, bytes]]:
    """Every file's bytes; skeleton files as their arrays, for they hold the time of writing."""
    contents: dict[str, bytes | dict[str, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".h5":
            arrays: dict[str, bytes] = {}
            with h5py.File(path, "r") as file:
                file.visititems(lambda k, v, a=arrays: a.update({k: v[()].tobytes()} if hasattr(v, "shape") else {}))
            contents[path.name] = arrays
        elif path.is_file():
            contents[path.relative_to(folder).as_posix()] = path.read_bytes()
    return contents


def test_the_ordinary_reader_reads_it(made: Path, small: dict[str, Any]):
    data = read_hitsz_vcm(made, name="synthetic")
    per_modality = 2 * small["tracklets"]
    assert data.train.identities == (1, 2)
    assert data.query.identities == data.gallery.identities == (3, 4)
    assert len(data.train.tracklets) == 2 * 2 * per_modality
    assert {len(data.query.tracklets), len(data.gallery.tracklets)} == {2 * per_modality}
    assert {t.modality for t in data.query.tracklets} == {"infrared"}
    assert {t.modality for t in data.gallery.tracklets} == {"visible"}
    assert data.notes == ()


def test_cameras_of_the_modalities_differ_and_each_is_passed_more_than_once(made: Path):
    data = read_hitsz_vcm(made)
    passed = defaultdict(int)
    for t in data.train.tracklets:
        passed[t.identity, t.modality, t.camera] += 1
    cameras = {m: {c for _, modality, c in passed if modality == m} for m in ("visible", "infrared")}
    assert not cameras["visible"] & cameras["infrared"]
    assert len(cameras["visible"]) == len(cameras["infrared"]) == 2
    assert set(passed.values()) == {2}


def test_lengths_vary_within_their_limits_and_every_frame_is_there(made: Path, small: dict[str, Any]):
    data = read_hitsz_vcm(made)
    lengths = []
    for split in (data.train, data.query, data.gallery):
        for tracklet in split.tracklets:
            lengths.append(len(tracklet.frames))
            for key in tracklet.frames:
                frame = cv2.imread(str(split.frames.path / f"{key}.jpg"))
                assert frame.shape == (small["height"], small["width"], 3)
    assert min(lengths) >= small["frames"][0]
    assert max(lengths) <= small["frames"][1]
    assert len(set(lengths)) > 1


def test_visible_frames_are_coloured_and_infrared_ones_grey(made: Path):
    for modality, coloured in (("rgb", True), ("ir", False)):
        frames = [cv2.imread(str(p)).astype(int) for p in sorted(made.glob(f"Train/*/{modality}/*/1.jpg"))]
        assert frames
        assert all((np.ptp(frame, axis=2).max() > 20) == coloured for frame in frames)


def test_skeletons_belong_to_their_frames_and_a_few_are_missing(made: Path, small: dict[str, Any]):
    data = read_hitsz_vcm(made)
    missing = total = 0
    for split in (data.train, data.query, data.gallery):
        assert split.skeletons is not None
        for key in (key for tracklet in split.tracklets for key in tracklet.frames):
            joints = split.skeletons.read(key)
            total += 1
            if joints is None:
                missing += 1
                continue
            assert joints.shape == (17, 3)
            assert joints.min() >= 0
            assert np.all(joints.max(axis=0) <= [small["width"] - 1, small["height"] - 1, 1])
    assert 0 < missing < 0.15 * total


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, made: Path, small: dict[str, Any]):
    other = generate(tmp_path, workers=3, **small)
    assert other.name == made.name
    assert _contents(other) == _contents(made)


def test_another_seed_makes_other_people(tmp_path: Path, made: Path, small: dict[str, Any]):
    changed: dict[str, Any] = small | {"seed": 6}
    other = generate(tmp_path, workers=1, **changed)
    assert other.name != made.name
    first, second = (p / "Train/0001/rgb/D1/1.jpg" for p in (made, other))
    assert first.read_bytes() != second.read_bytes()


def test_a_finished_set_is_found_again(made: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generator, "_write", lambda *_: pytest.fail("generated again"))
    assert generate(made.parent, workers=2, **small) == made


def test_progress_rises_to_the_number_of_frames(tmp_path: Path, small: dict[str, Any]):
    seen: list[tuple[int, int]] = []
    folder = generate(tmp_path, workers=1, progress=lambda done, total: seen.append((done, total)), **small)
    frames = len(list(folder.rglob("*.jpg")))
    assert seen == sorted(seen)
    assert seen[-1] == (frames, frames)
    assert len(seen) > 10


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_generation_leaves_nothing(tmp_path: Path, small: dict[str, Any], workers: int):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, workers=workers, progress=stop, **small)
    assert list(tmp_path.iterdir()) == []
    assert multiprocessing.active_children() == []


_SCRIPT = """
import json, sys
from pathlib import Path
from star.synthetic import generate
if __name__ == "__main__":
    levels = json.loads(sys.argv[2])
    print(generate(Path(sys.argv[1]), workers=2, progress=lambda d, n: print(d, flush=True), **levels))
"""


@pytest.fixture
def start(tmp_path: Path, project: Path, small: dict[str, Any]):
    """Starts a process of its own that generates the small set into a folder."""
    script = tmp_path / "make.py"
    script.write_text(_SCRIPT)
    processes: list[subprocess.Popen[str]] = []

    def launch(folder: Path, **changes: Any) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), str(folder), json.dumps(small | changes)]
        environment = os.environ | {"PYTHONPATH": str(project)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield launch
    for process in processes:
        process.kill()
        process.communicate()


def test_a_killed_generation_is_not_taken_for_a_set(tmp_path: Path, start, small: dict[str, Any], made: Path):
    parent = tmp_path / "sets"
    process = start(parent)
    assert process.stdout.readline().strip().isdigit()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name[0] for path in parent.iterdir()] == ["."]
    folder = generate(parent, workers=1, **small)
    assert _contents(folder) == _contents(made)
    (leftover,) = (path for path in parent.iterdir() if path != folder)
    old = time.time() - 2 * generator._ABANDONED_SECONDS
    for path in (*leftover.rglob("*"), leftover):
        os.utime(path, (old, old))
    changed: dict[str, Any] = small | {"seed": 9}
    generate(parent, workers=1, **changed)
    assert not leftover.exists()


def test_two_processes_that_generate_at_once_do_not_disturb_each_other(tmp_path: Path, start, made: Path):
    parent = tmp_path / "sets"
    first, second = start(parent), start(parent)
    outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert {out.splitlines()[-1] for out, _ in outputs} == {str(parent / made.name)}
    assert list(parent.iterdir()) == [parent / made.name]
    assert _contents(parent / made.name) == _contents(made)


def test_a_worker_that_dies_is_an_error_and_leaves_nothing(tmp_path: Path, small: dict[str, Any]):
    def kill_one(done: int, total: int) -> None:
        children = multiprocessing.active_children()
        if children:
            children[0].kill()

    with pytest.raises(DataError, match="process that generates frames died"):
        generate(tmp_path, workers=2, progress=kill_one, **small | {"train_identities": 12})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, small: dict[str, Any]):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written to .*file"):
        generate(tmp_path / "file" / "sets", workers=1, **small)


def test_impossible_levels_end_before_anything_is_written(tmp_path: Path, small: dict[str, Any]):
    with pytest.raises(ConfigError) as caught:
        generate(tmp_path / "sets", **small | {"joint_noise": -1, "frames": [5, 9], "seed": -3})
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {f"dataset.generate.{name}" for name in ("joint_noise", "frames", "seed")}
    assert not (tmp_path / "sets").exists()


def test_the_default_size_is_what_the_documentation_says(shipped: dict[str, Any]):
    passages = generator.list_passages(*parse_levels(shipped))
    assert 8_000 < sum(passage.frames for passage in passages) < 10_500
    assert len({p.identity for p in passages if p.split == "train"}) == 48
    assert len({p.identity for p in passages if p.split == "test"}) == 24
