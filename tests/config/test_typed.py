"""KEY=PATH as typed in a shell, for every letter that a path can have."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from star.config.command_line import prepare_command_line
from star.config.compose import compose_run, sweep_jobs
from star.config.stored_run import stored_config
from star.config.typed import as_typed, value_of

ODD = [
    *(
        "数据",
        "straße",
        "a b",
        " a",
        "a=b",
        "lr=0.1,seed=2",
        "a(b)",
        "a (1)",
        "[a]",
        "a[1]",
        "{a}",
        "#a",
        "a#b",
        "it's",
    ),
    *('a "b"', "~a", "~", "a%20b", "100%", "a,b", "a;b", "a&b", "<a>", "$a", "a\\b", "a\\'b", "a\\", "-a", "*", "a?b"),
    *("1_0", "2023", "01", "1e3", "true", "no", "'a'", "glob(x)", "a:b", "@a", "+a", "a!b", "a|b", "`a`"),
]


@pytest.fixture(params=ODD)
def odd(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a folder in the current folder."""
    (tmp_path / request.param).mkdir()
    monkeypatch.chdir(tmp_path)
    return request.param


@pytest.mark.parametrize("place", ["{}", "./{}", "{here}/{}"])
def test_a_folder_that_is_there_is_meant_as_typed(odd: str, place: str):
    """In the form for Hydra, which is left as it is the second time."""
    typed = place.format(odd, here=Path.cwd())
    (argument,) = as_typed([f"dataset.root={typed}"])
    assert as_typed([argument]) == [argument]
    assert Path(value_of(argument)) == (Path(typed) if typed != "~" else Path("./~"))


def test_hydra_composes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("数据 (1)", "it's", "a,b\\", "2023"):
        Path(name).mkdir()
        composed, problems = compose_run([f"dataset.root={name}", f"out={name}"], "skeletons")
        assert not problems and composed.dataset.root == composed.out == name


def test_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "数据").mkdir()
    assert value_of("dataset.root=~/数据") == f"{tmp_path}/数据"
    assert value_of("dataset.root=~no_such_user/x") == "./~no_such_user/x"


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("seed=2023", 2023),
        ("dataset.skeletons=null", None),
        ("rerun=true", True),
        ("study=a b", "a b"),
        ("dataset.root=/no/such/数据 (1)", "/no/such/数据 (1)"),
        ("dataset.root='/no/such/数据'", "/no/such/数据"),
        ("source=[数据/a.json,b=1.json]", ["数据/a.json", "b=1.json"]),
        ("source=['a,b.json',数据]", ["a,b.json", "数据"]),
        ("dataset.generate={seed:1}", {"seed": 1}),
        (
            "hydra.run.dir=${star_outputs:}/lr=${seed}",
            "${star_outputs:}/lr=${seed}",
        ),
        ("seed=1)", "1)"),
        ("seed=1,2", "1,2"),
        ("no equals sign", ""),
        ("resume=12345678", "12345678"),
        ("run=12e45678", "12e45678"),
        ("study=1_0", "1_0"),
        ("resume=null", None),
    ],
)
def test_values(typed: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Numbers, null and words stay what they are, though there be files of that name."""
    for name in ("2023", "null", "true", "1,2"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert value_of(typed) == value


@pytest.mark.parametrize("typed", ["out={}/a,b", "pack.out={}/数据=1.pack", "tracker.uri=sqlite:///{}/a,b.db"])
def test_what_is_to_be_written_need_not_be_there(typed: str, tmp_path: Path):
    typed = typed.format(tmp_path)
    assert value_of(as_typed([typed])[0]) == typed.partition("=")[2]


def test_a_sweep_over_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("数据", "a=b", "c"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    jobs = sweep_jobs(as_typed(["dataset.root=数据,a=b,c", "seed=0,1"]))
    assert [[value_of(text) for text in job] for job in jobs] == [
        [root, seed] for root in ("数据", "a=b", "c") for seed in (0, 1)
    ]
    assert as_typed(["resume=12345678,abcdef01"]) == ["resume='12345678','abcdef01'"]
    assert as_typed(["-m", "dataset.root=c,c"]) == ["-m", "dataset.root=c,c"]


@pytest.mark.parametrize("name", ["lr=0.1", "数据 (1)", "a,b", "it's [1]"])
def test_a_run_in_any_folder_is_resumed(tmp_path: Path, name: str):
    run = tmp_path / name
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra" / "overrides.yaml").write_text("- dataset=synthetic\n")
    for typed in (f"resume={run}", as_typed([f"resume={run}"])[0]):
        given = prepare_command_line([typed])
        assert [value_of(text) for text in given] == ["synthetic", str(run), str(run), None]


def test_overrides_of_a_stored_run_are_read_like_those_of_a_new_one(tmp_path: Path):
    OmegaConf.save({"version": 2, "dataset": {"root": None, "frames": 6}}, tmp_path / "config.yaml")
    (tmp_path / "#数据: [1]").mkdir()
    config = stored_config(tmp_path, [f"dataset.root={tmp_path}/#数据: [1]", "dataset.frames=4"])
    assert (config.dataset["root"], config.dataset["frames"]) == (f"{tmp_path}/#数据: [1]", 4)
