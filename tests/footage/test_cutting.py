"""Tracks cut out of videos that are whole, cut off or damaged."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.footage import HEIGHT, WIDTH, level, write_tracks, write_video

from star.data.decode import read_frame
from star.data.frame_sampling import clip_positions
from star.errors import DataError
from star.footage.cutting import Cutting, cut_tracks
from star.footage.track_file import read_track_file
from star.footage.video import Video


def cut(folder: Path, video: Path, boxes: list[tuple[float, ...]], frames: int | None = 3) -> Cutting:
    return cut_tracks(video, read_track_file(write_tracks(folder / "t.txt", boxes)), folder / "cut", frames=frames)


def along(track: int, frames: range, box: tuple[float, ...] = (10, 20, 30, 40)) -> list[tuple[float, ...]]:
    """A box in each frame, counted from 1."""
    return [(frame, track, *box) for frame in frames]


def cut_frames(folder: Path, track: int) -> list[int]:
    return sorted(int(path.stem) for path in (folder / "cut" / str(track)).iterdir())


def levels(folder: Path, track: int) -> list[int]:
    """The brightness of the cut frames."""
    paths = sorted((folder / "cut" / str(track)).iterdir())
    return [round(float(read_frame(path).mean())) for path in paths]


def damaged(video: Path, frame: int) -> Path:
    """A copy whose frame, counted from 0, is no longer a JPEG file."""
    data = video.read_bytes()
    first = -1
    for _ in range(frame + 1):
        first = data.index(b"\xff\xd8", first + 1)
    data = data[:first] + bytes(200) + data[first + 200 :]
    copy = video.with_name("damaged.avi")
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize("length", [1, 2, 3, 7, 12, 13, 24, 26, 100])
@pytest.mark.parametrize("frames", [3, 6, 12])
def test_a_clip_of_the_cut_frames_is_the_clip_of_the_track(length, frames):
    of_track = clip_positions(length, frames)
    kept = np.unique(of_track)
    np.testing.assert_array_equal(kept[clip_positions(len(kept), frames)], of_track)


def test_frames_count_from_1_and_boxes_are_cut_at_the_border(tmp_path):
    video = write_video(tmp_path / "v.avi")
    boxes = [
        *along(1, range(1, 10)),
        *along(2, range(30, 31), (-10, 50, 30, 200)),
        *along(3, range(5, 6), (0, 0, 1, 1)),
    ]
    made = cut(tmp_path, video, boxes)
    assert [tuple(track) for track in made.tracks] == [(1, 0, 8, 9), (2, 29, 29, 1), (3, 4, 4, 1)]
    assert (made.frames, made.bad_frames, made.cut, made.lost, made.notes, made.rate) == (30, 0, 1, (), (), 10)
    assert cut_frames(tmp_path, 1) == [0, 3, 6] and levels(tmp_path, 1) == [level(0), level(3), level(6)]
    assert levels(tmp_path, 2) == [level(29)]
    assert read_frame(tmp_path / "cut" / "1" / "000003.png").shape == (40, 30, 3)
    assert read_frame(tmp_path / "cut" / "2" / "000029.png").shape == (HEIGHT - 50, 20, 3)
    assert Cutting.from_json(json.loads(json.dumps(made))) == made


def test_boxes_without_area_or_beside_the_image_are_left_out_and_counted(tmp_path):
    video = write_video(tmp_path / "v.avi")
    boxes = [
        *along(1, range(1, 4), (10, 10, 0, 20)),
        *along(2, range(1, 3), (WIDTH + 5, 10, 20, 20)),
        *along(2, range(3, 5)),
        *along(3, range(1, 2), (10, -50, 20, 20)),
    ]
    made = cut(tmp_path, video, boxes)
    assert (made.empty, made.outside, made.lost) == (3, 3, (1, 3))
    assert [tuple(track) for track in made.tracks] == [(2, 2, 3, 2)]
    with pytest.raises(DataError, match=r"none of the 1 boxes lies in the frames of .*, 128 x 96 pixels"):
        cut(tmp_path, video, [(1, 1, 0.2, 0.2, 0.1, 0.1)])


def test_right_and_bottom_instead_of_width_and_height_are_told(tmp_path):
    video = write_video(tmp_path / "v.avi")
    made = cut(tmp_path, video, along(1, range(1, 10), (60, 50, 90, 90)))
    assert any("9 of 9 boxes reach over the image's border" in note for note in made.notes)
    assert not cut(tmp_path, video, along(1, range(1, 10), (60, 50, 30, 40))).notes
    reaching = [*along(1, range(1, 5)), *along(2, range(1, 5), (60, 50, 90, 90))]
    assert not cut(tmp_path, video, reaching).notes


def test_boxes_in_shares_of_the_image_are_refused(tmp_path):
    video = write_video(tmp_path / "v.avi")
    with pytest.raises(DataError, match=r"t.txt: no box is wider than 1, expected .* in pixels of .*, 128 x 96"):
        cut(tmp_path, video, along(1, range(1, 4), (0.3, 0.2, 0.6, 0.7)))


def test_a_track_with_gaps_has_the_frames_it_has(tmp_path):
    video = write_video(tmp_path / "v.avi")
    made = cut(tmp_path, video, [*along(1, range(3, 5)), *along(1, range(20, 22))], frames=4)
    assert tuple(made.tracks[0]) == (1, 2, 20, 4) and cut_frames(tmp_path, 1) == [2, 3, 19, 20]


def test_of_a_video_that_is_cut_off_the_frames_that_are_left_are_used(tmp_path):
    whole = write_video(tmp_path / "v.avi")
    video = tmp_path / "short.avi"
    video.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with Video(video) as opened:
        left = len(list(opened.read(range(30))))
    assert 10 < left < 25
    made = cut(tmp_path, video, [*along(1, range(1, 31)), *along(2, range(1, 5)), *along(3, range(29, 31))])
    assert made.frames == left and made.lost == (3,) and made.beyond == (30 - left) + 2
    chunk = -(-left // 3)
    assert cut_frames(tmp_path, 1) == [0, chunk, 2 * chunk] and cut_frames(tmp_path, 2) == [0, 2, 3]
    assert made.notes == (f"{video} ends after {left} frames, its tracks go on to frame 30 (from 1)",)


def test_a_damaged_frame_is_one_frame_and_others_take_its_place(tmp_path):
    video = damaged(write_video(tmp_path / "v.avi"), 14)
    with Video(video) as opened:
        found = {number: round(float(frame.mean())) for number, frame in opened.read(range(30))}
        bad = opened.bad
    assert bad == [14] and found == {number: level(number) for number in range(30) if number != 14}
    made = cut(tmp_path, video, along(1, range(12, 19)), frames=7)
    assert (made.bad_frames, made.beyond, tuple(made.tracks[0])) == (1, 1, (1, 11, 17, 6))
    assert cut_frames(tmp_path, 1) == [11, 12, 13, 15, 16, 17]


def test_a_cutting_that_was_killed_is_continued(tmp_path):
    video = write_video(tmp_path / "v.avi")
    boxes = [*along(1, range(1, 31)), *along(2, range(2, 6))]
    first = cut(tmp_path, video, boxes)
    kept, gone = tmp_path / "cut" / "1" / "000000.png", tmp_path / "cut" / "2" / "000004.png"
    written = kept.stat().st_mtime_ns
    gone.unlink()
    (tmp_path / "cut" / "1" / "000010.partial").write_bytes(b"half")
    assert cut(tmp_path, video, boxes) == first
    assert gone.is_file() and kept.stat().st_mtime_ns == written and cut_frames(tmp_path, 1) == [0, 10, 20]


def test_what_is_no_video_is_named(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(b"no video at all" * 100)
    with pytest.raises(DataError, match=r"video .*v.mp4 cannot be opened: it is empty, cut off or damaged"):
        Video(path)
    with pytest.raises(DataError, match="is missing"):
        Video(tmp_path / "absent.mp4")


def test_frames_that_do_not_follow_at_one_rate_are_told(tmp_path, monkeypatch: pytest.MonkeyPatch):
    video = write_video(tmp_path / "v.avi")
    monkeypatch.setattr(Video, "_note_jump", lambda opened, failures: opened.jumps.append(opened.frames))
    made = cut(tmp_path, video, along(1, range(1, 31)))
    expected = (
        f"{video}: frames do not follow at one rate; times of tracklets are counted with its mean, 10 frames a second"
    )
    assert made.notes == (expected,)


def test_a_video_that_asks_to_be_turned_is_told(tmp_path):
    video = write_video(tmp_path / "v.mp4", codec="mp4v")
    content = bytearray(video.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    video.write_bytes(content)
    made = cut(tmp_path, video, along(1, range(1, 5)))
    assert any("asks to be turned by 90 degrees; its frames are read as they are stored" in note for note in made.notes)
    assert len(made.tracks) == 1


def test_holes_in_the_time_stamps_are_told(tmp_path):
    path = tmp_path / "holes.mkv"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (WIDTH, HEIGHT))
    rng = np.random.default_rng(0)
    for _ in range(60):
        writer.write(rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    writer.release()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 9000] = bytes(9000)
    path.write_bytes(data)
    made = cut(tmp_path, path, along(1, range(1, 41)))
    assert any("the time stamps leave 1 holes" in note for note in made.notes), made.notes
