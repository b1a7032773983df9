from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from star.config.target import locate, sources_of
from star.errors import ConfigError, Problem

MODULE = """
class Outer:
    class Inner:
        class Innermost:
            pass

    def __init__(self):
        raise RuntimeError("the target was called")

    @classmethod
    def made(cls):
        raise RuntimeError("the target was called")


def build():
    raise RuntimeError("the target was called")


class _Hidden:
    pass


CONSTANT = 3
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Writes files into a folder on the path; what they bring into `sys.modules` is taken out again."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)

    def write_files(files: dict[str, str], root: Path = folder) -> Path:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        return root

    yield write_files
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)) or name.startswith("own_"):
            del sys.modules[name]


def problem_of(target: object) -> Problem:
    found: list[Problem] = []
    assert locate(target, "loss.own", found) is None
    (problem,) = found
    assert problem.key == "loss.own._target_"
    return problem


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("own_package.parts.Outer", "Outer"),
        ("own_package.parts.Outer.Inner", "Outer.Inner"),
        ("own_package.parts.Outer.Inner.Innermost", "Outer.Inner.Innermost"),
        ("own_package.parts.build", "build"),
        ("own_package.parts.Outer.made", "Outer.made"),
        ("own_package.Outer", "Outer"),
        ("own_package.build", "build"),
        ("own_package.deeper.still.parts.Outer.Inner", "Outer.Inner"),
    ],
)
def test_a_target_is_found_and_not_called(write, target: str, name: str):
    write(
        {
            "own_package/__init__.py": "from own_package.parts import Outer, build",
            "own_package/parts.py": MODULE,
            "own_package/deeper/still/parts.py": MODULE,
        }
    )
    found: list[Problem] = []
    assert locate(target, "loss.own", found).__qualname__ == name
    assert found == []


def test_a_class_that_hides_the_module_of_its_name_is_found_as_is_what_the_module_has(write):
    write({"own_package/__init__.py": "from own_package.Outer import Outer", "own_package/Outer.py": MODULE})
    found: list[Problem] = []
    assert locate("own_package.Outer", "loss.own", found).__qualname__ == "Outer"
    assert locate("own_package.Outer.build", "loss.own", found).__qualname__ == "build"
    assert found == []


@pytest.mark.parametrize("target", [None, 3, "", "Identity", ".Identity", "a..b", "a.", "a b.C", "a.1", ["a.B"], True])
def test_what_is_no_dotted_name_is_a_problem(target: object):
    problem = problem_of(target)
    assert problem.given == ("null" if target is None else repr(target))
    assert problem.expected == "a class by its full name, e.g. star.losses.Identity"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("own_package.parts.Outr", "a name in own_package.parts (did you mean Outer?)"),
        ("own_package.parts.biuld", "a name in own_package.parts (did you mean build?)"),
        ("own_package.parts.Outer.Iner", "a name in own_package.parts.Outer (did you mean Inner?)"),
        ("own_package.parts.Outer.Inner.Other", "a name in own_package.parts.Outer.Inner"),
        ("own_package.parts.Hidden", "a name in own_package.parts"),
        ("own_package.parts.CONSTAN", "a name in own_package.parts"),
        ("own_package.parts.CONSTANT.Outer", "a name in own_package.parts.CONSTANT"),
        ("own_package.part.Outer", "a name in own_package (did you mean party or parts?)"),
        ("own_package.parts", "a class: own_package.parts is a module"),
        ("own_package.party", "a class: own_package.party is a module"),
        (
            "own_pakage.parts.Outer",
            "a class that can be imported; ModuleNotFoundError: No module named 'own_pakage': is own_pakage installed "
            "here (pip install -e FOLDER), or its folder in PYTHONPATH?",
        ),
    ],
)
def test_a_name_that_is_missing_is_named_with_the_nearest(write, target: str, expected: str):
    write({"own_package/__init__.py": "", "own_package/parts.py": MODULE, "own_package/party.py": ""})
    importlib.import_module("own_package.party")
    assert problem_of(target) == Problem("loss.own._target_", target, expected)


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("\n1 / 0", "ZeroDivisionError: division by zero", 2),
        ("x = 1\nx +\n", "SyntaxError: invalid syntax", 2),
        ("def f():\nreturn", "IndentationError: expected an indented block after function definition on line 1", 2),
        ("import sys\nsys.exit()", "SystemExit", 2),
        ("import sys\n\nsys.exit('no licence')", "SystemExit: no licence", 3),
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'", 1),
        ("import own_package.nothing", "ModuleNotFoundError: No module named 'own_package.nothing'", 1),
        ("from json import nothing", "ImportError: cannot import name 'nothing' from 'json'", 1),
        ("import json\n\n\njson.loads('{')", "json.decoder.JSONDecodeError: Expecting property name", 4),
        ("undefined", "NameError: name 'undefined' is not defined", 1),
        ("class Odd(BaseException): pass\nraise Odd('two\\nlines')", "own_package.parts.Odd: two lines", 2),
        ("class Odd(Exception):\n  def __str__(self): 1 / 0\nraise Odd", "own_package.parts.Odd: <exception str", 3),
        ("raise ValueError('long ' * 1000)", "ValueError: long long", 1),
        ("exec('1 / 0')", "ZeroDivisionError: division by zero", 1),
        ("import ast\nast.parse('1 +')", "SyntaxError: invalid syntax", 2),
        ("def __getattr__(name):\n    return 1 / 0", "ZeroDivisionError: division by zero", 2),
    ],
)
@pytest.mark.parametrize("target", ["own_package.parts.Outer", "own_package.parts.Outer.Inner"])
def test_whatever_an_import_raises_is_one_problem_with_its_place(
    write, source: str, message: str, line: int, target: str
):
    folder = write({"own_package/__init__.py": "", "own_package/parts.py": source})
    problem = problem_of(target)
    assert problem.given == target
    assert problem.expected.startswith(f"a class that can be imported; {message}")
    assert problem.expected.endswith(f" ({folder}/own_package/parts.py, line {line})")
    assert len(problem.expected) < 400 + len(str(folder))


def test_the_place_is_in_the_file_that_is_broken_and_not_in_those_that_import_it(write):
    folder = write(
        {"own_parts.py": "import own_other", "own_other.py": "import own_third", "own_third.py": "\n\n1 / 0"}
    )
    assert problem_of("own_parts.Outer").expected.endswith(f" ({folder}/own_third.py, line 3)")


def test_the_place_is_in_the_users_file_also_where_an_installed_package_raises(write, tmp_path, monkeypatch):
    folder = write({"own_parts.py": "import own_installed\n\nown_installed.fail()"})
    installed = write({"own_installed.py": "def fail():\n    1 / 0\n"}, tmp_path / "site-packages")
    monkeypatch.syspath_prepend(installed)
    assert problem_of("own_parts.Outer").expected.endswith(f" ({folder}/own_parts.py, line 3)")


def test_the_place_is_in_an_installed_package_if_the_target_is(write, tmp_path, monkeypatch):
    installed = write({"own_installed.py": "def fail():\n    1 / 0\n\nfail()"}, tmp_path / "site-packages")
    monkeypatch.syspath_prepend(installed)
    assert problem_of("own_installed.Outer").expected.endswith(f" ({installed}/own_installed.py, line 2)")


def test_the_file_is_told_where_no_line_is_known(write):
    folder = write({"own_parts.py": "# -*- coding: nothing -*-"})
    expected = problem_of("own_parts.Outer").expected
    assert f"{folder}/own_parts.py" in expected
    assert "line 0" not in expected and "line None" not in expected


def test_no_place_is_told_where_the_target_only_does_not_exist(write):
    assert problem_of("own_nowhere.Outer").expected.endswith("its folder in PYTHONPATH?")


def test_an_interrupt_passes(write):
    write({"own_parts.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        locate("own_parts.Outer", "loss.own", [])


def digest(files: dict[str, str]) -> str:
    """What the hash of a package or module with these files must be."""
    content = b"".join(f"{name}\0{files[name]}".encode() for name in sorted(files))
    return hashlib.sha256(content).hexdigest()[:16]


def test_the_hash_is_over_relative_paths_and_contents_in_order(write):
    write({"own_b/parts.py": "1", "own_b/__init__.py": "2", "own_b/sub/z.py": "3", "own_a.py": "4", "own_c.py": "5"})
    content = b"__init__.py\0" + b"2" + b"parts.py\0" + b"1" + b"sub/z.py\0" + b"3"
    assert digest({"parts.py": "1", "sub/z.py": "3", "__init__.py": "2"}) == hashlib.sha256(content).hexdigest()[:16]
    assert sources_of(["own_b.parts.Outer", "own_a.Outer", "own_b.sub.z.build"]) == {
        "own_a": digest({"own_a.py": "4"}),
        "own_b": hashlib.sha256(content).hexdigest()[:16],
    }


@pytest.mark.parametrize("targets", [[], ["star.losses.Identity"], ["builtins.dict"], ["star"]])
def test_star_and_what_has_no_source_are_left_out(targets: list[str]):
    assert sources_of(targets) == {}


def test_a_name_that_only_begins_like_star_is_not_star(write):
    write({"star_own.py": "1"})
    assert sources_of(["star_own.Part"]) == {"star_own": digest({"star_own.py": "1"})}


BASE = {"own_p/__init__.py": "", "own_p/a.py": "x = 1\n", "own_p/sub/b.py": "y = 1\n"}


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"own_p/a.py": "x = 2\n"}, True),
        ({"own_p/sub/b.py": "y = 2\n"}, True),
        ({"own_p/__init__.py": "\n"}, True),
        ({"own_p/new.py": ""}, True),
        ({"own_p/not-a-name/new.py": ""}, True),
        ({"own_p/__pycache__/a.py": "x"}, False),
        ({"own_p/sub/__pycache__/a.py": "x"}, False),
        ({"own_p/.ipynb_checkpoints/a.py": "x"}, False),
        ({"own_p/.hidden.py": "x"}, False),
        ({"own_p/venv/lib/python3.11/site-packages/numpy.py": "x"}, False),
        ({"own_p/a.pyc": "x", "own_p/data.yaml": "x", "own_p/py": "x"}, False),
        ({"own_q.py": "x"}, False),
    ],
)
def test_what_changes_the_hash(write, change: dict[str, str], matters: bool):
    write(BASE)
    before = sources_of(["own_p.a.Outer"])
    write(change)
    assert (sources_of(["own_p.a.Outer"]) != before) is matters


def test_a_renamed_or_removed_file_changes_the_hash(write):
    folder = write(BASE)
    hashes = [sources_of(["own_p.a.Outer"])]
    (folder / "own_p/sub/b.py").rename(folder / "own_p/sub/c.py")
    hashes.append(sources_of(["own_p.a.Outer"]))
    (folder / "own_p/sub/c.py").unlink()
    hashes.append(sources_of(["own_p.a.Outer"]))
    assert len({entry["own_p"] for entry in hashes}) == 3


def test_an_edit_is_seen_in_the_same_process_even_if_size_and_time_stay(write):
    folder = write({"own_parts.py": "x = 1"})
    importlib.import_module("own_parts")
    before, stat = sources_of(["own_parts.Outer"]), (folder / "own_parts.py").stat()
    (folder / "own_parts.py").write_text("x = 2")
    os.utime(folder / "own_parts.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert sources_of(["own_parts.Outer"]) != before


def test_a_module_written_since_the_folder_was_listed_is_seen(write):
    folder = write({"own_a.py": "import own_b"})
    assert set(sources_of(["own_a.Outer"])) == {"own_a"}
    listed = folder.stat()
    (folder / "own_b.py").write_text("")
    os.utime(folder, ns=(listed.st_atime_ns, listed.st_mtime_ns))
    assert set(sources_of(["own_a.Outer"])) == {"own_a", "own_b"}


@pytest.mark.parametrize("files", [BASE, {"own_p.py": "x"}])
def test_the_hash_does_not_depend_on_the_folder(write, tmp_path, monkeypatch, files: dict[str, str]):
    folder = write(files)
    before = sources_of(["own_p.a"])
    shutil.rmtree(folder)
    monkeypatch.syspath_prepend(write(files, tmp_path / "another folder" / "deep"))
    assert sources_of(["own_p.a"]) == before


def test_packages_of_the_user_are_followed_through_their_imports(write):
    write(
        {
            "own_a/__init__.py": "import json, numpy.linalg as n, star.losses, star",
            "own_a/deep/parts.py": "def f():\n    from own_b.sub.parts import x\n",
            "own_b/__init__.py": "try:\n    import own_c.x, own_d\nexcept ImportError:\n    import own_nowhere",
            "own_b/sub/parts.py": "x = 1",
            "own_c/__init__.py": "import own_a",
            "own_d.py": "if False:\n    from own_e import *\nimport own_d",
            "own_e.py": "'\\d'",
            "own_unused.py": "import own_a",
        }
    )
    found = sources_of(["own_a.deep.parts.Outer"])
    assert set(found) == {"own_a", "own_b", "own_c", "own_d", "own_e"}
    assert found["own_e"] == digest({"own_e.py": "'\\d'"})
    assert sources_of(["own_c.Outer"]) == found


def test_relative_imports_name_no_package_beside(write):
    write(
        {
            "own_a/__init__.py": "from .own_b import x\nfrom . import own_b\nfrom .. import own_b",
            "own_a/own_b.py": "x = 1",
            "own_b.py": "",
        }
    )
    assert set(sources_of(["own_a.Outer"])) == {"own_a"}


def test_imports_are_followed_where_the_source_would_warn(write):
    write({"own_a.py": "x = '\\d'\nimport own_b", "own_b.py": ""})
    assert set(sources_of(["own_a.Outer"])) == {"own_a", "own_b"}


ODD = ["print 'old'", "x = 1 +", "\0", "x" + ".y" * 20_000, "-" * 20_000 + "1", "# coding: no"]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_file_that_is_no_python_is_hashed_all_the_same(write, odd: str):
    files = {"__init__.py": "import own_b", "odd.py": odd}
    write({**{f"own_a/{name}": text for name, text in files.items()}, "own_b.py": ""})
    assert sources_of(["own_a.Outer"]) == {"own_a": digest(files), "own_b": digest({"own_b.py": ""})}


def test_nothing_is_imported(write):
    write({"own_a/__init__.py": "import own_b\n1 / 0", "own_b.py": "1 / 0"})
    assert set(sources_of(["own_a.parts.Outer"])) == {"own_a", "own_b"}
    assert not {"own_a", "own_b"} & set(sys.modules)


def test_neither_the_order_of_targets_nor_what_is_imported_already_matters(write):
    write({"own_a/__init__.py": "", "own_a/x.py": "import own_b", "own_b.py": "import own_c", "own_c.py": ""})
    first = sources_of(["own_a.x.Outer", "own_c.Outer"])
    importlib.import_module("own_c")
    importlib.import_module("own_a.x")
    again = sources_of(iter(["own_c.Outer", "own_a.x.Outer", "own_a.Other"]))
    assert again == first
    assert list(again) == list(first) == ["own_a", "own_b", "own_c"]


@pytest.mark.parametrize("installation", ["site-packages", "dist-packages"])
def test_an_installed_package_is_hashed_as_a_target_only_and_its_imports_are_not_followed(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installation: str
):
    write({"own_a.py": "import own_installed, own_package", "own_b.py": ""})
    monkeypatch.syspath_prepend(
        write({"own_installed.py": "import own_b", "own_package/__init__.py": ""}, tmp_path / "python" / installation)
    )
    assert set(sources_of(["own_a.Outer"])) == {"own_a"}
    found = sources_of(["own_a.Outer", "own_installed.Outer", "own_package.Outer"])
    assert set(found) == {"own_a", "own_installed", "own_package"}
    assert found["own_installed"] == digest({"own_installed.py": "import own_b"})


def test_all_portions_of_a_namespace_package_count(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write({"own_n/one.py": "import own_b", "own_b.py": ""})
    monkeypatch.syspath_prepend(write({"own_n/another/two.py": "2"}, tmp_path / "second"))
    both = digest({"one.py": "import own_b", "another/two.py": "2"})
    assert sources_of(["own_n.one.Outer"]) == {"own_n": both, "own_b": digest({"own_b.py": ""})}


def test_of_an_imported_namespace_package_the_portions_that_are_not_installed_count(write, tmp_path, monkeypatch):
    write({"own_z.py": "import own_n.one", "own_n/one.py": "1"})
    monkeypatch.syspath_prepend(write({"own_n/two.py": "2"}, tmp_path / "site-packages"))
    assert sources_of(["own_z.Outer"])["own_n"] == digest({"one.py": "1"})
    assert sources_of(["own_z.Outer", "own_n.one.Outer"])["own_n"] == digest({"one.py": "1", "two.py": "2"})


class EditableFinder:
    """As setuptools' editable installs have one: names and folders that are not on the path."""

    def __init__(self, folder: Path):
        self.folder = folder

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name == "own_edited":
            return spec_from_file_location(name, self.folder / "own_edited" / "__init__.py")
        if name == "own_spread":
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(self.folder / "own_spread"), "__editable__.own.finder.__path_hook__"]
            return spec
        return None


def test_editable_installs_are_the_users_own(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write({"own_a.py": "import own_edited\nimport own_spread.x"})
    away = write({"own_edited/__init__.py": "1", "own_edited/x.py": "2", "own_spread/x.py": "3"}, tmp_path / "away")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, EditableFinder(away)])
    found = sources_of(["own_a.Outer"])
    assert found["own_edited"] == digest({"__init__.py": "1", "x.py": "2"})
    assert found["own_spread"] == digest({"x.py": "3"})


def test_links_are_followed_but_not_in_circles(write, tmp_path: Path):
    folder = write({"own_a/__init__.py": ""})
    away = write({"x.py": "import own_b", "deep/y.py": "2"}, tmp_path / "away")
    write({"own_b.py": ""})
    (folder / "own_a/linked").symlink_to(away)
    (folder / "own_a/again").symlink_to(away / "deep")
    (away / "deep" / "up").symlink_to(folder / "own_a")
    files = {"__init__.py": "", "linked/x.py": "import own_b", "linked/deep/y.py": "2", "again/y.py": "2"}
    assert sources_of(["own_a.Outer"]) == {"own_a": digest(files), "own_b": digest({"own_b.py": ""})}


def problems_of_sources(*targets: str) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        sources_of(targets)
    return error.value.problems


@pytest.mark.parametrize("target", ["own_a.Outer", "own_c.Outer"])
def test_an_unreadable_file_is_an_error(write, target: str):
    folder = write({"own_a/__init__.py": "", "own_c.py": "import own_a"})
    (folder / "own_a" / "broken.py").symlink_to(folder / "nowhere.py")
    expected = "a readable file of the package own_a (No such file or directory)"
    assert problems_of_sources(target) == [Problem("fingerprint", str(folder / "own_a/broken.py"), expected)]


@pytest.mark.parametrize("change", ["own_a", "own_b.py"])
def test_source_that_vanished_after_its_import_is_an_error(write, change: str):
    folder = write({"own_a/__init__.py": "import own_b", "own_b.py": ""})
    importlib.import_module("own_a")
    (folder / change).rename(folder / "elsewhere")
    (problem,) = problems_of_sources("own_a.Outer")
    assert (problem.key, problem.given) == ("fingerprint", str(folder / change))


def test_an_unreadable_folder_is_an_error(write, monkeypatch: pytest.MonkeyPatch):
    """Permissions mean nothing to root, hence not by permissions."""
    folder = write({"own_a/__init__.py": "", "own_a/closed/x.py": ""})
    listed = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    expected = "a readable file of the package own_a (Permission denied)"
    assert problems_of_sources("own_a.Outer") == [Problem("fingerprint", str(folder / "own_a/closed"), expected)]


def test_a_target_that_cannot_be_found_is_an_error(write):
    write({"own_a.py": ""})
    expected = "a package or module that can be found"
    assert problems_of_sources("own_a.X", "own_nowhere.X") == [Problem("fingerprint", "own_nowhere", expected)]


def test_a_module_made_by_hand_has_no_source(write, monkeypatch: pytest.MonkeyPatch):
    write({"own_a.py": "import own_made"})
    monkeypatch.setitem(sys.modules, "own_made", ModuleType("own_made"))
    assert set(sources_of(["own_a.Outer"])) == {"own_a"}
    assert [problem.given for problem in problems_of_sources("own_made.Outer")] == ["own_made"]
