"""Tables, figures and pages of studies from their runs, and the comparison of two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from star.report import latex, markdown
from star.report.comma_separated import comma_separated
from star.report.compare import compare_runs
from star.report.output import FIGURES, PAGE, file_finder, remove_page, reports_folder, write_files
from star.report.queries import load_queries, single_runs
from star.report.statistics import Resample
from star.report.table import make_table
from star.study.collect import collect
from star.study.study import load_study
from star.types import VideoReIDData

__all__ = ["compare_runs", "report"]


def report(
    study_folder: Path,
    *,
    uri: str | None,
    outputs: Path,
    size: str | None = None,
    page: bool = True,
    resample: Resample = "identities",
    interface: str | None = None,
    open_data: Callable[[Path], VideoReIDData] | None = None,
) -> str:
    """Rebuild the tables of a study, and its figures and page, in `<outputs>/reports/<study>`.

    Args:
        study_folder: folder of study.yaml.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        size: of the study; None is its first.
        page: also draw the figures and write the HTML page.
        resample: what the bootstrap over queries draws.
        interface: address of MLflow's interface for links; None: that of the store, if it is a server.
        open_data: opens the data set of a run's folder, for the ranked lists of the page; None leaves them out.

    Returns:
        The Markdown and where the files are.

    Raises:
        ReportError: a wrong study.yaml, runs that cannot stand in one table, or a folder that cannot be written.
        TrackingError: the store cannot be read.
    """
    from star.tracking.runs import study_runs
    from star.tracking.store import existing_store

    study = load_study(Path(study_folder), size)
    address = existing_store(uri, outputs)
    collected = collect(study, study_runs(address, study.name), outputs)
    study = collected.study
    find = file_finder(address, outputs)
    records, notes = load_queries([run for _, _, run in collected.all], find)
    singles = single_runs(collected, records, resample)
    final, best = make_table(collected), make_table(collected, "best_on_test")
    text = markdown.study_text(collected, final, best, singles, notes, resample)
    files = {
        "report.md": text,
        "report.csv": comma_separated(study, (final, best), singles, resample),
        "report.tex": latex.latex(collected, final),
        "differences.tex": latex.latex_over_seeds(study, final),
        "single_runs.tex": latex.latex_over_queries(study, singles, resample),
    }
    folder = reports_folder(outputs, study.name)
    write_files(folder, files)
    remove_page(folder)
    written = [*files]
    if page:
        from star.report.illustrate import illustrate
        from star.report.page import render_page

        drawn = illustrate(collected, records, address, find, folder, open_data)
        background = drawn.background._replace(
            notes=[*final.notes, *collected.notes, *notes], interface=interface or _server(address)
        )
        content = render_page(collected, final, best, singles, resample, drawn.pictures, background)
        write_files(folder, {PAGE: content})
        written += [PAGE, *([f"{FIGURES}/"] if (folder / FIGURES).is_dir() else [])]
    return f"{text}\nwritten to {folder}: {', '.join(written)}"


def _server(address: str) -> str | None:
    """The store itself, where it is an MLflow server."""
    return address if address.startswith(("http://", "https://")) and "@" not in address else None
