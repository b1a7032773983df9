import numpy as np
import pytest
from support.tiny_vcm import write_tiny_vcm

from star.data.decode import load_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.skeleton_source import require_skeletons
from star.errors import DataError
from star.pose.extract import extract_skeletons


class _Fake:
    """The brightest colour's mean as confidence, joints on the diagonal."""

    name = "fake"

    def estimate(self, frame):
        steps = (np.arange(17) + 0.5) / 17
        height, width = frame.shape[:2]
        confidence = np.where(np.arange(17) < (8 if (frame[..., 0] == frame[..., 1]).all() else 12), 0.8, 0.1)
        return np.stack([steps * width, steps * height, confidence], axis=1).astype(np.float32)


@pytest.mark.parametrize("layout", ["info", "flat"])
def test_every_frame_of_the_index_gets_its_skeleton(tmp_path, layout):
    tiny = write_tiny_vcm(tmp_path / "vcm", layout=layout)
    seen = []
    summary = extract_skeletons(
        tiny.root, tmp_path / "out", _Fake(), on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(n, 336) for n in range(1, 337)]
    assert summary.frames == {"visible": 168, "infrared": 168} and summary.failures == 0
    assert summary.confident == {"visible": pytest.approx(12 / 17), "infrared": pytest.approx(8 / 17)}
    data = read_hitsz_vcm(tiny.root, skeletons=tmp_path / "out")
    require_skeletons(data)
    for split in (data.train, data.query, data.gallery):
        key = split.tracklets[-1].frames[5]
        assert split.skeletons is not None
        stored = split.skeletons.read(key)
        assert stored is not None
        assert np.allclose(stored, _Fake().estimate(load_frame(split.frames, key)))
    assert "visible 70.6% of 168 frames" in str(summary) and str(summary.files[1]) in str(summary)


def test_frames_that_cannot_be_decoded_are_counted_and_left_out(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm")
    path = tiny.train / "0001" / "ir" / "D2" / "3.jpg"
    path.write_bytes(path.read_bytes()[:-9])
    summary = extract_skeletons(tiny.root, tmp_path / "out", _Fake())
    assert summary.failures == 1 and str(path) in summary.first_failures[0] and summary.frames["infrared"] == 167
    store = read_hitsz_vcm(tiny.root, skeletons=tmp_path / "out").train.skeletons
    assert store is not None and store.read("0001/ir/D2/3") is None and store.read("0001/ir/D2/4") is not None


def test_no_readable_frame_leaves_no_file(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", identities=1, test_identities=1)
    for path in tiny.train.rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no frame of .*train_name\.txt can be decoded"):
        extract_skeletons(tiny.root, tmp_path / "out", _Fake())
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_extraction_keeps_the_old_files(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", identities=1, test_identities=1)
    extract_skeletons(tiny.root, tmp_path / "out", _Fake())
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_skeletons(tiny.root, tmp_path / "out", _Fake(), on_progress=stop)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
