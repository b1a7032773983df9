"""MkDocs hook: pages from outside docs/, and links that work in the repository as well as on the site.

A page of the site is a file of docs/, a README below experiments/ or examples/, or one of RENAMED. A link between two
such files leads to the page, and so does the bare name of a file of docs/ in a text; a link to any other file of the
repository becomes plain text. What the configuration page lists is generated.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from configuration import describe_configuration, title_of
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

INCLUDED = ("experiments/*/README.md", "experiments/*/*.png", "examples/*/README.md")
RENAMED = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "README.md": "readme.md"}
"""Files of the repository's top folder, and their names on the site."""
CONFIGURATION = "configuration.md"
_FENCE = re.compile(r"^ *(```|~~~)")
_LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_NAMED = re.compile(r"`[^`]*`|(?:\[[^\]]*)?\]\([^)]*\)|(?<![\w/])docs/(?P<page>\w+)\.md\b")
"""The name of a page in a text; code and links, which come first, are passed over."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    root = Path(config.config_file_path).parent
    for path in _included(root):
        files.append(File.generated(config, _uri(path), abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Write the sections of the configuration page; turn links between files into links between pages."""
    root = Path(config.config_file_path).parent
    if page.file.src_uri == CONFIGURATION:
        markdown += "\n" + describe_configuration(root)
    paths = {_uri(path): path for path in _included(root)}
    source = paths.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def name(match: re.Match[str]) -> str:
        page = match["page"]
        if page is None or files.get_file_from_path(f"{page}.md") is None:
            return match[0]
        return f"[{title_of(page)}]({posixpath.relpath(f'docs/{page}.md', posixpath.dirname(source) or '.')})"

    def relink(match: re.Match[str]) -> str:
        path = match["path"]
        if ":" in path:
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if files.get_file_from_path(_uri(target)) is None:
            return match["text"][1:-1] if (root / target).exists() else match[0]
        relative = posixpath.relpath(_uri(target), posixpath.dirname(page.file.src_uri) or ".")
        return f"{match['text']}({relative}{match['anchor'] or ''})"

    return "\n".join(line if code else _LINK.sub(relink, _NAMED.sub(name, line)) for line, code in _lines(markdown))


def on_post_build(config: MkDocsConfig) -> None:
    """Give the search its index as a script too: pages opened from the file system cannot read a JSON file."""
    folder = Path(config.site_dir) / "search"
    index = (folder / "search_index.json").read_text(encoding="utf-8")
    (folder / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")


def _included(root: Path) -> list[str]:
    found = [path.relative_to(root).as_posix() for pattern in INCLUDED for path in sorted(root.glob(pattern))]
    return [*found, *RENAMED]


def _uri(path: str) -> str:
    """Where a file of the repository is on the site."""
    return RENAMED.get(path, path.removeprefix("docs/"))


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    """Every line, and whether it belongs to a block of code."""
    fence = None
    for line in markdown.split("\n"):
        match = _FENCE.match(line)
        if match and fence in (None, match[1]):
            fence = None if fence else match[1]
            yield line, True
        else:
            yield line, fence is not None
