import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.fake_estimator import Diagonal, DiagonalRecipe
from support.tiny_bupt import write_tiny_bupt
from support.tiny_vcm import write_tiny_vcm

from star.data.bupt_campus import read_bupt_campus
from star.data.decode import load_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.skeleton_source import require_skeletons
from star.errors import DataError, StarError
from star.pose.extract import extract_skeletons
from star.pose.frame_list import list_frames
from star.pose.partial_files import FOLDER, locked

FRAMES = 96
RECORD = 216  # bytes in a part file
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from support.fake_estimator import DiagonalRecipe
from star.pose.extract import extract_skeletons
from star.pose.frame_list import list_frames
import star.pose.extract

def show(done, total):
    print(done, flush=True)

{before}
if __name__ == "__main__":
    root, out, log, seconds = sys.argv[1:]
    recipe = DiagonalRecipe(seconds=float(seconds), log=Path(log))
    extract_skeletons(list_frames(root), out, recipe, workers=2, on_progress=show)
"""


@pytest.fixture
def tiny(tmp_path):
    """Two training identities and two of test: 96 frames."""
    return write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=1)


def start(tiny, folder: Path, *, seconds: float = 0.02, before: str = "") -> subprocess.Popen[str]:
    """An extraction as a process of its own, leader of its group."""
    script = folder / "run.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parents[1]), before=before))
    arguments = [str(tiny.root), str(folder / "out"), str(folder / "log"), str(seconds)]
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def contents(out: Path) -> dict[str, str]:
    """Content hash of each skeleton file."""
    hashes = {}
    for path in sorted(out.glob("*.h5")):
        with h5py.File(path) as file:
            hashes[path.name] = str(file.attrs["content_sha256"])
    return hashes


def group_is_gone(group: int) -> bool:
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def expected(tiny, tmp_path):
    """The files of an extraction that nothing disturbed."""
    extract_skeletons(list_frames(tiny.root), tmp_path / "expected", DiagonalRecipe())
    return contents(tmp_path / "expected")


@pytest.mark.parametrize(("layout", "workers"), [("info", 1), ("flat", 2)])
def test_every_frame_of_the_index_gets_its_skeleton(tmp_path, layout, workers):
    tiny = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=1, layout=layout)
    seen = []
    made = extract_skeletons(
        list_frames(tiny.root),
        tmp_path / "out",
        DiagonalRecipe(),
        workers=workers,
        on_progress=lambda *numbers: seen.append(numbers),
    )
    assert seen[0] == (0, FRAMES) and seen[-1] == (FRAMES, FRAMES)
    assert made[1:] == (FRAMES, FRAMES, 0, ())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dataset-test.h5", "dataset-train.h5"]
    data = read_hitsz_vcm(tiny.root, skeletons=tmp_path / "out")
    require_skeletons(data)
    for split in data.splits:
        for key in split.tracklets[-1].frames:
            assert split.skeletons is not None
            stored = split.skeletons.read(key)
            assert stored is not None
            assert np.allclose(stored, Diagonal().estimate(load_frame(split.frames, key)))


def test_campus_frames_are_found_by_their_own_index(tmp_path):
    tiny = write_tiny_bupt(tmp_path / "campus")
    made = extract_skeletons(list_frames(tiny.root, "bupt_campus"), tmp_path / "out", DiagonalRecipe())
    assert made.estimated == made.frames == sum(map(len, tiny.keys.values())) and not made.failures
    data = read_bupt_campus(tiny.root, skeletons=tmp_path / "out", min_frames=1)
    require_skeletons(data)
    for split in data.splits:
        assert split.skeletons is not None and split.skeletons.read(split.tracklets[0].frames[0]) is not None


def test_frames_that_cannot_be_decoded_are_named_and_tried_again(tiny, tmp_path):
    path = tiny.train / "0001" / "ir" / "D2" / "3.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    made = extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe())
    assert made.estimated == FRAMES - 1 and len(made.failures) == 1 and str(path) in made.failures[0]
    store = read_hitsz_vcm(tiny.root, skeletons=tmp_path / "out").train.skeletons
    assert store is not None and store.read("0001/ir/D2/3") is None and store.read("0001/ir/D2/4") is not None
    path.write_bytes(whole)
    made = extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe())
    assert (made.estimated, made.kept, made.failures) == (1, FRAMES - 1, ())
    store = read_hitsz_vcm(tiny.root, skeletons=tmp_path / "out").train.skeletons
    assert store is not None and store.read("0001/ir/D2/3") is not None


def test_no_readable_frame_leaves_no_file(tiny, tmp_path):
    for path in tiny.train.rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no frame of the split train can be decoded; first: frame .* is empty"):
        extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe())
    assert not list((tmp_path / "out").glob("*.h5"))


def test_a_finished_extraction_is_not_repeated(tiny, tmp_path):
    frames, out, log = list_frames(tiny.root), tmp_path / "out", tmp_path / "log"
    extract_skeletons(frames, out, DiagonalRecipe(log=log))
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    made = extract_skeletons(frames, out, DiagonalRecipe(log=log))
    assert (made.estimated, made.kept) == (0, FRAMES)
    assert log.stat().st_size == FRAMES
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_a_killed_worker_is_named_and_nothing_is_lost(tiny, tmp_path, expected, caplog):
    frames, out, log = list_frames(tiny.root), tmp_path / "out", tmp_path / "log"
    with pytest.raises(StarError, match=r"worker process \(\d+\) was ended by SIGKILL; .*fewer workers"):
        extract_skeletons(frames, out, DiagonalRecipe(log=log, fatal=20))
    assert not list(out.glob("*.h5"))
    assert "the skeletons of 19 frames are kept; the same command continues" in caplog.text
    made = extract_skeletons(frames, out, DiagonalRecipe(log=log), workers=2)
    assert (made.estimated, made.kept) == (FRAMES - 19, 19)
    assert log.stat().st_size == FRAMES, "no frame is estimated twice"
    assert contents(out) == expected


def test_an_estimator_that_made_nothing_leaves_the_folder_to_others(tiny, tmp_path, caplog):
    out = tmp_path / "out"
    with pytest.raises(StarError, match="was ended by SIGKILL"):
        extract_skeletons(list_frames(tiny.root), out, DiagonalRecipe(log=tmp_path / "log", fatal=1))
    assert not list(out.iterdir()) and "are kept" not in caplog.text


def test_a_run_killed_again_and_again_ends_with_the_same_files(tiny, tmp_path, expected):
    kills = 0
    for seconds in (0.13, 0, 0.21, 0.07):
        run = start(tiny, tmp_path, seconds=0.05)
        assert run.stdout is not None
        begun = int(run.stdout.readline())
        assert int(run.stdout.readline()) > begun
        time.sleep(seconds)
        run.kill()
        run.communicate()
        kills += run.returncode == -signal.SIGKILL
        assert group_is_gone(run.pid), "workers end with their parent"
    assert kills >= 2
    made = extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe(log=tmp_path / "log"))
    assert made.kept > 0
    assert contents(tmp_path / "out") == expected
    assert FRAMES <= (tmp_path / "log").stat().st_size <= FRAMES + 2 * kills, "only what was in flight is repeated"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dataset-test.h5", "dataset-train.h5"]


@pytest.mark.parametrize(
    "before",
    [
        "star.pose.extract.SkeletonWriter.write = lambda *_: os.kill(os.getpid(), 9)",
        "star.data.skeleton_stores.os.fsync = lambda _: os.kill(os.getpid(), 9)",
        "star.pose.extract.Parts.remove = lambda _: os.kill(os.getpid(), 9)",
        "star.pose.partial_files.shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), 9)",
    ],
    ids=["composing", "writing", "before cleaning", "cleaning"],
)
def test_a_run_killed_while_it_writes_leaves_no_half_file(tiny, tmp_path, expected, before):
    run = start(
        tiny, tmp_path, seconds=0, before=f"import os, star.data.skeleton_stores, star.pose.partial_files\n{before}"
    )
    run.communicate()
    assert run.returncode == -signal.SIGKILL
    found = contents(tmp_path / "out")
    assert found.items() <= expected.items()
    made = extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe())
    assert (made.estimated, made.kept) == (0, FRAMES)
    assert contents(tmp_path / "out") == expected
    leftovers = {path.name for path in (tmp_path / "out").iterdir()} - {"dataset-test.h5", "dataset-train.h5"}
    assert leftovers == set()


def test_ctrl_c_ends_all_processes_and_keeps_what_is_done(tiny, tmp_path, expected):
    run = start(tiny, tmp_path, seconds=0.5)
    assert run.stdout is not None
    while int(run.stdout.readline()) < 4:
        pass
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate()
    assert "KeyboardInterrupt" in errors and "the same command continues" in errors
    assert errors.count("Traceback") == 1, "workers are silent"
    assert group_is_gone(run.pid)
    made = extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe())
    assert made.kept >= 4 and contents(tmp_path / "out") == expected


@pytest.mark.parametrize("limit", [100, 1000, 5000])
def test_a_full_disk_is_said_and_the_same_command_continues(tiny, tmp_path, expected, limit):
    frames, out = list_frames(tiny.root), tmp_path / "out"
    with pytest.raises(DataError, match=r"\.part cannot be written: File too large\. What is done is kept: make room"):
        extract_skeletons(frames, out, DiagonalRecipe(largest_file=limit), workers=2)
    made = extract_skeletons(frames, out, DiagonalRecipe(), workers=2)
    assert limit // RECORD <= made.kept <= 2 * (limit // RECORD)
    assert contents(out) == expected


def test_damaged_records_are_estimated_again(tiny, tmp_path, expected):
    frames, out = list_frames(tiny.root), tmp_path / "out"
    with pytest.raises(StarError):
        extract_skeletons(frames, out, DiagonalRecipe(fatal=30))
    (part,) = (out / FOLDER).glob("*.part")
    data = bytearray(part.read_bytes())
    data[3 * RECORD + 50] ^= 1
    part.write_bytes(data[:-5])
    made = extract_skeletons(frames, out, DiagonalRecipe())
    assert made.kept == 29 - 2
    assert contents(out) == expected


def test_the_parts_of_another_making_are_not_mixed_in(tiny, tmp_path):
    frames, out = list_frames(tiny.root), tmp_path / "out"
    with pytest.raises(StarError):
        extract_skeletons(frames, out, DiagonalRecipe(fatal=5))
    message = r"half made with something else: estimator was diagonal, now other\. Give another folder"
    with pytest.raises(DataError, match=message):
        extract_skeletons(frames, out, DiagonalRecipe("other"))
    (tiny.index / "train_name.txt").write_text("0001M1D2T1F1.jpg\n")
    with pytest.raises(DataError, match=r"half made with something else: train name list was .*, now "):
        extract_skeletons(list_frames(tiny.root), out, DiagonalRecipe())
    made = extract_skeletons(frames, out, DiagonalRecipe("other"), overwrite=True)
    assert (made.estimated, made.kept) == (FRAMES, 0)


def test_finished_files_of_another_making_are_replaced_only_if_told(tiny, tmp_path):
    frames, out = list_frames(tiny.root), tmp_path / "out"
    extract_skeletons(frames, out, DiagonalRecipe())
    before = contents(out)
    with pytest.raises(DataError, match=r"dataset-train\.h5 .*estimator was diagonal, now other; .*overwrite=true"):
        extract_skeletons(frames, out, DiagonalRecipe("other"))
    with pytest.raises(StarError):
        extract_skeletons(frames, out, DiagonalRecipe("other", fatal=9), overwrite=True)
    assert contents(out) == before, "the old files stay until the new ones are complete"
    made = extract_skeletons(frames, out, DiagonalRecipe("other"), overwrite=True)
    assert (made.estimated, made.kept) == (FRAMES - 8, 8)
    with h5py.File(out / "dataset-train.h5") as file:
        assert file.attrs["estimator"] == "other"


def test_two_at_once_are_refused(tiny, tmp_path):
    with locked(tmp_path / "out"), pytest.raises(DataError, match="another star-skeletons is writing into"):
        extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe())


def test_what_keeps_a_worker_from_working_is_said(tiny, tmp_path):
    with pytest.raises(DataError, match="no such model"):
        extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe(error="no such model"), workers=2)
    with pytest.raises(StarError, match=r"diagonal failed on frame .*0001/ir/D2/3\.jpg: ValueError: too dark"):
        extract_skeletons(list_frames(tiny.root), tmp_path / "out", DiagonalRecipe(refused=3))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        extract_skeletons(list_frames(tiny.root), tmp_path / "file", DiagonalRecipe())
