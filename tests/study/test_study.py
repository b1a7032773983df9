"""study.yaml: what is read, what is refused, and that the shipped studies fit the shipped configuration."""

from dataclasses import replace

import pytest

from star.errors import ReportError
from star.study.level_study import is_level_study
from star.study.study import Row, load_study, multirun_arguments, multirun_command

SHIPPED = (
    *("quickstart", "baseline_vs_star", "ablation_components", "ablation_skeleton", "ablation_temporal"),
    *("skeleton_value", "precision", "methods", "methods_with_skeletons"),
)
SHORTER = ("methods", "methods_with_skeletons")
"""Studies of so many rows that their size `cpu` has clips of fewer frames than that of the others."""


def test_a_study_is_read(study):
    assert (study.name, study.seeds, study.baseline) == ("tiny", (0, 1), "baseline")
    assert [row.name for row in study.rows] == ["baseline", "star", "cubic"]
    assert study.rows[2].overrides == ("aggregation.power=4.0",)
    assert study.published[0].values == {"i2v/mAP": 12.5, "i2v/R5": 40}
    assert study.published[0].about == {"T": "6", "backbone": "ResNet-50"}


def test_rows_that_differ_in_one_key_share_a_command(study):
    first, second, third = study.rows
    rows = (
        first,
        second,
        replace(third, overrides=("dataset.frames=6",)),
        replace(third, overrides=("dataset.frames=10",)),
    )
    rows += (
        Row("six", "Six", "baseline", ("dataset.frames=6",)),
        Row("list", "List", "star", ("guidance.sequence.powers=[1,2]",)),
    )
    wanted = [(row, seed) for row in rows for seed in (0, 1) if (row, seed) != (second, 0)]
    shared = ["study=tiny", "dataset=synthetic"]
    assert multirun_arguments(study, wanted, ["dataset.root=/data"]) == [
        ["experiment=baseline", "seed=0,1", *shared, "dataset.root=/data"],
        ["experiment=star", "seed=1", *shared, "dataset.root=/data"],
        ["experiment=star", "seed=0,1", *shared, "dataset.frames=6,10", "dataset.root=/data"],
        ["experiment=baseline", "seed=0,1", *shared, "dataset.frames=6", "dataset.root=/data"],
        ["experiment=star", "seed=0,1", *shared, "guidance.sequence.powers=[1,2]", "dataset.root=/data"],
    ]
    assert "'guidance.sequence.powers=[1,2]'" in multirun_command(replace(study, rows=rows))


def test_one_command_for_each_set_of_overrides(study):
    assert multirun_command(study).splitlines() == [
        "star-train -m experiment=baseline,star seed=0,1 study=tiny dataset=synthetic dataset.root=ROOT",
        "star-train -m experiment=star seed=0,1 study=tiny dataset=synthetic aggregation.power=4.0 dataset.root=ROOT",
    ]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("title: Two rows", "", "the file: title: given nothing, expected a value"),
        ("title:", "titel: x\ntitle:", "the file: given key titel, expected only title"),
        ("seeds: [0, 1]", "seeds: 3", "seeds: given 3, expected a list"),
        ("seeds: [0, 1]", "seeds: [0, x]", "seeds: given x, expected whole numbers from 0"),
        ("baseline: baseline", "baseline: none", "baseline: given none, expected the name of a row: baseline, star"),
        ("name: star", "name: baseline", "expected a different name for each row"),
        (", overrides: [aggregation.power=4.0]", "", "expected different experiments or overrides"),
        ("[aggregation.power=4.0]", "[power]", "rows[2].overrides: given power, expected key=value"),
        (
            "[aggregation.power=4.0]",
            "[seed=3]",
            "rows[2].overrides: given seed=3, expected no seed: the study",
        ),
        (
            "[aggregation.power=4.0]",
            "[rerun=true]",
            "expected no rerun: what is finished counts; to train it again, star-",
        ),
        (
            "[aggregation.power=4.0]",
            "[tracker=none]",
            "expected no tracker: runs of a study are found in the MLflow store",
        ),
        ("[aggregation.power=4.0]", "[tracker.uri=x]", "expected no tracker.uri: all runs of a study are in one store"),
        (
            "[aggregation.power=4.0]",
            "[+hydra.run.dir=x]",
            "expected no hydra: folders and launchers of Hydra are given on",
        ),
        ("i2v/mAP, v2i/mAP", "i2v/mAP, i2v/mAP", "i2v/mAP, i2v/mAP, expected each column once"),
        ("name: star", "name: a/../b", "rows[1].name: given a/../b, expected letters, digits and _ . + -"),
        ("i2v/mAP, v2i/mAP", "i2v/mAP, mAP", "columns: given mAP, expected one of i2v/R1"),
        ("i2v/mAP, v2i/mAP", "i2v/mAP_k", "given i2v/mAP_k, expected one of i2v/R1, "),
        ("about: {T: 6, backbone: ResNet-50}", "about: [6]", "published[0].about: given [6], expected facts"),
        ("i2v/mAP: 12.5", "i2v/mAP: 125", "published[0].values.i2v/mAP: given 125, expected a percentage"),
        ("name: star", "name: no", "given no, which YAML reads as false, expected 'no' in quotes, or false"),
        ("name: star", "name: 010", "given 010, which YAML reads as 8, expected '010' in quotes, or 8"),
        ("seeds: [0, 1]", "seeds: [0, 1_0]", "given 1_0, which YAML reads as 10, expected '1_0' in quotes, or 10"),
        ("title: Two rows", "title: 1:30", "line 2: given 1:30, which YAML reads as 90"),
        ("name: star", "name: true", "rows[1].name: given True, expected a text, in quotes"),
        ("name: star", "name: 1e3", "rows[1].name: given 1000.0, expected a text, in quotes"),
        ("[aggregation.power=4.0]", "[{a=b: 1}]", "rows[2].overrides[0]: given {'a=b': 1}, expected a text"),
        ("source: A journal 2023, ", "", "published[0]: source: given nothing, expected a value"),
    ],
)
def test_wrong_entries_are_named(study_folder, old, new, complaint):
    file = study_folder / "study.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ReportError) as caught:
        load_study(study_folder)
    assert complaint in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("columns:", "colums:", "the file: given key colums, expected only title, .* (did you mean columns?)"),
        ("baseline: baseline", "baselin: baseline", "the file: given key baselin, .* (did you mean baseline?)"),
        ("rows:", "row:", "the file: given key row, .* (did you mean rows?)"),
        ("label: ", "lable: ", "rows[0]: given key lable, expected only .* (did you mean label?)"),
    ],
)
def test_a_misspelt_key_is_one_problem(study_folder, old, new, complaint):
    file = study_folder / "study.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ReportError, match="1 problem:") as caught:
        load_study(study_folder)
    beginning, _, end = complaint.partition(".*")
    assert beginning in str(caught.value) and str(caught.value).endswith(end)


def test_a_key_that_is_missing_beside_one_that_resembles_nothing(study_folder):
    file = study_folder / "study.yaml"
    file.write_text(file.read_text().replace("columns:", "zzz:", 1))
    with pytest.raises(ReportError, match="2 problems:") as caught:
        load_study(study_folder)
    assert "the file: columns: given nothing" in str(caught.value) and "did you mean" not in str(caught.value)


def test_all_problems_come_at_once(study_folder):
    file = study_folder / "study.yaml"
    file.write_text(file.read_text().replace("seeds: [0, 1]", "seeds: [-1]").replace("v2i/mAP]", "v2i/mA]"))
    with pytest.raises(ReportError, match="2 problems") as caught:
        load_study(study_folder)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("content", ["a: [", "a: 1\na: 2", "- 1", ""])
def test_a_file_that_is_no_study(study_folder, content):
    (study_folder / "study.yaml").write_text(content)
    with pytest.raises(ReportError, match="study.yaml"):
        load_study(study_folder)


def test_a_folder_without_a_study(tmp_path):
    with pytest.raises(ReportError, match="study.yaml does not exist: expected the folder of a study"):
        load_study(tmp_path)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_studies_say_how_to_run_them(project, name):
    folder = project / "experiments" / name
    text = " ".join((folder / "README.md").read_text().replace("\\\n", " ").split())
    usual = load_study(folder)
    if usual.size is None:
        assert multirun_command(usual) in text or f"star-study run experiments/{name} star-report" in text
    for size in usual.sizes:
        study = load_study(folder, size)
        of_paper = size in ("paper", "campus")
        assert study.name == f"{name}/{size}" and study.common[0] == f"size={'paper' if of_paper else 'cpu'}"
        own = ("dataset.frames=3",) if name in SHORTER and size == "cpu" else ()
        assert size not in ("paper", "cpu") or study.common[1:] == own
        arguments = study.arguments.replace(str(folder), f"experiments/{name}")
        assert f"star-study run {' '.join([arguments, *study.fill_in])}" in text
        assert f"star-report {arguments}" in text
        assert [row.name for row in study.rows if f"`{row.name}`" not in text and name.startswith("ablation_s")] == []


def test_every_study_of_the_paper_has_both_sizes(project):
    of_skeletons = ("distinct", "distinct_longer", "exact", "usual", "longer")
    others = {"quickstart": (), "precision": (), "skeleton_value": of_skeletons, "methods": ("paper", "campus", "cpu")}
    for name in SHIPPED:
        study = load_study(project / "experiments" / name)
        assert study.sizes == others.get(name, ("paper", "cpu"))
        fewest = {"quickstart": 2, "baseline_vs_star": 5}.get(name, 3)
        for size in study.sizes or (None,):
            assert len(load_study(project / "experiments" / name, size).seeds) >= (3 if size == "paper" else fewest)


def test_every_experiment_folder_is_tested(project):
    folders = [path.parent for path in (project / "experiments").glob("*/study.yaml")]
    assert sorted(folder.name for folder in folders if not is_level_study(folder)) == sorted(SHIPPED)


def test_the_published_figures_are_cited(project):
    published = load_study(project / "experiments" / "baseline_vs_star").published
    ours = [row.values for row in published if "STAR on MindSpore" in row.source]
    assert ours == [{"i2v/mAP": 54.97, "v2i/mAP": 55.86}, {"i2v/mAP": 56.01, "v2i/mAP": 58.56}]
    assert {row.label.split(" ")[0] for row in published} >= {
        "MITML",
        "IBAN",
        "SAADG",
        "CST",
        "M3-ReID",
        "X-ReID",
        "HHA",
    }
    assert all(row.source for row in published)
    assert load_study(project / "experiments" / "baseline_vs_star", "cpu").published == ()


SIZED = """
title: Two sizes
baseline: baseline
rows:
  - {name: baseline, label: Baseline, experiment: baseline}
  - {name: star, label: STAR, experiment: star, sizes: [cpu]}
columns: [i2v/mAP]
varies: [clip]
sizes:
  paper: {common: [size=paper], fill_in: [dataset.root=ROOT], seeds: [0, 1], title: On paper}
  cpu: {common: [size=cpu], seeds: [0]}
"""


@pytest.fixture
def sized(tmp_path):
    folder = tmp_path / "sized"
    folder.mkdir()
    (folder / "study.yaml").write_text(SIZED)
    return folder


def test_the_first_size_is_the_usual_one(sized):
    study = load_study(sized)
    assert (study.name, study.size, study.sizes, study.varies) == ("sized/paper", "paper", ("paper", "cpu"), ("clip",))
    assert (study.title, study.common, study.fill_in, study.seeds) == (
        "On paper",
        ("size=paper",),
        ("dataset.root=ROOT",),
        (0, 1),
    )
    assert [row.name for row in study.rows] == ["baseline"]
    assert study.arguments == str(sized)


def test_another_size(sized):
    study = load_study(sized, "cpu")
    assert (study.name, study.title, study.common, study.fill_in) == ("sized/cpu", "Two sizes", ("size=cpu",), ())
    assert [row.name for row in study.rows] == ["baseline", "star"]
    assert study.arguments == f"{sized} --size cpu"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("cpu: {common: [size=cpu], seeds: [0]}", "cpu: {common: [size=cpu]}", "sizes.cpu: seeds: given nothing"),
        ("cpu: {common", "cpu: {commun", "sizes.cpu: given key commun, expected only title, text, common"),
        ("sizes: [cpu]", "sizes: [gpu]", "rows[1].sizes: given ['gpu'], expected a list of paper, cpu"),
        ("varies: [clip]", "varies: [seed]", "varies: given seed, expected one of protocol, clip, data, recipe"),
        ("seeds: [0, 1]", "seeds: [0, 0]", "seeds: given [0, 0], expected different numbers"),
        ("common: [size=cpu]", "common: [cpu]", "common: given cpu, expected key=value"),
        ("  cpu:", "  c/pu:", "sizes: given c/pu, expected names of letters"),
    ],
)
def test_wrong_sizes_are_named_whichever_is_asked_for(sized, old, new, complaint):
    assert old in SIZED
    (sized / "study.yaml").write_text(SIZED.replace(old, new, 1))
    with pytest.raises(ReportError) as caught:
        load_study(sized, "paper")
    assert complaint in str(caught.value)


def test_a_size_there_is_not(sized, study_folder):
    with pytest.raises(ReportError, match="size: given gpu, expected one of paper, cpu"):
        load_study(sized, "gpu")
    with pytest.raises(ReportError, match="size: given cpu, expected none: this study has one size only"):
        load_study(study_folder, "cpu")
