"""MLflow's own interface in headless Chromium: what a researcher does there with the runs of a study.

The pictures in docs/pictures are screenshots of this test: `pytest -m slow tests/tracking/test_interface.py
--basetemp=FOLDER` leaves them in `FOLDER/pictures0`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import pytest
from support.study_store import write_study

from star.tracking.interface import addresses
from star.tracking.runs import RunRecord, study_runs
from star.tracking.store import client, store_uri

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow

SEEDS = 3
SERVER_SECONDS, PAGE_SECONDS = 180, 120
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
NAMES = ".ag-pinned-left-cols-container .ag-row"
SORTED = f"orderByKey={quote('metrics.`final/i2v/mAP`', safe='')}&orderByAsc=false"


class Interface(NamedTuple):
    """A browser page, the address of the experiment in it, the runs by name, and where pictures go."""

    page: Page
    server: str
    experiment: str
    runs: dict[str, RunRecord]
    pictures: Path

    def open(self, path: str) -> None:
        """A page of the experiment from anew."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.server}/#/experiments/{self.experiment}/{path}", wait_until="load")

    def picture(self, name: str) -> None:
        """The page as it looks once its animations have ended."""
        self.page.wait_for_timeout(2500)
        path = self.pictures / f"{name}.png"
        self.page.screenshot(path=path)
        assert path.stat().st_size > 10_000


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    folder = tmp_path_factory.mktemp("interface")
    shutil.copy(empty_store, folder / "mlflow.db")
    write_study(folder, "baseline_vs_star", SEEDS)
    return folder


@pytest.fixture(scope="module")
def server(outputs: Path) -> Iterator[str]:
    """The address of `mlflow server` on the store."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--backend-store-uri", store_uri(None, outputs), "--host", "127.0.0.1", "--port", str(port))
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    log = outputs / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options, "--workers", "1"],
            **{"env": environment, "stdout": output, "stderr": subprocess.STDOUT, "start_new_session": True},
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def interface(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    browser_file = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_file is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    outputs, server = request.getfixturevalue("outputs"), request.getfixturevalue("server")
    uri = store_uri(None, outputs)
    runs = {run.name: run for run in study_runs(uri, "baseline_vs_star")}
    experiment = client(uri).get_experiment_by_name("star")
    assert experiment is not None
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_file, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(1000 * PAGE_SECONDS)
        page.route(lambda url: not url.startswith(server), lambda route: route.abort())
        about = Interface(page, server, experiment.experiment_id, runs, tmp_path_factory.mktemp("pictures"))
        about.open("runs")
        page.get_by_role("link", name="baseline_vs_star").wait_for()
        assistant = page.get_by_role("button", name="Close", exact=True)
        if assistant.count():
            assistant.first.click()
        yield about
        browser.close()


def test_the_runs_of_a_study_are_under_their_parent(interface: Interface):
    page = interface.page
    interface.open("runs")
    page.get_by_role("link", name="baseline_vs_star").wait_for()
    assert page.locator(NAMES).count() == 1
    page.locator(NAMES).get_by_role("button").first.click()
    page.get_by_role("link", name="baseline-seed0", exact=True).wait_for()
    names = page.locator(NAMES).get_by_role("link").all_inner_texts()
    assert set(names) == {"baseline_vs_star", *interface.runs}
    interface.picture("mlflow_study")


def test_runs_can_be_sorted_by_a_final_score(interface: Interface):
    best_first = sorted(interface.runs, key=lambda name: -interface.runs[name].metrics["final/i2v/mAP"])
    names = _open_sorted(interface)
    assert [name for name in names if name in interface.runs] == best_first
    page = interface.page
    page.get_by_role("button", name="Columns").first.click()
    for score in ("final/i2v/mAP", "final/v2i/mAP"):
        page.get_by_text(score, exact=True).last.click()
    page.keyboard.press("Escape")
    page.locator(".ag-body-horizontal-scroll-viewport").evaluate("bar => bar.scrollLeft = bar.scrollWidth")
    interface.picture("mlflow_sorted")
    assert str(interface.runs[best_first[0]].metrics["final/i2v/mAP"])[:6] in page.inner_text("body")


def test_the_address_of_star_ui_shows_all_runs_with_their_scores(interface: Interface):
    """Flat, without their parent, the best first, in the view of training."""
    page = interface.page
    by_score = addresses(interface.server, interface.experiment)["runs by score"]
    page.goto("about:blank")
    page.goto(by_score, wait_until="load")
    page.get_by_role("link", name="baseline-seed0", exact=True).wait_for()
    page.locator(".ag-header-cell", has_text="final/v2i/mAP").wait_for()
    rows = sorted(page.locator(NAMES).all(), key=lambda row: int(row.get_attribute("row-index") or 0))
    best_first = sorted(interface.runs, key=lambda name: -interface.runs[name].metrics["final/i2v/mAP"])
    assert [row.get_by_role("link").first.inner_text() for row in rows] == best_first
    text = page.inner_text("body")
    for score in ("final/i2v/R1", "final/i2v/mAP", "final/v2i/R1", "final/v2i/mAP", "Dataset"):
        assert score in text
    assert "invented (000000000000)" in text and "Judges" not in text
    interface.picture("mlflow_scores")


def test_checkpoints_are_models_of_their_runs(interface: Interface):
    page = interface.page
    page.goto("about:blank")
    page.goto(addresses(interface.server, interface.experiment)["models"], wait_until="load")
    page.get_by_role("link", name="star-seed0-last").wait_for()
    interface.picture("mlflow_models")


def test_rows_can_be_compared_in_parallel_coordinates(interface: Interface):
    page = interface.page
    _open_sorted(interface)
    for name in ("star-seed0", "baseline-seed0"):
        page.locator(NAMES, has_text=name).locator(".ag-selection-checkbox input").check(force=True)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.locator(".parcoords").first.wait_for(state="attached")
    text = page.inner_text("body")
    for run in ("star-seed0", "baseline-seed0"):
        assert run in text and f"{interface.runs[run].metrics['final/i2v/mAP']:.2f}" in text
    assert re.search(r"skeleton_graph\.joints\s+True\s+False", text)
    interface.picture("mlflow_compare")


def test_charts_show_every_run(interface: Interface):
    page = interface.page
    interface.open(f"runs?compareRunsMode=CHART&{SORTED}")
    page.get_by_text("final/i2v").first.wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    text = page.inner_text("body")
    assert all(name in text for name in interface.runs)
    interface.picture("mlflow_charts")


def test_artifacts_open(interface: Interface):
    page = interface.page
    interface.open(f"runs/{interface.runs['star-seed0'].run_id}/artifacts/cmc.png")
    page.get_by_text("scores.json").first.wait_for()
    page.wait_for_function("[...document.images].some(image => image.naturalWidth == 720)")
    interface.picture("mlflow_artifact")


def _open_sorted(interface: Interface) -> list[str]:
    """Open the table, best final i2v mAP first; the names in it from top to bottom."""
    page = interface.page
    interface.open(f"runs?{SORTED}")
    page.get_by_role("link", name="baseline-seed0", exact=True).wait_for()
    page.get_by_text("Sort: final/i2v/mAP").wait_for()
    rows = sorted(page.locator(NAMES).all(), key=lambda row: int(row.get_attribute("row-index") or 0))
    return [row.get_by_role("link").first.inner_text() for row in rows]


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"mlflow server does not answer:\n{log.read_text()}")
