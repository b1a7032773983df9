"""Curves and scatters: what is drawn is what was measured; rows can be told apart; files are fit for paper."""

from itertools import combinations
from typing import Any

import cv2
import numpy as np
import pytest
from support.furnished_runs import in_folder, points

from star.errors import ReportError
from star.report.curves import cmc_figure, levels_figure, over_epochs, training_figure
from star.report.figures import PAGE, save, style
from star.report.queries import load_queries
from star.report.scatter import outcome, scatter_figure
from star.report.series import cmc_curves, training_curves


def _lines(panel: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in panel.get_lines() if not str(line.get_label()).startswith("_")}


def _drawn_areas(panel: Any) -> list[Any]:
    return list(panel.collections)


def _texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_cmc_is_the_mean_over_seeds_by_row_and_direction(collected):
    records, _ = load_queries([run for _, _, run in collected.all], in_folder)
    curves = cmc_curves(collected, records)
    figure = cmc_figure(curves)
    assert [panel.get_title().split(":")[0] for panel in figure.axes] == ["i2v", "v2i"]
    drawn = _lines(figure.axes[1])["STAR & co"].get_ydata()
    cmc = [records[run]["v2i"].cmc for run in ("star0000", "star1111")]
    np.testing.assert_allclose(drawn, 100 * (cmc[0] + cmc[1]) / 2)
    assert _texts(figure.legends[0]) == ["Baseline", "STAR & co", "Cubic"]


def test_cmc_of_runs_without_records():
    assert cmc_figure({"i2v": {"a": [], "b": [np.linspace(0, 1, 20)]}}).axes[0].get_lines()


def test_training_points_stand_at_their_epochs(collected):
    curves = training_curves(collected, points)
    assert list(curves) == ["i2v/mAP", "loss/total", "loss/joints_bones"]
    np.testing.assert_allclose(curves["i2v/mAP"]["Baseline"][0][0], [6, 12])
    total = curves["loss/total"]["Baseline"]
    assert len(total) == 2 and total[0].shape == (2, 12)
    np.testing.assert_allclose(total[0][:, 0], [1, 60 - 2], err_msg="steps 0 to 4 are epoch 1")
    assert curves["loss/joints_bones"]["Baseline"] == [] and len(curves["loss/joints_bones"]["Cubic"]) == 1


def test_runs_whose_epochs_are_not_known_have_no_curve(collected):
    for _, _, run in collected.all:
        run.params.pop("schedule.epochs")
    assert training_curves(collected, points) == {}


def test_training_means_and_drawn_areas():
    seeds = [np.array([[1, 2], [4.0, 8.0]]), np.array([[1, 2], [6.0, 8.0]])]
    figure = training_figure({"i2v/mAP": {"a": seeds}, "loss/a_b": {"a": seeds[:1], "b": []}})
    assert [panel.get_title() for panel in figure.axes if panel.get_visible()] == ["i2v mAP, %", "loss: a b"]
    np.testing.assert_allclose(_lines(figure.axes[0])["a"].get_ydata(), [5, 8])
    band = _drawn_areas(figure.axes[0])[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((5 - 2**0.5, 8))
    assert not _drawn_areas(figure.axes[1]), "one seed has no band"


def test_seeds_of_different_length_are_averaged_where_they_are():
    seeds = [np.array([[1, 2, 3], [4.0, 4.0, 4.0]]), np.array([[1, 2], [6.0, 6.0]])]
    figure = training_figure({"loss/total": {"a": seeds}})
    np.testing.assert_allclose(_lines(figure.axes[0])["a"].get_ydata(), [5, 5, 4])


def test_epochs_average_their_steps_and_leave_out_what_is_no_number():
    found = over_epochs([(0, 1.0), (1, 3.0), (2, float("nan")), (3, 7.0), (4, float("inf"))], 2)
    np.testing.assert_allclose(found, [[1, 2], [2, 7]])
    assert over_epochs([(0, float("nan"))], 2).shape == (2, 0)


def test_a_score_against_a_level():
    scores = {"Baseline": {0.6: [10.0, 14.0], 0.0: [30.0]}, "STAR": {0.0: [31.0], 0.6: [20.0, 22.0], 0.3: []}}
    low = {"Baseline": {0.0: [3.0]}, "STAR": {0.0: [4.0]}}
    figure = levels_figure({"i2v": scores, "v2i": low}, level="occlusion", chance={"i2v": 5.0, "v2i": 2.0})
    panels: list[Any] = list(figure.axes)
    baseline = panels[0].containers[0]
    np.testing.assert_allclose(baseline.lines[0].get_xydata(), [[0.0, 30.0], [0.6, 12.0]])
    bars = baseline.lines[2][0].get_segments()
    np.testing.assert_allclose(bars[1][:, 1], [12 - 8**0.5, 12 + 8**0.5])
    assert panels[0].get_xlabel() == "occlusion" and len(panels[0].containers[1].lines[0].get_xydata()) == 2
    assert panels[0].get_ylim() == panels[1].get_ylim() and panels[0].get_ylim()[0] == 0
    assert set(_texts(figure.legends[0])) == {"Baseline", "STAR", "random order"}


def test_nothing_to_draw_against_a_level():
    with pytest.raises(ReportError, match="no row has a score at any level of noise"):
        levels_figure({"i2v": {"Baseline": {0.0: []}}}, level="noise")


def test_wins_losses_and_ties():
    assert outcome(np.array([0.2, -0.1, 0.0, 1e-12, np.nan, 0.3])) == (2, 1, 2)


def test_the_scatter_has_ours_upwards():
    ours, theirs = np.array([0.9, 0.5, np.nan]), np.array([0.1, 0.5, np.nan])
    (panel,) = scatter_figure({"i2v": (ours, theirs)}, "STAR", "Baseline").axes
    np.testing.assert_allclose(_drawn_areas(panel)[0].get_offsets()[0], [10, 90])
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("AP of Baseline, %", "AP of STAR, %")
    assert [text.get_text() for text in panel.texts] == ["better: 1", "worse: 0\nsame: 1"]


def test_rows_differ_in_more_than_colour():
    for one, other in combinations(range(12), 2):
        assert style(one)[1:] != style(other)[1:], "in grey"
        assert style(one) != style(other)
    assert len({style(place).dash for place in range(7)}) == 7, "lines without markers"


def test_files_for_paper(tmp_path):
    figure = scatter_figure({"i2v": (np.zeros(3), np.ones(3)), "v2i": (np.zeros(3), np.ones(3))}, "a", "b")
    png = save(figure, tmp_path / "new", "scatter")
    assert cv2.imread(str(png)).shape[1] == round(PAGE * 300)
    pdf = (tmp_path / "new" / "scatter.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and b"/Type3" not in pdf, "fonts that journals take"
