import re

import pytest

from star.tracking.names import LARGEST_PARAMS, LONGEST_PARAM, clean_name, clean_params, clean_tags


@pytest.mark.parametrize("name", ["dataset@test", "a%b", "decay[0]", "R@1", "/a//b/", "../a", "Größe µ"])
def test_cleaned_names_are_what_mlflow_takes(name: str):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name, _validate_tag_name

    cleaned = clean_name(name)
    for validate in (_validate_metric_name, _validate_param_name, _validate_tag_name):
        validate(cleaned)


def test_good_names_stay():
    assert clean_name("final/i2v/mAP") == "final/i2v/mAP"


def test_params_are_flat_unique_and_cut_with_a_mark():
    params = clean_params({"backbone": {"layers": [3, 4], "width": 64}, "a@b": 1, "a_b": 2, "long": "x" * 9000})
    assert params["backbone.layers"] == "[3, 4]"
    assert params["backbone.width"] == "64"
    assert {params["a_b"], params["a_b_"]} == {"1", "2"}
    assert len(params["long"]) == LONGEST_PARAM
    assert re.search(r"\[cut, 9000 characters\]$", params["long"])


def test_at_most_sixty_params_the_first_ones(caplog):
    caplog.set_level("INFO")
    params = clean_params({f"p{i}": i for i in range(80)})
    assert list(params) == [f"p{i}" for i in range(LARGEST_PARAMS)]
    assert "p60" in caplog.text and "p79" in caplog.text


def test_tags_are_text():
    assert clean_tags({"seed": 0, "git@dirty": False}) == {"seed": "0", "git_dirty": "False"}
