from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import (  # noqa: UP035
    TYPE_CHECKING,
    Annotated,
    Any,
    Dict,
    List,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    Tuple,
    Union,
)

import pytest

from star.bounds import Bounds
from star.config.signature import check_arguments
from star.errors import Problem

if TYPE_CHECKING:
    from nowhere import Tensor  # type: ignore[import-not-found]

NAN, INFINITE = float("nan"), float("inf")
CASES: list[tuple[Any, list[Any], list[Any], str]] = [
    (bool, [True, False], [0, 1, "true", None], "true or false"),
    (int, [0, -3], [True, 1.0, "1", None, [1]], "an integer"),
    (float, [0, 1.5, -2], [True, NAN, INFINITE, -INFINITE, "1.5", None], "a number"),
    (str, ["", "a"], [1, None, ["a"]], "a text"),
    (None, [None], [0, "", False], "null"),
    (int | None, [1, None], [1.5, "a", True], "an integer or null"),
    (Optional[str], ["a", None], [1], "a text or null"),  # noqa: UP045
    (Union[int, str], [1, "a"], [None, 1.5], "an integer or a text"),  # noqa: UP007
    (Literal["a", "b"], ["a", "b"], ["c", None, 1], "one of a, b"),
    (Literal[1, "x", None], [1, "x", None], [True, 1.0, "1"], "one of 1, x, None"),
    (Literal[True, 2], [True, 2], [1, 2.0, False], "one of True, 2"),
    (Literal["auto"] | int, ["auto", 3], ["manual", 3.5], "one of auto or an integer"),
    (Sequence[int], [[1, 2], (3,), []], [[1.5], [True], ["1"], "12", 3, {1: 2}, None], "a list of integers"),
    (list[float], [[1, 2.5], (3,)], [[NAN], ["1"], 1.0], "a list of numbers"),
    (List[str], [["a"], []], ["a", [1]], "a list of texts"),  # noqa: UP006
    (Sequence[bool], [[True]], [[1], True], "a list, each true or false"),
    (Sequence[int | None], [[1, None]], [[1.5]], "a list, each an integer or null"),
    (Sequence[Sequence[int]], [[[1], []]], [[1], [["a"]]], "a list, each a list of integers"),
    (Sequence[Literal["a", "b"]], [["a", "b", "a"]], [["c"], "a"], "a list, each one of a, b"),
    (tuple[float, ...], [[1, 2], (0.5,), []], [[True], 1], "a list of numbers"),
    (tuple[int, int], [[1, 2]], [[1], [1, 2, 3], [1, 2.5], 12], "a list of 2 integers"),
    (Tuple[int, str], [[1, "a"]], [["a", 1], [1], [1, "a", "b"]], "a list of 2: an integer, a text"),  # noqa: UP006
    (
        Mapping[str, int],
        [{}, {"a": 1}],
        [{"a": "b"}, {"a": True}, {1: 1}, [1], None],
        "a group of keys, each an integer",
    ),
    (Dict[str, Sequence[int]], [{"a": [1]}], [{"a": 1}], "a group of keys, each a list of integers"),  # noqa: UP006
    (list, [[1, "a"], ()], ["a", 1, {}], "a list"),
    (Sequence[Any], [[1, "a"]], [1], "a list"),
    (MutableSequence[int], [[1]], [["a"], 1], "a list of integers"),
    (MutableMapping[str, int], [{"a": 1}], [{"a": "b"}, 1], "a group of keys, each an integer"),
    (tuple[Annotated[int, []], Annotated[int, []]], [[1, 2]], [[1, "a"]], "a list of 2 integers"),
    (tuple, [[1, "a"]], [1], "a list"),
    (dict, [{1: "a"}], [[1]], "a group of keys"),
    (Mapping, [{1: "a"}], ["a"], "a group of keys"),
    (dict[str, Any], [{"a": [1]}], [[1], {1: 2}], "a group of keys"),
    (Annotated[int, Bounds(minimum=1)], [1, 7], [0, 1.5, True, None], "an integer (at least 1)"),
    (Annotated[float, Bounds(above=0, maximum=1)], [0.1, 1], [0, 1.1, NAN], "a number (above 0 and at most 1)"),
    (Annotated[int, "words", Bounds(maximum=3)], [3], [4], "an integer (at most 3)"),
    (Annotated[int, "words"], [-1], ["a"], "an integer"),
    (Annotated[int, []], [-1], ["a"], "an integer"),
    (
        Annotated[int, Bounds(minimum=1), Bounds(minimum=0, maximum=3)],
        [1, 3],
        [0, 4],
        "an integer (at least 1 and at most 3)",
    ),
    (Union[Annotated[int, Bounds(minimum=1)], None], [1, None], [0], "an integer (at least 1) or null"),  # noqa: UP007
    (Annotated[int | None, Bounds(minimum=1)], [1, None], [0], "an integer (at least 1) or null"),
    (Annotated[int | str, Bounds(minimum=1)], [1, "a"], [0], "an integer (at least 1) or a text"),
    (
        Annotated[Sequence[int], Bounds(length=4, minimum=1)],
        [[3, 4, 6, 3], (1, 1, 1, 1)],
        [[3, 4, 6], [3, 4, 6, 0], [3, 4, 6, 3.0], [], 4],
        "a list of 4 integers (at least 1)",
    ),
    (
        Annotated[Sequence[Annotated[int, Bounds(minimum=1)]], Bounds(length=2, maximum=9)],
        [[1, 9]],
        [[0, 1], [1, 10], [1]],
        "a list of 2 integers (at least 1 and at most 9)",
    ),
    (Annotated[Sequence[str], Bounds(length=2)], [["a", "b"]], [["a"]], "a list of 2 texts"),
    (
        Annotated[Sequence[Sequence[int]], Bounds(length=1)],
        [[[1, 2]]],
        [[[1], [2]]],
        "a list of 1, each a list of integers",
    ),
    (
        Annotated[tuple[int, float], Bounds(above=0)],
        [[1, 0.5]],
        [[1, 0], [0, 1]],
        "a list of 2: an integer (above 0), a number (above 0)",
    ),
    (Annotated[tuple[float, float], Bounds(above=0)], [[1, 0.5]], [[1, 0]], "a list of 2 numbers (above 0)"),
    (
        Annotated[Mapping[str, float], Bounds(minimum=0)],
        [{"a": 0}],
        [{"a": -1}],
        "a group of keys, each a number (at least 0)",
    ),
    (
        Annotated[int, SimpleNamespace(minimum=2, above=None, maximum=None, length=None)],
        [2],
        [1],
        "an integer (at least 2)",
    ),
]
IDS = [str(hint).replace("typing.", "").replace("collections.abc.", "") for hint, *_ in CASES]


def problems_of(target: Any, values: dict[str, Any], given: Sequence[str] = ()) -> list[Problem]:
    found: list[Problem] = []
    check_arguments("part", target, values, given, found)
    return found


def taking(hint: Any) -> Callable[..., None]:
    def build(it):
        pass

    build.__annotations__ = {"it": hint}
    return build


@pytest.mark.parametrize(("hint", "fitting", "_wrong", "_words"), CASES, ids=IDS)
def test_what_fits_the_hint_is_no_problem(hint: Any, fitting: list[Any], _wrong: list[Any], _words: str):
    assert {repr(value): problems_of(taking(hint), {"it": value}) for value in fitting} == {
        repr(value): [] for value in fitting
    }


@pytest.mark.parametrize(("hint", "_fitting", "wrong", "words"), CASES, ids=IDS)
def test_what_does_not_is_named_with_what_was_expected(hint: Any, _fitting: list[Any], wrong: list[Any], words: str):
    for value in wrong:
        (problem,) = problems_of(taking(hint), {"it": value})
        assert problem.key == "part.it"
        assert problem.given == ("null" if value is None else repr(value))
        assert problem.expected == words


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        *((hint, words) for hint, _, _, words in CASES),
        (Any, "a value"),
        (Path, "a value of type pathlib.Path"),
        (Callable[[int], int], "a value of type collections.abc.Callable[[int], int]"),
    ],
)
def test_a_missing_argument_is_named_with_what_was_expected(hint: Any, words: str):
    assert problems_of(taking(hint), {}) == [Problem("part.it", "nothing", words)]


def test_an_argument_without_a_hint_may_be_anything():
    def build(it):
        pass

    assert problems_of(build, {}) == [Problem("part.it", "nothing", "a value")]
    assert [problems_of(build, {"it": value}) for value in (None, 1, "a", [1], {"a": 1})] == [[]] * 5


@pytest.mark.parametrize("hint", [Any, object, Path, Callable, Callable[[int], int], type[int], 3, set[int], "Tensor"])
@pytest.mark.parametrize("value", [None, 1, "a", [1], {"a": 1}])
def test_other_hints_accept_everything(hint: Any, value: Any):
    assert problems_of(taking(hint), {"it": value}) == []


class Plain:
    def __init__(self, size: int, rate: Annotated[float, Bounds(above=0)] = 0.1, *, channels: int, names=()):
        pytest.fail("the target must not be called")


@pytest.mark.parametrize(
    ("values", "given", "expected"),
    [
        ({"size": 3}, ("channels",), {}),
        ({"size": 3, "rate": 1, "channels": 4, "names": 7}, (), {}),
        ({}, ("size", "channels", "frames"), {}),
        ({"size": 3}, (), {"part.channels": "an integer"}),
        ({}, ("channels",), {"part.size": "an integer"}),
        ({"size": 3, "rat": 1}, ("channels",), {"part.rat": "no such key (did you mean rate?)"}),
        ({"size": 3, "depth": 1}, ("channels",), {"part.depth": "no such key (known here: size, rate, names)"}),
        ({"size": 3, "chanels": 1}, ("channels",), {"part.chanels": "no such key (known here: size, rate, names)"}),
        ({"size": 3, "chanels": 1, "channels": 1}, (), {"part.chanels": "no such key (did you mean channels?)"}),
        ({"size": 3, 7: 1}, ("channels",), {"part.7": "no such key (known here: size, rate, names)"}),
        (
            {"size": 3, "channels": 4},
            ("channels",),
            {"part.channels": "no such key here (derived: the builder gives channels; leave it out)"},
        ),
        (
            {"size": 3, "frames": 4},
            ("channels", "frames"),
            {"part.frames": "no such key (did you mean names?)"},
        ),
        ({"size": 3, "self": 1}, ("channels",), {"part.self": "no such key (known here: size, rate, names)"}),
        (
            {"size": 3.5, "rate": 0, "names": None, "other": 1},
            (),
            {
                "part.size": "an integer",
                "part.rate": "a number (above 0)",
                "part.other": "no such key (known here: size, rate, channels, names)",
                "part.channels": "an integer",
            },
        ),
    ],
)
def test_arguments_unknown_missing_derived_and_wrong_are_all_found(values: dict, given: tuple, expected: dict):
    found = problems_of(Plain, values, given)
    assert {problem.key: problem.expected for problem in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    "parameter", ["it: int = None", "it: Annotated[int, Bounds(minimum=1)] = None", "it: 'int'=None"]
)
def test_none_passes_where_it_is_the_default(parameter: str):
    namespace: dict[str, Any] = {"Annotated": Annotated, "Bounds": Bounds}
    exec(f"def build({parameter}): pass", namespace)
    assert problems_of(namespace["build"], {"it": None}) == []
    assert [problem.key for problem in problems_of(namespace["build"], {"it": "a"})] == ["part.it"]


class Inherits(Plain):
    pass


class HidingMeta(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class Hidden(metaclass=HidingMeta):
    def __init__(self, size: int, channels: int):
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        pass


def logged(function: Callable) -> Callable:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Wrapped:
    @logged
    @logged
    def __init__(self, size: int, channels: int):
        pass


WrappedClass = logged(Hidden)


class Made:
    def __new__(cls, size: int, channels: int):
        return super().__new__(cls)


class Tup(NamedTuple):
    size: int
    channels: int


@dataclass
class Data:
    size: int
    channels: InitVar[int]
    hidden: int = field(default=0, init=False)


@dataclass(kw_only=True)
class MoreData(Data):
    rate: float = 1.0


def function(size: int, channels: int):
    pass


class Maker:
    @classmethod
    def made(cls, size: int, channels: int):
        return cls()

    @staticmethod
    def free(size: int, channels: int):
        return Maker()


class Face(Protocol):
    reads: tuple[str, ...]


class Conforming(Face, Hidden, metaclass=type("Both", (type(Face), HidingMeta), {})):  # type: ignore[misc]
    pass


TARGETS = [Plain, Inherits, Hidden, Wrapped, WrappedClass, Made, Tup, Data, MoreData, function, Maker.made, Maker.free]


@pytest.mark.parametrize(
    "target", [*TARGETS, Conforming, functools.partial(function)], ids=lambda t: getattr(t, "__name__", "partial")
)
def test_the_signature_is_found_wherever_it_is(target: Any):
    assert problems_of(target, {"size": 3}, ("channels",)) == []
    found = problems_of(target, {"size": "3", "channels": 4, "hidden": 1}, ("channels",))
    assert [problem.key for problem in found] == ["part.size", "part.channels", "part.hidden"]
    assert found[0].expected == "an integer"
    assert [problem.key for problem in problems_of(target, {})] == ["part.size", "part.channels"]


def test_what_a_dataclass_takes_and_does_not_keep_has_its_type():
    assert problems_of(Data, {"size": 1, "channels": "4"}) == [Problem("part.channels", "'4'", "an integer")]


class Empty:
    pass


class ConformingEmpty(Face):
    pass


@pytest.mark.parametrize("target", [Empty, ConformingEmpty, object, lambda: None])
def test_a_class_without_a_constructor_takes_nothing(target: Any):
    assert problems_of(target, {}) == []
    assert problems_of(target, {"size": 1}) == [Problem("part.size", "1", "no such key (none can be set here)")]


class Open:
    def __init__(self, first, /, size: int, *rest: int, channels: int = 3, **others: Any):
        pass


def test_a_signature_that_takes_anything_still_has_its_own_arguments():
    assert problems_of(Open, {"size": 1, "any": None, "rest": "a", "first": 2, "frames": 3}, ("frames",)) == []
    found = problems_of(Open, {"size": 1.5, "channels": 2, "any": 1}, ("channels",))
    assert [problem.key for problem in found] == ["part.size", "part.channels"]


@pytest.mark.parametrize("name", ["_target_", "_args_", "_partial_", "_recursive_", "_convert_"])
@pytest.mark.parametrize("target", [Open, taking(int)])
def test_words_of_hydra_are_no_arguments(name: str, target: Any):
    (problem,) = problems_of(target, {"size" if target is Open else "it": 1, name: True})
    assert (problem.key, problem.given) == (f"part.{name}", "True")


def test_what_cannot_be_named_is_no_argument():
    def build(first: int, /, *rest: int, size: int = 1):
        pass

    found = problems_of(build, {"first": 1, "rest": [1]})
    assert [problem.key for problem in found] == ["part.first", "part.rest"]
    assert {problem.expected for problem in found} == {"no such key (known here: size)"}


class OwnDict(dict):
    pass


@pytest.mark.parametrize(
    ("target", "given"),
    [(int, "int"), (dict, "dict"), (OwnDict, "OwnDict"), (3, "3"), (None, "None"), (sys, repr(sys)), ("a.b", "'a.b'")],
)
def test_a_signature_that_cannot_be_read_is_one_problem(target: Any, given: str):
    expected = "a class or function whose arguments can be read"
    assert problems_of(target, {"size": 1, "rate": 2}) == [Problem("part", given, expected)]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"_target_": "os.system"}, "part.it._target_"),
        ({"a": {"b": {"_target_": "os.system"}}}, "part.it.a.b._target_"),
        ([1, {"_target_": "os.system", "size": 1}], "part.it.1._target_"),
        ({"a": [{"b": ({"_target_": "os.system"},)}]}, "part.it.a.0.b.0._target_"),
    ],
)
@pytest.mark.parametrize("target", [taking(Any), taking(int), Open])
def test_no_class_is_named_inside_an_argument(value: Any, key: str, target: Any):
    (problem,) = problems_of(target, {"it": value, **({"size": 1} if target is Open else {})})
    assert (problem.key, problem.given) == (key, "'os.system'")
    assert "a configuration names classes in its slots only" in problem.expected


def test_every_class_named_inside_is_found_also_in_unknown_and_derived_arguments():
    nested = {"_target_": None, "inner": {"_target_": "a.b"}}
    found = problems_of(Plain, {"size": 1, "names": nested, "channels": nested, "other": nested}, ("channels",))
    assert [problem.key for problem in found] == [
        *("part.names._target_", "part.names.inner._target_"),
        *("part.channels._target_", "part.channels.inner._target_", "part.channels"),
        *("part.other._target_", "part.other.inner._target_", "part.other"),
    ]
    assert found[0].given == "null"


class HalfKnown:
    def __init__(self, size: int, tensor: Tensor, several: Sequence[Tensor], broken, strange, rate: float = 1.0):
        pass


HalfKnown.__init__.__annotations__.update(broken="1 +", strange="1 / 0")


def test_hints_that_cannot_be_resolved_accept_everything_and_the_others_hold():
    values = {"tensor": 1, "several": "a", "broken": None, "strange": []}
    assert problems_of(HalfKnown, {"size": 3, **values}) == []
    found = problems_of(HalfKnown, {"size": "3", "rate": "1", **values})
    assert [(problem.key, problem.expected) for problem in found] == [
        ("part.size", "an integer"),
        ("part.rate", "a number"),
    ]
    assert ("part.tensor", "a value") in [(problem.key, problem.expected) for problem in problems_of(HalfKnown, {})]


BASES = """
from __future__ import annotations
import dataclasses
import typing as t

@dataclasses.dataclass
class Base:
    kind: t.Literal["a", "b"]

class Constructed:
    def __init__(self, kind: t.Literal["a", "b"]):
        pass

def construct(self, kind: t.Literal["a", "b"]):
    pass
"""
PARTS = """
from user_bases import Base, Constructed, construct
from dataclasses import dataclass

@dataclass
class Part(Base):
    size: int = 3

class Derived(Constructed):
    pass

class Borrowing:
    __init__ = construct
"""


@pytest.fixture
def user_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "user_bases.py").write_text(BASES)
    (tmp_path / "user_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("user_parts")
    for name in ("user_bases", "user_parts"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["Part", "Derived", "Borrowing"])
def test_a_hint_has_the_meaning_it_has_where_it_is_written(user_parts: Any, name: str):
    target = getattr(user_parts, name)
    assert problems_of(target, {"kind": "a"}) == []
    assert problems_of(target, {"kind": "c"}) == [Problem("part.kind", "'c'", "one of a, b")]


def test_problems_found_before_are_kept():
    found = [Problem("seed", "-1", "an integer (at least 0)")]
    check_arguments("part", taking(int), {"it": "a"}, (), found)
    assert [problem.key for problem in found] == ["seed", "part.it"]
