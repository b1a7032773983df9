import pytest

from star.report.captions import column_head, mean_and_deviation, signed, with_sign
from star.report.statistics import Interval
from star.report.table import Cell


@pytest.mark.parametrize(("value", "text"), [(1.5, "+1.50"), (-0.006, "-0.01"), (-0.004, "+0.00"), (0.0, "+0.00")])
def test_differences_have_a_sign_unless_they_round_to_zero(value: float, text: str):
    assert with_sign(value) == text


def test_cells_and_intervals_are_written_alike():
    interval = Interval(mean=-0.001, low=-2.0, high=2.0, count=3)
    assert signed(interval) == "+0.00 [-2.00, +2.00]"
    assert mean_and_deviation(Cell(12.0, 2.828, -0.001, interval)) == "12.00 ± 2.83 (+0.00)"


def test_heads_of_columns_say_which_re_ranking():
    columns = ("i2v/mAP", "v2i/R1_k_reciprocal", "i2v/mINP_temporal")
    assert [column_head(column) for column in columns] == ["i2v mAP", "v2i R1, k-reciprocal", "i2v mINP, temporal"]
