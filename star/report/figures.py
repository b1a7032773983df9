"""The style of figures.

Widths of a paper's columns, 8 point type, colours that colour-blind readers can tell apart, and line styles and markers
that can still be told apart in grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE = 7.16
"""Width of both columns of a paper, inches."""
_DPI = 300
_LEGEND_LINE = 0.16  # inches
_SETTINGS: dict[Any, Any] = {
    **{"font.family": "sans-serif", "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8},
    **{"legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7, "mathtext.fontset": "dejavusans"},
    **{"axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2},
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25},
    **{"grid.linewidth": 0.5, "legend.frameon": False, "pdf.fonttype": 42, "savefig.facecolor": "white"},
}
# Okabe and Ito's colours, black first for the baseline, their yellow left out: it is too pale for lines.
_COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1)),
    (0, (5, 1.2, 1, 1.2)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (10, 2, 2, 2)),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


class Style(NamedTuple):
    """How one row of a study is drawn, in every figure alike."""

    colour: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


def style(place: int) -> Style:
    """The style of the row at a place in the table, from 0; two rows share one only where there are more than 100."""
    return Style(_COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)], _MARKERS[place % len(_MARKERS)])


@contextmanager
def paper() -> Iterator[None]:
    """Matplotlib with the settings above."""
    from matplotlib import rc_context

    with rc_context(_SETTINGS):
        yield


def panels(rows: int, columns: int, height: float, width: float = PAGE) -> tuple[Figure, list[Axes]]:
    """A figure with rows x columns panels.

    Args:
        rows, columns: panels.
        height: of one panel, inches.
        width: of the figure, inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, rows * height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def legend_below(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """One legend for all panels, below them; the figure grows by its lines."""
    handles, labels = axes.get_legend_handles_labels()
    longest = max(map(len, labels), default=1)
    columns = max(1, min(columns, len(labels), round(18 * figure.get_figwidth()) // (longest + 6)))
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=3.2)


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Write `<name>.pdf` and `<name>.png` (300 dots an inch); gives the PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    with paper():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once for both files
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
        figure.savefig(folder / f"{name}.png", dpi=_DPI)
    return folder / f"{name}.png"
