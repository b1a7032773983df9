"""The two videos of docs/search.md: their tracks can be cut, and show the people that the table names."""

from __future__ import annotations

import csv
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from star.data.decode import read_frame
from star.footage.cutting import cut_tracks
from star.footage.track_file import read_track_file

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "two_videos" / "make_videos.py"


def test_the_videos_have_tracks_that_can_be_cut(tmp_path, monkeypatch):
    spec = spec_from_file_location("make_videos", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_videos", script)
    spec.loader.exec_module(script)
    monkeypatch.setattr(sys, "argv", ["make_videos.py", str(tmp_path), "--people", "3"])
    script.main()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["day.mp4", "day.txt", "night.mp4", "night.txt", "people.csv"]
    for name, tracks in (("day", 3), ("night", 1)):
        read = read_track_file(tmp_path / f"{name}.txt")
        made = cut_tracks(tmp_path / f"{name}.mp4", read, tmp_path / f"{name} cut", frames=6)
        assert [cut.boxes for cut in made.tracks] == [script.STEPS] * tracks and made.notes == () and made.cut > 0
        frame = read_frame(tmp_path / f"{name} cut" / "1" / "000024.png").astype(int)
        assert frame.shape == (128, 64, 3) and np.ptp(frame.mean(axis=2)) > 60
        assert (np.abs(frame[..., 0] - frame[..., 2]).mean() > 3) == (name == "day")
    with (tmp_path / "people.csv").open(encoding="utf-8") as file:
        people = {(row["video"], row["track"]): row["person"] for row in csv.DictReader(file)}
    assert people == {("day", "1"): "201", ("day", "2"): "202", ("day", "3"): "203", ("night", "1"): "201"}
