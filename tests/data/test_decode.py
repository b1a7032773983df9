import cv2
import numpy as np
import pytest
from support.tiny_vcm import write_jpeg

from star.data.decode import read_frame
from star.errors import DataError


@pytest.fixture
def frame():
    ramp = np.linspace(0, 255, 64 * 32).reshape(64, 32)
    return np.stack([ramp, ramp[::-1], np.full_like(ramp, 30)], axis=2).astype(np.uint8)


def test_channels_are_rgb(tmp_path, frame):
    write_jpeg(tmp_path / "a.jpg", frame)
    assert np.abs(read_frame(tmp_path / "a.jpg").astype(int) - frame).mean() < 4


def test_grey_files_become_three_equal_channels(tmp_path, frame):
    write_jpeg(tmp_path / "a.jpg", frame[..., 0])
    read = read_frame(tmp_path / "a.jpg")
    assert read.shape == (64, 32, 3) and (read == read[..., :1]).all()


def test_bytes_after_the_end_marker_are_harmless(tmp_path, frame):
    write_jpeg(tmp_path / "a.jpg", frame)
    whole = read_frame(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + b"\0\0trailer")
    assert np.array_equal(read_frame(tmp_path / "a.jpg"), whole)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("tail", [b"", b"\0" * 50], ids=["cut", "zeros"])
def test_truncated_files_are_refused_although_opencv_reads_them(tmp_path, frame, share, tail):
    write_jpeg(tmp_path / "a.jpg", frame)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: int(share * len(data))] + tail)
    with pytest.raises(DataError, match=r"a\.jpg is truncated"):
        read_frame(tmp_path / "a.jpg")
    if share > 0.6:
        assert cv2.imread(str(tmp_path / "a.jpg")) is not None


def test_truncation_after_an_embedded_thumbnail(tmp_path, frame):
    write_jpeg(tmp_path / "small.jpg", frame[:16, :16])
    write_jpeg(tmp_path / "a.jpg", frame)
    small, data = (tmp_path / "small.jpg").read_bytes(), (tmp_path / "a.jpg").read_bytes()
    segment = b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small
    (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:])
    assert read_frame(tmp_path / "a.jpg").shape == (64, 32, 3)
    (tmp_path / "a.jpg").write_bytes(data[:2] + segment + data[2:-40])
    with pytest.raises(DataError, match="truncated"):
        read_frame(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        (b"", r"is empty \(0 bytes\)"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 99, "is truncated or damaged: 107 bytes that are no whole PNG"),
        (b"<html>", r"is not a JPEG or PNG file \(starts with bytes 3c 68 74 6d\)"),
        (b"\xff\xd8" + b"\x12" * 300 + b"\xff\xd9", "cannot be decoded"),
    ],
)
def test_other_bad_files_are_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.jpg {message}|a\.jpg .*{message}"):
        read_frame(tmp_path / "a.jpg")


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(DataError, match=r"a\.jpg cannot be read"):
        read_frame(tmp_path / "a.jpg")
