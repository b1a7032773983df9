"""The page: whole, self-contained, well formed, honest about what is missing."""

import base64
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from support.furnished_runs import points

from star.errors import DataError
from star.report import report
from star.study.study import STUDY_FILE
from star.tracking.interface import run_address

VOID = {"meta", "img", "br", "link", "input"}
FIGURES = ("cmc", "training", "scatter_star", "scatter_cubic")


class Page(HTMLParser):
    """Collects addresses and headings; every tag must be closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.images, self.headings, self.text = [], [], [], [], []
        self.tags = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        given = dict(attrs)
        self.addresses += [given[name] for name in ("src", "href") if name in given]
        if tag == "img":
            assert given["alt"]
            self.images.append(given["src"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


@pytest.fixture
def make_page(study_folder, runs, data, tmp_path, monkeypatch):
    """`make_page(**options)` gives the page of the five runs."""
    monkeypatch.setattr("star.report.figures._DPI", 50)
    monkeypatch.setattr("star.tracking.runs.study_runs", lambda uri, study: list(runs.values()))
    monkeypatch.setattr("star.tracking.history.metric_history", lambda uri, run, prefixes: points(run))

    def make(**options: Any) -> str:
        options = {"open_data": lambda folder: data, **options}
        report(study_folder, uri=None, outputs=tmp_path / "outputs", **options)
        return (tmp_path / "outputs" / "reports" / "tiny" / "report.html").read_text()

    return make


def test_the_page_is_whole_and_needs_nothing_else(make_page, tmp_path):
    figures = tmp_path / "outputs" / "reports" / "tiny" / "figures"
    figures.mkdir(parents=True)
    (figures / "scatter_gone.pdf").write_text("of a row that was taken out")
    (figures / "mine.pdf").write_text("of somebody else")
    text = make_page()
    page = Page(text)
    assert not page.tags & {"script", "link", "iframe"} and "@import" not in text and "url(" not in text
    assert all(address.startswith(("#", "data:image/")) for address in page.addresses)
    assert {f"#{anchor}" for anchor in re.findall(r'id="(\w+)"', text)} >= {a for a in page.addresses if a[0] == "#"}
    for image in page.images:
        kind, _, content = image.partition(";base64,")
        assert base64.b64decode(content)[:3] == {"data:image/png": b"\x89PN", "data:image/jpeg": b"\xff\xd8\xff"}[kind]
    assert len(page.images) == 4 + 4
    assert page.headings == [
        *("Two rows", "Scores", "Difference to the baseline, interval over seeds"),
        *("Single runs, interval over queries", "Published by others, not measured here", "CMC", "Training"),
        *("Each query against the baseline", "Hardest queries", "Settings in which the rows differ"),
        *("Runs and where they come from", "Notes"),
    ]
    words = " ".join(page.text)
    assert "STAR & co" in words and "Missing: Cubic: seed 1." in words and "CPU graph O0" in words
    assert "Student's t" in words and "bootstrap interval" in words
    assert re.search(r"<code>graph</code></th><td class=\"same\">null</td><td class=\"other\">full</td>", text)
    names = {path.name for path in figures.iterdir()}
    assert names >= {"mine.pdf", *(f"{name}.{kind}" for name in FIGURES for kind in ("pdf", "png"))}
    assert "scatter_gone.pdf" not in names


def test_links_escapes_and_what_is_missing(make_page, study_folder):
    path = study_folder / STUDY_FILE
    path.write_text(path.read_text().replace("title: Two rows", 'title: "<b>R1 & mAP</b>"'))

    def open_data(folder):
        raise DataError("the folder /data is not there")

    text = make_page(open_data=open_data, interface="http://127.0.0.1:5000/")
    assert "No queries are drawn: the folder /data is not there." in text and len(Page(text).images) == 4
    assert 'href="http://127.0.0.1:5000/#/runs/star1111"' in text
    assert (
        run_address("http://server", "ab", "1") == "http://server/#/experiments/1/runs/ab?workflowType=machine_learning"
    )
    assert "<b>" not in text and "&lt;b&gt;R1 &amp; mAP&lt;/b&gt;" in text


def test_runs_without_files(make_page, runs):
    for run in runs.values():
        (run.folder / "per_query.csv").unlink()
        (run.folder / "config.yaml").unlink()
    text = make_page()
    assert text.count("No run has a per-query record") == 3 and len(Page(text).images) == 1
    assert "Of some runs only the parameters in the store are known" in text
    assert "such runs are older than that file" in text and 'href="http' not in text


def test_a_page_without_any_run(make_page, runs, tmp_path):
    runs.clear()
    text = make_page()
    page = Page(text)
    assert not page.images and "There is no run." in text and "Missing: Baseline: seed 0, 1" in " ".join(page.text)
    assert not (tmp_path / "outputs" / "reports" / "tiny" / "figures").exists()
