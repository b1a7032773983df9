"""Who may import whom, and which commands must answer without loading MindSpore."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.without_mindspore import run_without_mindspore

MAY_IMPORT = {
    "star": {"star.evaluation", "star.inference", "star.report"},
    "star.types": set(),
    "star.bounds": set(),
    "star.errors": set(),
    "star.words": set(),
    "star.ops": set(),
    "star.data": set(),
    "star.synthetic": {"star.data"},
    "star.config": {"star.data", "star.losses", "star.models", "star.synthetic"},
    "star.pose": {"star.data"},
    "star.footage": {"star.data", "star.pose"},
    "star.search": {"star.data"},
    "star.tracking": {"star.config"},
    "star.models": {"star.ops"},
    "star.losses": {"star.ops"},
    "star.report": {"star.config", "star.evaluation", "star.study", "star.tracking"},
    "star.evaluation": {"star.data", "star.ops"},
    "star.engine": {
        *("star.config", "star.data", "star.evaluation", "star.losses"),
        *("star.models", "star.ops", "star.pose", "star.search", "star.synthetic", "star.tracking"),
    },
    "star.dry_run": {"star.config", "star.engine", "star.models"},
    "star.export": {
        *("star.config", "star.data", "star.engine", "star.evaluation"),
        *("star.inference", "star.models", "star.ops", "star.tracking"),
    },
    "star.inference": {"star.config", "star.data", "star.engine", "star.models", "star.ops", "star.pose"},
    "star.embedding": {
        *("star.config", "star.data", "star.engine", "star.footage", "star.inference", "star.pose", "star.search"),
    },
    "star.study": {
        *("star.config", "star.data", "star.engine", "star.evaluation"),
        *("star.synthetic", "star.tracking"),
    },
    "star.cli": {
        *("star.config", "star.data", "star.dry_run", "star.embedding", "star.engine", "star.evaluation"),
        *("star.export", "star.inference", "star.pose", "star.report", "star.study", "star.tracking"),
    },
}
EVERYBODY_MAY_IMPORT = {"star", "star.bounds", "star.errors", "star.types", "star.words"}
MINDSPORE_PARTS = (
    "star.ops",
    "star.models",
    "star.losses",
    "star.engine",
    "star.evaluation.evaluator",
    "star.inference.run_network",
    "star.dry_run.compile_graphs",
    "star.export.check",
    "star.export.embedders",
    "star.export.int8_files",
    "star.export.mindir",
    "star.export.mindir_files",
    "star.export.onnx_files",
)

LIMIT_SECONDS = 3.0


def module_names(project: Path) -> dict[str, Path]:
    files = sorted((project / "star").rglob("*.py"))
    return {".".join(f.relative_to(project).with_suffix("").parts).removesuffix(".__init__"): f for f in files}


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imports(node: ast.AST, package: str) -> Iterator[str]:
    """Modules named by the imports in `node`, wherever they stand, except for type checking."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module == "star":
        yield from (f"star.{alias.name}" for alias in node.names if not alias.name.startswith("_"))
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        yield ".".join([*parents, *([node.module] if node.module else [])])
    elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        yield from (name for other in node.orelse for name in imports(other, package))
    else:
        yield from (name for child in ast.iter_child_nodes(node) for name in imports(child, package))


def parse_imports(module: str, file: Path) -> set[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return set(imports(ast.parse(file.read_text(encoding="utf-8")), package))


def test_every_part_has_its_place(project):
    parts = {part_of(module) for module in module_names(project)}
    assert parts == set(MAY_IMPORT)


def test_parts_import_only_what_stands_below_them(project):
    wrong = []
    for module, file in module_names(project).items():
        part = part_of(module)
        allowed = MAY_IMPORT.get(part, set()) | EVERYBODY_MAY_IMPORT | {part}
        for name in parse_imports(module, file):
            if name.split(".")[0] == "star" and part_of(name) not in allowed:
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_the_rule_has_no_circle():
    order: list[str] = []
    while len(order) < len(MAY_IMPORT):
        ready = [part for part, below in MAY_IMPORT.items() if part not in order and below <= set(order)]
        assert ready, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += ready


def test_only_the_parts_that_compute_import_mindspore(project):
    wrong = [
        module
        for module, file in module_names(project).items()
        if not module.startswith(MINDSPORE_PARTS)
        and any(name.split(".")[0] == "mindspore" for name in parse_imports(module, file))
    ]
    assert not wrong


def test_the_readers_of_imports_see_each_form(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nimport a.b\nfrom star import ops\nfrom .near import x\nfrom .. import up\n"
        "if TYPE_CHECKING:\n    import hidden\nelse:\n    import shown\ndef f():\n    import late\n"
    )
    found = parse_imports("star.data.module", file)
    assert found == {"typing", "a.b", "star.ops", "star.data.near", "star", "shown", "late"}


def test_the_other_parts_load_without_mindspore(project, tmp_path):
    modules = [module for module in module_names(project) if not module.startswith(MINDSPORE_PARTS)]
    result, _ = run_without_mindspore("\n".join(f"import {module}" for module in modules), tmp_path)
    assert result.returncode == 0, result.stderr


def test_a_notebook_gets_what_the_package_offers_without_mindspore(tmp_path):
    code = "import star\nassert 'numpy' not in sys.modules\nfor name in star.__all__: getattr(star, name)"
    result, _ = run_without_mindspore(code, tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("command", "arguments", "shown"),
    [
        ("train", ["--help"], "star-train"),
        ("train", ["--cfg", "job"], "backbone:"),
        ("train", ["experiment=star", "dataset=hitsz_vcm", "--cfg", "job"], "epochs: 130"),
        ("train", ["--info", "searchpath"], "pkg://star.conf"),
        ("evaluate", ["--help"], "star-evaluate"),
        ("report", ["--help"], "star-report"),
        ("study", ["--help"], "star-study"),
        ("check", ["--help"], "star-check"),
        ("skeletons", ["--help"], "star-skeletons"),
        ("export", ["--help"], "star-export"),
        ("embed", ["--help"], "star-embed"),
        ("search", ["--help"], "star-search"),
    ],
)
def test_commands_answer_at_once_without_mindspore(command, arguments, shown, tmp_path):
    code = f"from star.cli.{command} import {command}\nsys.argv = {['star-' + command, *arguments]}\n{command}()"
    result, seconds = run_without_mindspore(code, tmp_path)
    assert result.returncode == 0, result.stderr
    assert shown in result.stdout
    if seconds >= LIMIT_SECONDS:  # a busy machine counts more; the program itself needs the smaller figure
        seconds = run_without_mindspore(code, tmp_path)[1]
    assert seconds < LIMIT_SECONDS
    assert not list(tmp_path.iterdir()), "showing something leaves no files"


def test_the_harness_notices_mindspore(tmp_path):
    result, _ = run_without_mindspore("import mindspore.ops", tmp_path)
    assert result.returncode != 0
    assert "mindspore was imported" in result.stderr
