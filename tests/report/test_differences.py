"""Settings and provenance in which runs differ."""

from support.furnished_runs import in_folder

from star.report.differences import configuration, differing, provenance


def test_the_whole_configuration_where_its_file_is_at_hand(runs):
    settings, whole = configuration(runs["star0000"], in_folder)
    assert whole and settings == {"schedule.epochs": "12", "graph": "full"}


def test_the_parameters_of_the_store_where_it_is_not(runs):
    settings, whole = configuration(runs["star0000"], lambda run, name: None)
    assert not whole and settings == {"schedule.epochs": "12"}


def test_a_damaged_configuration_is_as_good_as_none(runs, tmp_path):
    (tmp_path / "config.yaml").write_text("a: [1")
    assert not configuration(runs["star0000"], lambda run, name: tmp_path / name)[1]
    (tmp_path / "config.yaml").write_text("only text")
    assert not configuration(runs["star0000"], lambda run, name: tmp_path / name)[1]


def test_only_keys_that_differ():
    found = differing([{"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "x"}])
    assert found == [("b", ("2", "3")), ("c", ("–", "x"))]
    assert differing([{"a": "1"}, {"a": "1"}]) == []


def test_provenance_groups_the_runs_by_value(make_run):
    runs = [
        make_run("a", "star", 0, device="CPU", git_commit="c1", git_dirty="true"),
        make_run("b", "star", 1, device="CPU", git_commit="c1", git_dirty="false"),
    ]
    assert provenance(runs) == {"device": {"CPU": ["a", "b"]}, "git_commit": {
        "c1 with uncommitted changes": ["a"], "c1": ["b"]}}  # fmt: skip
