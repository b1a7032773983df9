"""The hardest queries: the right ones are chosen, and drawn only on the data the runs were ranked on."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.furnished_runs import in_folder

from star.errors import DataError
from star.report.hardest import draw_hardest, hardest
from star.report.queries import load_queries

GREEN, RED = np.array([60, 150, 30]), np.array([40, 40, 205])


@pytest.fixture
def records(runs):
    return load_queries(runs.values(), in_folder)[0]


def _share(path, colour):
    picture = cv2.imread(str(path)).astype(int)
    return int((np.abs(picture - colour).max(axis=2) < 20).sum())


def test_the_largest_differences_one_of_each_identity(records):
    own, other = records["star0000"]["i2v"], records["base0000"]["i2v"]
    precision = np.full(16, 0.5)
    gain = np.zeros(16)
    gain[[4, 5, 9, 12]] = 0.4, 0.3, 0.2, -0.4
    own = own._replace(average_precision=precision + gain, identity=np.arange(16) // 2)
    other = other._replace(average_precision=precision)
    assert hardest(own, other, better=True) == [4, 9]
    assert hardest(own, other, better=False) == [12]
    assert hardest(other, other, better=True) == []


def test_rows_directions_and_signs_are_drawn(collected, records, data, tmp_path):
    opened = []

    def open_data(run):
        opened.append(run.run_id)
        return data

    drawn, notes = draw_hardest(collected, records, open_data, tmp_path)
    assert not notes and opened == ["star0000"], "one data set, opened once"
    kinds = {(d.label, d.direction, d.better) for d in drawn}
    assert kinds == {(row, way, row != "Cubic") for row in ("STAR & co", "Cubic") for way in ("i2v", "v2i")}, (
        "with the same noise more skill never loses"
    )
    assert {d.seed for d in drawn} == {0}
    pictures = {(d.label, d.direction, d.better): d.picture for d in drawn}
    for colour in (GREEN, RED):
        assert _share(pictures["STAR & co", "i2v", True], colour) > 2000


def test_a_data_set_that_is_not_there_is_said_once(collected, records, tmp_path):
    def open_data(run):
        raise DataError("no folder /nowhere")

    drawn, notes = draw_hardest(collected, records, open_data, tmp_path)
    assert not drawn and notes == ["no queries are drawn: no folder /nowhere"]


def test_another_data_set_is_not_drawn(collected, records, data, tmp_path):
    drawn, notes = draw_hardest(collected, records, lambda run: replace(data, fingerprint="other"), tmp_path)
    assert not drawn and len(notes) == 1
    assert "the data set on disk has fingerprint other, the runs had" in notes[0]


def test_rows_without_a_partner_are_not_drawn(collected, records, data, tmp_path):
    del records["base0000"]
    drawn, _ = draw_hardest(collected, records, lambda run: data, tmp_path)
    assert {(d.label, d.seed) for d in drawn} == {("STAR & co", 1)}
