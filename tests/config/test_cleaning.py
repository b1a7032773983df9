import pytest

from star.config.check import check_overrides
from star.errors import ConfigError


def test_cleaning_is_off_by_default_and_on_in_its_experiment():
    star = check_overrides(["experiment=star", "dataset=synthetic"]).dataset
    assert (star.cleaning.interpolate, star.cleaning.filter, star.min_confidence) == (False, "none", 0)
    cleaned = check_overrides(["experiment=clean_skeletons", "dataset=synthetic"]).dataset
    assert (cleaned.cleaning.interpolate, cleaned.cleaning.filter, cleaned.min_confidence) == (
        True,
        "savitzky_golay",
        0.2,
    )
    assert star.cleaning.max_gap == cleaned.cleaning.max_gap == 5


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        ("window=6", "window", "an odd number of frames"),
        ("order=7", "order", "less than dataset.cleaning.window=7"),
        ("window=1", "window", "an integer (at least 3)"),
        ("filter=kalman", "filter", "one of none, savitzky_golay, one_euro"),
        ("max_gap=0", "max_gap", "an integer (at least 1)"),
        ("min_cutoff=0", "min_cutoff", "a number (above 0)"),
        ("beta=-1", "beta", "a number (at least 0)"),
        ("interpolate=yes", "interpolate", "true or false"),
        ("fill=true", "fill", "no such key"),
    ],
)
def test_wrong_options_are_named(change, key, expected):
    with pytest.raises(ConfigError) as error:
        check_overrides(["experiment=star", "dataset=synthetic", f"dataset.cleaning.{change}"])
    (problem,) = error.value.problems
    assert problem.key == f"dataset.cleaning.{key}" and problem.expected.startswith(expected)
