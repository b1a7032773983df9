"""The documentation site: it builds without a warning, loads nothing from a network, and names every key of conf/."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from yaml import safe_load

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements that make a browser load something, and the attribute that says what; a link of text is none."""
STYLE_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)")
ELSEWHERE = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
SOURCE_FILE = re.compile(r"`((?:star|tests|models|losses|engine|data|evaluation)/[\w/]+\.py)`")
NAMES_OF_FILE = re.compile(r"`([\w/]+\.py)`: (`[\w.]+`(?:, `[\w.]+`)*)")
FILE_OF_NAME = re.compile(r"(`[\w.]+(?:\(\w*\))?`)\s+\(`(star/[\w/]+\.py)`")
PAGE_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")


class Resources(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if (name := LOADED.get(tag)) and (address := dict(attrs).get(name)):
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed (extra `docs`)")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed (extra `docs`)")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=project,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def configuration(site: Path) -> str:
    """The words of the configuration page."""
    text = re.sub(r"<[^>]+>", "", (site / "configuration.html").read_text(encoding="utf-8"))
    return " ".join(html.unescape(text).split())


def pages_of(navigation: Any) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
    else:
        for entry in navigation.values() if isinstance(navigation, dict) else navigation:
            yield from pages_of(entry)


def keys_of(node: Any, prefix: str = "") -> Iterator[str]:
    for name, value in node.items():
        if isinstance(value, dict) and value:
            yield from keys_of(value, f"{prefix}{name}.")
        elif name != "defaults":
            yield f"{prefix}{name}"


def groups_of(file: Path) -> list[str]:
    entries = safe_load(file.read_text(encoding="utf-8"))["defaults"]
    return [group for entry in entries if isinstance(entry, dict) for group in entry]


def test_pages_load_nothing_from_a_network(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        found = Resources()
        found.feed(page.read_text(encoding="utf-8"))
        assert found.addresses, page
        assert [address for address in found.addresses if ELSEWHERE.match(address)] == [], page
    for sheet in site.rglob("*.css"):
        addresses = STYLE_URL.findall(sheet.read_text(encoding="utf-8"))
        assert [address for address in addresses if ELSEWHERE.match(address)] == [], sheet


def test_every_page_of_the_navigation_is_there(site, project):
    navigation = safe_load((project / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = list(pages_of(navigation))
    shown = {f"{page.removesuffix('.md').removesuffix('README')}" for page in pages}
    for page in shown:
        file = site / f"{page}index.html" if page.endswith("/") else site / f"{page}.html"
        assert "<h1" in file.read_text(encoding="utf-8"), page
    own = {page.relative_to(project / "docs").as_posix() for page in (project / "docs").glob("*.md")}
    studies = {page.relative_to(project).as_posix() for page in (project / "experiments").glob("*/README.md")}
    assert own | studies <= set(pages)


def test_the_configuration_page_has_every_choice_and_key(configuration, project):
    conf = project / "conf"
    groups = [*groups_of(conf / "train.yaml"), *groups_of(conf / "skeletons.yaml"), *groups_of(conf / "pack.yaml")]
    names = set()
    for group in groups:
        for file in (conf / group).glob("*.yaml"):
            content = file.read_text(encoding="utf-8")
            names.add(f"{group}={file.stem}")
            of_run = "# @package _global_" in content
            names |= set(keys_of(safe_load(content) or {}, "" if of_run else f"{group}."))
    for command in ("train", "skeletons", "pack", "embed", "search"):
        names |= set(keys_of(safe_load((conf / f"{command}.yaml").read_text(encoding="utf-8"))))
    assert len(names) > 200
    assert [name for name in sorted(names) if name not in configuration] == []


@pytest.mark.parametrize(
    "row",
    [
        "schedule.clip_norm null largest global gradient norm a number (above 0) or null",
        "loss.triplet.gather true of several processes: hardest rows of the whole batch",
        "optimiser.beta1 0.9 share of the last steps in the moments of the gradient; below 1 a number (at least 0",
        "dataset.generate.test_identities 24 persons of the two splits",
    ],
)
def test_keys_have_meaning_and_bounds_from_files_schema_and_docstrings(configuration, row):
    assert row in configuration


def test_links_between_pages_also_work_in_the_repository(project):
    for page in [*(project / "docs").glob("*.md"), *project.glob("experiments/*/README.md")]:
        for link in PAGE_LINK.findall(page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_files_and_names_that_pages_point_to_exist(project):
    for page in (project / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for path in SOURCE_FILE.findall(text):
            assert (project / path).is_file() or (project / "star" / path).is_file(), f"{page.name}: {path}"
    named = [
        *NAMES_OF_FILE.findall((project / "docs" / "paper_and_code.md").read_text(encoding="utf-8")),
        *(
            (b, a)
            for a, b in FILE_OF_NAME.findall((project / "docs" / "how_a_step_works.md").read_text(encoding="utf-8"))
        ),
    ]
    assert len(named) > 30
    for path, names in named:
        source = (project / "star" / path.removeprefix("star/")).read_text(encoding="utf-8")
        for name in re.findall(r"(\w+)(?:\(\w*\))?`", names):
            assert re.search(rf"(?:class|def) {name}\b", source), f"{name} in {path}"


def test_a_link_to_a_file_without_a_page_is_text(site):
    page = (site / "extending.html").read_text(encoding="utf-8")
    assert re.search(r"<code>Rounds</code>(?!</a>)", page)
    assert 'sampler.py"' not in page


def test_the_name_of_a_page_is_a_link(site):
    page = (site / "changelog.html").read_text(encoding="utf-8")
    assert 'href="reranking.html">Re-ranking</a>' in page
    assert not re.search(r"docs/\w+\.md", re.sub(r"<code>.*?</code>", "", page))
    for page in site.rglob("*.html"):
        assert not re.search(r'href="[^"]*[\[(]', page.read_text(encoding="utf-8")), page


def test_the_search_works_for_pages_opened_from_the_file_system(site):
    assert (site / "search" / "search_index.js").read_text(encoding="utf-8").startswith("var __index = {")
    assert "theme/worker_from_files.js" in (site / "index.html").read_text(encoding="utf-8")
