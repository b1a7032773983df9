"""Pictures of attention in a clip: on the joints, as bars under the frames, and the weights of the powers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from star.data.coco_joints import BONES
from star.errors import EvaluationError
from star.types import NUMBER_OF_JOINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME_HEIGHT, _GAP = 1.9, 0.05
_LEFT, _RIGHT, _PANEL = 0.95, 0.75, 2.4
_TITLE, _CAPTION, _BARS, _FOOT = 0.55, 0.3, 1.1, 0.6
_DPI = 100
_SMALLEST_RANGE = 0.1
_AREA = 22
_INK, _BONE, _ASKED, _ASKING, _MIXED = "#222222", "#ffffff", "#b7791f", "#2471a3", "#4a6b5d"
_JOINTS_NOTE = (
    "Area of a joint: the attention it receives, summed over the targets and averaged over the heads; 1 on average. "
    "Colour: that,\nrelative to what it would receive if every joint attended to its neighbours and itself alike."
)


class ClipAttention(NamedTuple):
    """What the network weighs in one clip; n = t * 17 nodes of the graph, node = frame * 17 + joint.

    Attributes:
        joints: of each graph attention layer, [heads n n], (target, source), rows sum to 1; () without joints branch.
        graph: [n n] bool, (target, source), self-loops included; None without joints branch.
        bones_ask_frames: [heads t t], (asking, content), rows sum to 1; None without frame guidance.
        frames_ask_bones: the same.
        powers: p exponents of the guided pooling; () without sequence guidance.
        mixture: [p d], their weights, each channel's sum is 1; None without sequence guidance.
    """

    joints: tuple[np.ndarray, ...]
    graph: np.ndarray | None
    bones_ask_frames: np.ndarray | None
    frames_ask_bones: np.ndarray | None
    powers: tuple[float, ...]
    mixture: np.ndarray | None


def received_by_joints(attention: np.ndarray) -> np.ndarray:
    """Attention into each joint of each frame, summed over the targets and averaged over the heads; 1 on average.

    Args:
        attention: [heads n n], (target, source), rows sum to 1.

    Returns:
        [t j].
    """
    return attention.mean(axis=0).sum(axis=0).reshape(-1, NUMBER_OF_JOINTS)


def equal_share(graph: np.ndarray) -> np.ndarray:
    """What `received_by_joints` gives where every target attends alike to the nodes it has an edge from.

    Args:
        graph: [n n] bool, (target, source).

    Returns:
        [t j].
    """
    return received_by_joints(graph[None] / graph.sum(axis=1, keepdims=True))


def received_by_frames(attention: np.ndarray) -> np.ndarray:
    """Share of the attention each frame receives, averaged over the asking frames and the heads; the sum is 1.

    Args:
        attention: [heads t t], (asking, content), rows sum to 1.

    Returns:
        [t].
    """
    return attention.mean(axis=(0, 1))


def draw_view(
    attention: ClipAttention,
    frames: np.ndarray,
    joints: np.ndarray,
    path: Path,
    *,
    title: str,
    labels: Sequence[str],
) -> Path:
    """Draw one clip; what the network does not have is left out.

    Joints of confidence 0 are not drawn, though the graph has them.

    Args:
        attention: of the clip.
        frames: [t h w 3] uint8, RGB, as the network got them.
        joints: [t j 3], x and y in 0..1 of the frame, confidence.
        path: of the PNG; its folder is made if needed.
        title: above it.
        labels: t, below the frames.

    Raises:
        EvaluationError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    t, h, w = frames.shape[:3]
    strips = [f"graph\nattention,\nlayer {number}" for number in range(1, len(attention.joints) + 1)] or ["frames"]
    bars = _frame_bars(attention)
    width = _FRAME_HEIGHT * w / h
    across = t * (width + _GAP)
    down = _TITLE + len(strips) * (_FRAME_HEIGHT + _GAP) + (_CAPTION + _BARS) * bool(bars) + _FOOT
    size = (_LEFT + across + _RIGHT + _PANEL + 0.2, down)
    figure = Figure(figsize=size, dpi=_DPI)

    def place(left: float, top: float, width: float, height: float) -> Axes:
        """New axes, in inches from the top left corner."""
        return figure.add_axes((left / size[0], 1 - (top + height) / size[1], width / size[0], height / size[1]))

    received = [received_by_joints(layer) for layer in attention.joints]
    relative = [] if attention.graph is None else [np.log2(r / equal_share(attention.graph)) for r in received]
    limit = max([_SMALLEST_RANGE, *(float(np.abs(values).max()) for values in relative)])
    for row, name in enumerate(strips):
        top = _TITLE + row * (_FRAME_HEIGHT + _GAP)
        figure.text(0.1 / size[0], 1 - (top + _FRAME_HEIGHT / 2) / size[1], name, fontsize=8, va="center", color=_INK)
        for frame in range(t):
            axes = place(_LEFT + frame * (width + _GAP), top, width, _FRAME_HEIGHT)
            _draw_frame(axes, frames[frame], joints[frame])
            if relative:
                _draw_joints(axes, joints[frame], received[row][frame], relative[row][frame], limit, (h, w))
            if row == len(strips) - 1:
                axes.set_xlabel(labels[frame], fontsize=7, labelpad=2)
    panel = _LEFT + across + _RIGHT
    if relative:
        _draw_scale(figure, place(panel, _TITLE + 0.1, _PANEL, 0.14), limit)
        figure.text(0.1 / size[0], 0.1 / size[1], _JOINTS_NOTE, fontsize=7, va="bottom", color=_INK)
    if bars:
        below = _TITLE + len(strips) * (_FRAME_HEIGHT + _GAP) + _CAPTION
        _draw_bars(place(_LEFT, below, across - _GAP, _BARS), bars)
    if attention.mixture is not None:
        lowest = down - _FOOT
        top = _TITLE + (1.25 if relative else 0.4)
        _draw_mixture(place(panel, top, _PANEL, min(2.0, lowest - top)), attention.powers, attention.mixture)
    figure.text(0.1 / size[0], 1 - 0.12 / size[1], title, fontsize=10, weight="bold", va="top", color=_INK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise EvaluationError(f"the view {path} cannot be written: {error.strerror}") from error
    return path


def _frame_bars(attention: ClipAttention) -> list[tuple[str, np.ndarray, str]]:
    """Label, [t] shares and colour."""
    bars = []
    if attention.bones_ask_frames is not None:
        bars.append(("frame, asked by the bones", received_by_frames(attention.bones_ask_frames), _ASKED))
    if attention.frames_ask_bones is not None:
        bars.append(("bones, asked by the frames", received_by_frames(attention.frames_ask_bones), _ASKING))
    return bars


def _draw_frame(axes: Axes, frame: np.ndarray, joints: np.ndarray) -> None:
    h, w = frame.shape[:2]
    axes.imshow(frame, extent=(0, w, h, 0), interpolation="bilinear", aspect="auto")
    for start, end in BONES:
        if min(joints[start, 2], joints[end, 2]) > 0:
            axes.plot(w * joints[[start, end], 0], h * joints[[start, end], 1], color=_BONE, lw=0.8, alpha=0.7)
    axes.set(xlim=(0, w), ylim=(h, 0), xticks=[], yticks=[])


def _draw_joints(
    axes: Axes, joints: np.ndarray, received: np.ndarray, relative: np.ndarray, limit: float, size: tuple[int, int]
) -> None:
    seen = joints[:, 2] > 0
    axes.scatter(
        size[1] * joints[seen, 0],
        size[0] * joints[seen, 1],
        s=_AREA * received[seen],
        c=relative[seen],
        cmap="coolwarm",
        vmin=-limit,
        vmax=limit,
        edgecolors=_INK,
        linewidths=0.4,
        zorder=3,
    )


def _draw_scale(figure: Figure, axes: Axes, limit: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    ticks = np.linspace(-limit, limit, 5)
    bar = figure.colorbar(
        ScalarMappable(Normalize(-limit, limit), "coolwarm"), cax=axes, orientation="horizontal", ticks=ticks
    )
    bar.ax.set_xticklabels([f"×{2**tick:.2f}" for tick in ticks], fontsize=7)
    bar.set_label("received, relative to equal attention", fontsize=8)


def _draw_bars(axes: Axes, bars: list[tuple[str, np.ndarray, str]]) -> None:
    t = len(bars[0][1])
    for number, (label, shares, colour) in enumerate(bars):
        drawn = axes.bar(np.arange(t) + 0.4 * (number - 0.5), shares, width=0.38, color=colour, label=label)
        axes.bar_label(drawn, fmt="{:.3f}", fontsize=6)
    axes.axhline(1 / t, color=_INK, lw=0.8, ls=":")
    top = 1.5 * max(float(shares.max()) for _, shares, _ in bars)
    axes.set(xlim=(-0.5, t - 0.5), ylim=(0, top), xticks=[])
    axes.set_ylabel("attention\nof frames", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(loc="upper left", ncols=2, fontsize=7, frameon=False)


def _draw_mixture(axes: Axes, powers: Sequence[float], mixture: np.ndarray) -> None:
    places = np.arange(len(powers))
    drawn = axes.bar(
        places, mixture.mean(axis=1), yerr=mixture.std(axis=1), color=_MIXED, capsize=2, error_kw={"lw": 0.8}
    )
    axes.bar_label(drawn, fmt="{:.3f}", fontsize=6)
    axes.axhline(1 / len(powers), color=_INK, lw=0.8, ls=":")
    axes.set_xticks(places, [f"{power:g}" for power in powers])
    axes.set_title("weights of the pooling powers:\nmean and sd over channels", fontsize=8)
    axes.set_xlabel("power p", fontsize=8)
    axes.tick_params(labelsize=7)
