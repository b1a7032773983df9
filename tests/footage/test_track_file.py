"""Track files in the MOTChallenge text format: what trackers write, and lines that cannot be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from star.errors import DataError
from star.footage.track_file import read_track_file


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "tracks.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "1,7,10,20,30,40,0.9,-1,-1,-1\n2,7,11,20,30,40,0.8,-1,-1,-1\n1,9,0,0,5,5,1\n",
        "2,7,11,20,30,40\n1,9,0,0,5,5\n1,7,10,20,30,40\n",
        "1 7 10 20 30 40 0.9 -1 -1 -1 \n2 7 11 20 30 40 0.8\n\n1\t9\t0\t0\t5\t5\n",
        "1.0, 7.0, 10.0, 2e1, 30, 40\n2, 7, 11, 20, 30, 40\n1, 9, 0, 0, 5, 5\n",
        "\ufefffrom".replace("from", "frame,id,bb_left,bb_top,bb_width,bb_height,conf") + "\r\n1,7,10,20,30,40,1\r\n"
        "2,7,11,20,30,40,1\r\n1,9,0,0,5,5,1\r\n",
        "1;7;10;20;30;40;0.9;person, red\n2; 7 ;11; 20;30;40;\n1,9,0,0,5,5,1 one, two; three\n",
        "1;7;10;20;30;40;0.9;person\n2;7;11;20;30;40;0.9;person\n1;9;0;0;5;5;1;person\n".encode("utf-16"),
    ],
    ids=[
        "challenge",
        "any order",
        "blanks and tabs",
        "whole numbers as decimals",
        "heading, mark, CRLF",
        "notes",
        "UTF-16",
    ],
)
def test_what_trackers_write_is_read(tmp_path, content):
    found = read_track_file(written(tmp_path, content))
    assert [track.number for track in found.tracks] == [7, 9]
    assert found.tracks[0].frames.tolist() == [0, 1] and found.boxes == 3
    np.testing.assert_array_equal(found.tracks[0].boxes, [[10, 20, 30, 40], [11, 20, 30, 40]])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,7,ten,20,30,40", "given '1,7,ten,20,30,40', expected frame,id,left,top,width,height"),
        ("1,7,10,20,30", "expected frame,id,left,top,width,height"),
        ("1,,10,20,30,40", "expected frame,id,left,top,width,height"),
        (
            "1;7;10,5;60,25;40,0;90,0;0,9",
            "given '1;7;10,5;60,25;40,0;90,0;0,9', expected fields parted either by commas, or by semicolons, or by "
            "blanks; decimals are written with a point, as 10.5",
        ),
        ("1;7;10;60;40;90;0,9", "expected fields parted either by commas, or by semicolons, or by blanks"),
        ("1\t7\t10,5\t60,25\t40\t90", "expected fields parted either by commas, or by semicolons, or by blanks"),
        ("1,7,10,nan,30,40", "given top nan, expected a finite number"),
        ("1,7,10,20,inf,40", "given width inf, expected a finite number"),
        ("1,7,10,20,30,40,nan", "given confidence nan, expected a finite number"),
        ("1.5,7,10,20,30,40", "given frame 1.5, expected a whole number"),
        (f"{10**19},7,10,20,30,40", f"given frame {10**19}, expected at most {2**63 - 1} (64 bits)"),
        ("1,1e300,10,20,30,40", f"given id 1e300, expected at most {2**63 - 1} (64 bits)"),
        ("1,9007199254740993.5,10,20,30,40", "given id 9007199254740993.5, expected a whole number"),
        (f"1,1e-{10**20},10,20,30,40", f"given id 1e-{10**20}, expected a whole number"),
        ("-3,7,10,20,30,40", "given frame -3, expected 1 or more"),
        ("0,7,10,20,30,40", "given frame 0, expected 1 or more; give first_frame=0 if the file counts from 0"),
        ("1,-1,10,20,30,40", "given id -1, expected 0 or more: detections have no track yet"),
        ("1,7,10,20,-30,40", "given width -30, expected 0 or more"),
        ("5,3,1,1,1,1", "track 3 has a second box in frame 5 (the first: line 1), expected one"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, said):
    path = written(tmp_path, f"5,3,1,1,9,9,1\n\n{line}\n6,3,1,1,9,9,1\n")
    with pytest.raises(DataError) as caught:
        read_track_file(path)
    assert str(caught.value).startswith(f"{path}:3: ") and said in str(caught.value)


def test_great_numbers_are_read_exactly(tmp_path):
    great = 2**53 + 1
    lines = f"1,{great},1,1,9,9\n1,{great - 1},1,1,9,9\n{2**63 - 1},{great}.0,1,1,9,9\n{2**63 - 2},{great},1,1,9,9\n"
    found = read_track_file(written(tmp_path, lines))
    assert [track.number for track in found.tracks] == [great - 1, great]
    assert found.tracks[1].frames.tolist() == [0, 2**63 - 3, 2**63 - 2]


def test_a_file_without_boxes_or_without_text_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no box; expected frame,id"):
        read_track_file(written(tmp_path, "\n\n"))
    with pytest.raises(DataError, match="is not text"):
        read_track_file(written(tmp_path, b"\x00\x01\x02"))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_track_file(tmp_path / "absent.txt")


def test_frames_may_count_from_0_and_unsure_boxes_are_left_out(tmp_path):
    path = written(tmp_path, "0,1,1,1,9,9,0.9\n1,1,1,1,9,9,0.2\n2,2,1,1,9,9,0.1\n")
    found = read_track_file(path, first_frame=0, min_confidence=0.5)
    assert [(track.number, track.frames.tolist()) for track in found.tracks] == [(1, [0])]
    assert (found.boxes, found.unsure) == (1, 2)
    with pytest.raises(DataError, match=r"tracks.txt: min_confidence=0.95 leaves out all 3 boxes"):
        read_track_file(path, first_frame=0, min_confidence=0.95)
    with pytest.raises(DataError, match=r"tracks.txt:2: given '1,1,1,1,9,9', expected a confidence"):
        read_track_file(written(tmp_path, "1,2,1,1,9,9,0.9\n1,1,1,1,9,9\n"), min_confidence=0.5)
