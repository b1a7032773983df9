"""Frames that are missing, cut, or something else than they should be: through the loader, the check and the packer.

Each bad frame must stop with its name, or be counted and replaced by its neighbour; never half a picture or a crash.
"""

import errno
import io
import os
import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from support.loaders import evaluation_loader
from support.packing import batches, pack_one, packed, same, unpack
from support.tiny_vcm import write_tiny_vcm

from star.data.dataset_report import check_dataset
from star.data.decode import decode_frame, load_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.encoding import Storage
from star.data.pack.reader import Pack
from star.errors import DataError

HEIGHT, WIDTH = 48, 24
_RAMP = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
PIXELS = np.stack([_RAMP, _RAMP[::-1], np.full_like(_RAMP, 90)], axis=2).astype(np.uint8)


def _saved(mode="RGB", form="JPEG", **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(PIXELS)
    if mode == "I;16":
        picture = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        picture = picture.convert(mode)
    picture.save(buffer, form, **options)
    return buffer.getvalue()


GOOD = _saved(quality=95)
PROGRESSIVE = _saved(quality=95, progressive=True)


def _with_header(offset, value):
    """The start-of-frame header with a changed field: 4 precision, 5 and 6 height, 7 and 8 width."""
    start = GOOD.index(b"\xff\xc0")
    changed = bytearray(GOOD)
    changed[start + offset : start + offset + len(value)] = value
    return bytes(changed)


def _exif(orientation):
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0"


CUTS = sorted({*range(0, len(GOOD) - 1, max(1, len(GOOD) // 60)), *range(1, 12), len(GOOD) - 2, len(GOOD) - 1})
PROGRESSIVE_CUTS = list(range(1, len(PROGRESSIVE), len(PROGRESSIVE) // 25))
PNG = _saved(form="PNG")

BAD = {
    "no bytes": b"",
    "one byte": b"\xff",
    "text": b"not found\n",
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "zeros": b"\0" * 2000,
    "zeros after a header": GOOD[:200] + b"\0" * 2000,
    "16-bit png": _saved("I;16", "PNG"),
    "gif": _saved(form="GIF"),
    "bmp": _saved(form="BMP"),
    "tiff": _saved(form="TIFF"),
    "webp": _saved(form="WEBP"),
    "12-bit jpeg": _with_header(4, b"\x0c"),
    "16-bit jpeg": _with_header(4, b"\x10"),
    "jpeg of height 0": _with_header(5, b"\0\0"),
    "jpeg of width 0": _with_header(7, b"\0\0"),
    "jpeg of width and height 65535": _with_header(5, b"\xff\xff\xff\xff"),
    "only the markers": b"\xff\xd8\xff\xd9",
    "markers around nothing": b"\xff\xd8" + b"\x12" * 300 + b"\xff\xd9",
    "two halves": GOOD[: len(GOOD) // 2] + GOOD[: len(GOOD) // 2],
    "raw of another size": b"P6\n24 48\n255\n" + b"\0" * 100,
    "raw of no size": b"P6\n0 0\n255\n",
    "raw of 16 bits": b"P6\n24 48\n65535\n" + b"\0" * (48 * 24 * 6),
}
FINE = {
    "baseline": GOOD,
    "progressive": PROGRESSIVE,
    "grey": _saved("L", quality=95),
    "cmyk": _saved("CMYK", quality=95),
    "a comment": _saved(quality=95, comment=b"\xff\xda and more"),
    "turned by exif": _saved(quality=95, exif=_exif(6)),
    "bytes behind the end": GOOD + b"\0\0trailer",
    "one frame twice": GOOD + GOOD,
    "quality 1": _saved(quality=1),
    "png": PNG,
    "grey png": _saved("L", "PNG"),
    "png of a palette": _saved("P", "PNG"),
    "png with alpha": _saved("RGBA", "PNG"),
}
PLACES = ("missing", "a folder", "a link to nowhere", "a link to itself", "not allowed", "a disk that fails")


@pytest.mark.parametrize("cut", CUTS)
def test_truncated_frames_are_refused_at_every_cut(cut):
    with pytest.raises(DataError, match=r"frame a.jpg (is empty|is not a JPEG|is truncated|starts like)"):
        decode_frame(GOOD[:cut], "a.jpg")


@pytest.mark.parametrize("cut", PROGRESSIVE_CUTS)
def test_truncated_progressive_frames_are_refused_at_every_cut(cut):
    with pytest.raises(DataError, match=r"frame a.jpg (is not a JPEG|is truncated|starts like)"):
        decode_frame(PROGRESSIVE[:cut], "a.jpg")


@pytest.mark.parametrize("cut", range(20, len(GOOD), len(GOOD) // 20))
def test_truncated_frames_filled_with_zeros_are_refused(cut):
    with pytest.raises(DataError, match="frame a.jpg (is truncated|starts like)"):
        decode_frame(GOOD[:cut] + b"\0" * (len(GOOD) - cut), "a.jpg")


@pytest.mark.parametrize("cut", range(1, len(PNG), len(PNG) // 20))
def test_truncated_and_damaged_png_frames_are_refused(cut):
    for data in (PNG[:cut], PNG[:cut] + bytes([PNG[cut] ^ 1]) + PNG[cut + 1 :]):
        with pytest.raises(DataError, match=r"frame a.jpg (is not a JPEG|is truncated|is a PNG file of 16 bits)"):
            decode_frame(data, "a.jpg")


@pytest.mark.parametrize("name", FINE)
def test_unusual_frames_that_are_fine(name):
    frame = decode_frame(FINE[name], "a.jpg")
    assert frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8
    grey = np.repeat(cv2.cvtColor(PIXELS, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    expected = grey if "grey" in name else PIXELS
    assert np.abs(frame.astype(int) - expected).mean() < (40 if name in ("quality 1", "png of a palette") else 6)


@pytest.fixture
def folder(tmp_path):
    """A data set, and the file of its first query's second frame of four."""
    root = write_tiny_vcm(tmp_path / "vcm", test_identities=2, identities=2, tracklets=1).root
    data = read_hitsz_vcm(root)
    return data, root, root / "Test" / f"{data.query.tracklets[0].frames[3]}.jpg"


def _clip(data, policy):
    shape = {"frames": 4, "height": HEIGHT, "width": WIDTH}
    loader = evaluation_loader(data.query, **shape, batch=2, workers=1, on_bad_frame=policy)
    clip = next(iter(loader)).frames[0]
    return clip, {name: loader.counts[name] for name in ("bad_frames", "bad_files")}


def _break(file, name, monkeypatch):
    """Make one file bad; gives what its message must say."""
    if name in BAD:
        file.write_bytes(BAD[name])
        return ""
    if name in ("not allowed", "a disk that fails"):
        inner, number = os.open, errno.EACCES if name == "not allowed" else errno.EIO

        def refuse(path, *rest, **more):
            if str(path) == str(file):
                raise OSError(number, os.strerror(number))
            return inner(path, *rest, **more)

        monkeypatch.setattr(os, "open", refuse)
        return os.strerror(number)
    file.unlink()
    if name == "a folder":
        file.mkdir()
    elif name != "missing":
        file.symlink_to(file if name == "a link to itself" else file.with_name("nowhere"))
    said = {
        "a link to itself": "Too many levels",
        "a folder": "Is a directory",
        "a link to nowhere": ".*/nowhere, which",
    }
    return said.get(name, "is missing")


@pytest.mark.parametrize("name", [*BAD, *PLACES])
def test_a_bad_frame_in_the_folder(folder, name, monkeypatch):
    """Loader with both policies, check."""
    data, _, file = folder
    whole, _ = _clip(data, "stop")
    said = _break(file, name, monkeypatch)
    with pytest.raises(DataError, match=rf"frame {file} .*{said}.*on_bad_frame=skip"):
        _clip(data, "stop")
    clip, counts = _clip(data, "skip")
    assert np.array_equal(clip, whole[[0, 0, 2, 3]])
    assert counts == {"bad_frames": 1, "bad_files": 1}
    report = check_dataset(data, workers=2)
    assert len(report.bad) == 1 and str(file) in report.bad[0] and "one suffix" not in report.bad[0]


@pytest.mark.parametrize("storage", [Storage(), Storage((HEIGHT, WIDTH), "raw")], ids=["as it is", "resized"])
@pytest.mark.parametrize("name", [*BAD, *PLACES])
def test_a_bad_frame_while_packing(folder, name, storage, tmp_path, monkeypatch):
    """Packer with both policies; the pack then gives the batches of the folder."""
    data, root, file = folder
    said = _break(file, name, monkeypatch)
    with pytest.raises(DataError, match=rf"frame {file} .*{said}.*the same command continues here"):
        pack_one(data, tmp_path / "a.pack", root, storage)
    assert not (tmp_path / "a.pack").exists()
    pack_one(data, tmp_path / "a.pack", root, storage, skip_bad=True)
    (problem,) = Pack(tmp_path / "a.pack").problems
    assert re.match(rf"frame Test/.*{said}", problem)
    again = unpack(tmp_path / "a.pack")
    with pytest.raises(DataError, match=r"a.pack/Test/.*"):
        load_frame(again.query.frames, data.query.tracklets[0].frames[3])
    (clip, counts), (other, expected) = _clip(again, "skip"), _clip(data, "skip")
    assert np.array_equal(clip, other) and counts == expected == {"bad_frames": 1, "bad_files": 1}


@pytest.mark.parametrize("name", FINE)
def test_an_unusual_frame_through_folder_and_pack(folder, name, tmp_path):
    data, root, file = folder
    file.write_bytes(FINE[name])
    again = packed(data, tmp_path / "a.pack", root)
    assert same(batches(again, HEIGHT, WIDTH), batches(data, HEIGHT, WIDTH))


def test_a_folder_without_any_good_frame(folder, tmp_path):
    data, root, _ = folder
    for file in root.rglob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"no frame can be packed; first: frame .*jpg is empty"):
        pack_one(data, tmp_path / "a.pack", root, skip_bad=True)
    assert not (tmp_path / "a.pack").exists()
