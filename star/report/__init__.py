"""Tables of studies from their runs."""

from __future__ import annotations

from pathlib import Path

from star.errors import ReportError
from star.report.collect import collect
from star.report.render import comma_separated, latex, markdown
from star.report.study import load_study
from star.report.table import make_table

__all__ = ["report"]


def report(study_folder: Path, *, uri: str | None, outputs: Path, size: str | None = None) -> str:
    """Rebuild the table of a study and write it to `<outputs>/reports/<study>/report.{md,csv,tex}`.

    Args:
        study_folder: folder of study.yaml.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        size: of the study; None is its first.

    Returns:
        The Markdown and where the files are.

    Raises:
        ReportError: a wrong study.yaml, runs that cannot stand in one table, or a folder that cannot be written.
        TrackingError: the store cannot be read.
    """
    from star.tracking.runs import study_runs
    from star.tracking.store import store_uri

    study = load_study(Path(study_folder), size)
    collected = collect(study, study_runs(store_uri(uri, outputs), study.name), outputs)
    final, best = make_table(collected), make_table(collected, "best_on_test")
    text = markdown(collected, final, best)
    files = {
        "report.md": text,
        "report.csv": comma_separated(study, (final, best)),
        "report.tex": latex(collected, final),
    }
    folder = outputs / "reports" / study.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"the report cannot be written to {folder}: {error.strerror}") from error
    return f"{text}\nwritten to {folder}: {', '.join(files)}"
