"""The table of `star-check --cost`."""

from __future__ import annotations

from collections.abc import Sequence


def cost_table(overrides: Sequence[str], identities: int, steps: int) -> str:
    """A Markdown table, one line a configuration, and why others are refused.

    Args:
        overrides: as for a sweep: `method=agw,mitml skeleton_graph=none,full` are four configurations.
        identities: k, classes of the classifiers.
        steps: to measure; 0 measures nothing.

    Raises:
        ConfigError: an override cannot be parsed.
    """
    from star.config.compose import sweep_jobs
    from star.engine.cost import Cost, as_rows, costs
    from star.report.markdown import as_table

    jobs = sweep_jobs(overrides)
    differing = [place for place in range(len(jobs[0])) if len({job[place] for job in jobs}) > 1]
    labels = [", ".join(job[place].partition("=")[2] for place in differing) or " ".join(job) for job in jobs]
    found = costs(jobs, identities, steps)
    refused = [
        f"{label} is refused: {'; '.join(f'{p.key}: given {p.given}, expected {p.expected}' for p in cost)}"
        for label, cost in zip(labels, found, strict=True)
        if not isinstance(cost, Cost)
    ]
    return "\n\n".join([as_table(as_rows(labels, found)), *refused])
