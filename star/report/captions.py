"""Captions of tables and the notation of numbers, alike in all formats."""

from __future__ import annotations

from collections.abc import Mapping

from star.report.queries import SingleRun
from star.report.statistics import RESAMPLES, Interval, Resample
from star.report.table import Cell, Table
from star.study.collect import Collected, shared_facts
from star.study.study import Study
from star.types import RERANKINGS

NOTHING = "–"
_LONGEST_FINGERPRINT = 16
PUBLISHED = "Published by others, not measured here"
OVER_SEEDS = "Difference to the baseline, interval over seeds"
OVER_QUERIES = "Single runs, interval over queries"
BEST = "Best epoch on the test set"
BEST_CAPTION = (
    "The largest values of R1 and mAP over all rankings of the test set. Choosing on the test set is optimistic; "
    "published figures are often of this kind."
)


def baseline_label(study: Study) -> str:
    """The label of the row the others are compared with."""
    return next(row.label for row in study.rows if row.name == study.baseline)


def column_head(column: str) -> str:
    """`i2v mAP`; after re-ranking `i2v mAP, k-reciprocal`."""
    head = column.replace("/", " ")
    for kind in RERANKINGS:
        if head.endswith(f"_{kind}"):
            return f"{head.removesuffix(f'_{kind}')}, {kind.replace('_', '-')}"
    return head


def mean_and_deviation(cell: Cell | None, plus_minus: str = " ± ", nothing: str = NOTHING) -> str:
    """`12.00 ± 2.83 (+1.50)`."""
    if cell is None:
        return nothing
    deviation = "" if cell.deviation is None else f"{plus_minus}{cell.deviation:.2f}"
    difference = "" if cell.difference is None else f" ({with_sign(cell.difference)})"
    return f"{cell.mean:.2f}{deviation}{difference}"


def with_sign(difference: float) -> str:
    """`+1.50`; what rounds to zero is `+0.00`, also from below."""
    return f"{round(difference, 2) + 0.0:+.2f}"


def signed(interval: Interval | None, nothing: str = NOTHING) -> str:
    """`+1.50 [-1.27, +4.27]`."""
    if interval is None:
        return nothing
    return f"{with_sign(interval.mean)} [{with_sign(interval.low)}, {with_sign(interval.high)}]"


def unsigned(interval: Interval) -> str:
    """`12.50 [10.27, 14.27]`."""
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def difference_over_seeds(cell: Cell | None, nothing: str = NOTHING) -> str:
    """The difference with its interval; without one where there is a single seed."""
    if cell is None or cell.difference is None:
        return nothing
    return with_sign(cell.difference) if cell.interval is None else signed(cell.interval)


def main_caption(collected: Collected) -> str:
    """What the cells of the main table are, and how all runs were measured."""
    text = (
        "Percent, last epoch; mean ± standard deviation over seeds (n - 1; none for a single seed); in brackets the "
        f"difference to {baseline_label(collected.study)}."
    )
    if not collected.all:
        return text
    facts = measured(shared_facts(collected))
    seeds = ", ".join(map(str, sorted({seed for _, seed, _ in collected.all})))
    return f"{text}\n{facts}; seeds: {seeds}."


def measured(facts: Mapping[str, str]) -> str:
    """How runs were measured, in one line; fingerprints shortened."""
    shown = {n: value[:_LONGEST_FINGERPRINT] if n.endswith("fingerprint") else value for n, value in facts.items()}
    return "; ".join(f"{name}: {value}" for name, value in shown.items())


def seeds_caption(study: Study, final: Table) -> str:
    """What the interval over seeds is, and what it is not."""
    two = any(cell.pairs == 2 for line in final.lines for cell in line.cells.values())
    caution = " Two seeds leave one degree of freedom: such an interval says next to nothing." * two
    return (
        f"Percent: mean of the differences to {baseline_label(study)} of the same seed, with the 95 % confidence "
        "interval over seeds (Student's t with n - 1 degrees of freedom for n common seeds; none for one seed or "
        "where all seeds give the same difference)."
        f"{caution} It tells how far trainings with other seeds may move the difference on this test set. "
        "It is not corrected for the number of comparisons."
    )


def queries_caption(study: Study, runs: list[SingleRun], resample: Resample) -> str:
    """What the per-query bootstrap is, and what it is not."""
    counts = sorted({cell.score.count for run in runs for cell in run.cells.values()})
    number = " or ".join(map(str, counts))
    drawn = f"identities ({number}), each with all its queries" if resample == "identities" else f"queries ({number})"
    return (
        f"Percent: the scores of each run of {baseline_label(study)}; for each other run its differences to the run of "
        f"{baseline_label(study)} with the same seed. In brackets the 95 % bootstrap interval over the queries of the "
        f"test set ({RESAMPLES:,} draws of {drawn}). It tells how far other people in the test set may move the figure "
        "of these trained weights. The chance of training is not in it: it does not replace the interval over seeds."
    )
