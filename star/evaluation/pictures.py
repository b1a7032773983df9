"""Pictures of a ranking: the CMC curve, and queries with their first answers. Drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from star.data.decode import load_frame
from star.data.frame_sampling import clip_positions
from star.data.skeleton_picture import draw_skeleton
from star.errors import DataError
from star.evaluation.ranking import RANKS, Answers, rank_queries, top
from star.types import Direction, Scores, Split, Tracklet, VideoReIDData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDES = {"i2v": ("infrared", "visible"), "v2i": ("visible", "infrared")}
_COLOURS = {"i2v": "#c0392b", "v2i": "#2471a3"}
_MARKERS = {"i2v": "o", "v2i": "s"}

_HEIGHT, _WIDTH = 128, 64
_BORDER, _GAP, _CAPTION, _MARGIN = 5, 10, 20, 14
_MISSING, _INK = 128, "#222222"
_RIGHT, _WRONG, _QUERY = (30, 150, 60), (205, 40, 40), (40, 40, 40)
_DPI = 100
_JPEG_QUALITY = 80


class _Cell(NamedTuple):
    """A strip of frames and where it goes."""

    top: int
    left: int
    caption: str
    colour: tuple[int, int, int]
    split: Split
    tracklet: Tracklet


def cmc_curve(scores: Mapping[Direction, Scores], path: Path | str, title: str) -> Path:
    """Draw the share of queries with a right answer among the first 1 to 20.

    Args:
        scores: by direction.
        path: of the PNG; its folder is made if needed.
        title: above the curve.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    ranks = np.arange(1, RANKS + 1)
    for direction, score in scores.items():
        label = (
            f"{_name(direction)}: rank 1 {100 * score.cmc[0]:.2f} %, mAP {100 * score.mean_average_precision:.2f} %, "
            f"{score.valid_queries} queries"
        )
        axes.plot(ranks, 100 * score.cmc, color=_COLOURS[direction], marker=_MARKERS[direction], ms=4, label=label)
    axes.set(
        title=title, xlabel="rank", ylabel="queries with a right answer, %", xlim=(0.5, RANKS + 0.5), ylim=(0, 103)
    )
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    return _save(figure, path)


def ranked_lists(
    data: VideoReIDData,
    similarity: np.ndarray,
    direction: Direction,
    path: Path | str,
    *,
    queries: int = 6,
    answers: int = 10,
    seed: int = 0,
    frames: int = 4,
) -> Path:
    """Draw some queries with their first answers, green and ticked where right, red and crossed where wrong.

    Each tracklet is a strip of frames spread as in a clip at test, with its skeletons where the data set has them. Of
    the queries only those with a match in the gallery are drawn. A frame that cannot be decoded is a grey field.

    Args:
        data: the data set that was ranked.
        similarity: [q g], rows in the order of the direction's queries, columns of its gallery.
        direction: whose queries are answered.
        path: of the PNG; its folder is made if needed.
        queries: as far as there are so many.
        answers: to each query.
        seed: of the choice of queries.
        frames: of each strip.

    Raises:
        EvaluationError: the similarities do not fit the data set.
    """
    asked, answering = data.test[direction]
    labels, options = data.test[direction].labels, {"same_camera_filter": data.same_camera_filter}
    valid = np.flatnonzero(rank_queries(similarity, *labels, **options).matches)
    chosen = np.sort(np.random.default_rng(seed).permutation(valid)[:queries])
    found = top(similarity, *labels, chosen=chosen, count=answers, **options)
    title = f"{data.name}, {_name(direction)}: the first {answers} answers to {len(chosen)} of {len(valid)} queries"
    if asked.skeletons or answering.skeletons:
        title += "; skeletons from red (unsure) to green (sure)"
    return answer_lists(asked, answering, found, path, title=title, frames=frames)


def answer_lists(
    asked: Split,
    answering: Split,
    found: Sequence[Answers],
    path: Path | str,
    *,
    title: str,
    captions: Sequence[str] | None = None,
    frames: int = 4,
) -> Path:
    """Draw queries with the answers they were given, one line each, marked as in `ranked_lists`.

    Args:
        asked: the split of the queries.
        answering: the split of the answers.
        found: one line each; similarities that are NaN are not written.
        path: of the picture, .png or .jpg.
        title: above it; empty leaves it out.
        captions: over the query of each line, instead of its identity and camera.
        frames: of each strip.
    """
    answers = max((len(line.items) for line in found), default=0)
    head = 2 * _CAPTION if title else _CAPTION
    width, height = frames * _WIDTH + 2 * _BORDER, _HEIGHT + 2 * _BORDER
    columns = [_MARGIN + place * (width + _GAP) + (place > 0) * 2 * _GAP for place in range(answers + 1)]
    lines = [_MARGIN + head + line * (height + _CAPTION + _GAP) for line in range(len(found))]
    cells = []
    for number, (line, given) in enumerate(zip(lines, found, strict=True)):
        person = asked.tracklets[given.query]
        caption = captions[number] if captions else f"query {_caption(person)}"
        cells.append(_Cell(line, columns[0], caption, _QUERY, asked, person))
        for place, (item, right, alike) in enumerate(zip(given.items, given.right, given.similarities, strict=True), 1):
            person = answering.tracklets[item]
            caption = f"{place} {'✓' if right else '✗'} {_caption(person)}"
            caption += "" if np.isnan(alike) else f"  {alike:.2f}"
            cells.append(_Cell(line, columns[place], caption, _RIGHT if right else _WRONG, answering, person))
    size = (lines[-1] + height + _MARGIN if lines else 3 * _CAPTION, columns[-1] + width + _MARGIN)
    return _write(cells, frames, size, title, path)


def _write(cells: list[_Cell], frames: int, size: tuple[int, int], title: str, path: Path | str) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=((size[1] + 0.5) / _DPI, (size[0] + 0.5) / _DPI), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    for cell in cells:
        figure.text(
            cell.left / size[1],
            1 - (cell.top - 4) / size[0],
            cell.caption,
            color=tuple(value / 255 for value in cell.colour),
            fontsize=8,
            va="bottom",
        )
    figure.text(_MARGIN / size[1], 1 - _MARGIN / size[0], title, color=_INK, fontsize=11, weight="bold", va="top")
    canvas.draw()
    sheet = np.array(canvas.buffer_rgba())[..., :3]
    for cell in cells:
        strip = _strip(cell.split, cell.tracklet, frames)
        framed = cv2.copyMakeBorder(strip, _BORDER, _BORDER, _BORDER, _BORDER, cv2.BORDER_CONSTANT, value=cell.colour)
        sheet[cell.top : cell.top + framed.shape[0], cell.left : cell.left + framed.shape[1]] = framed
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix == ".jpg" else []
    _, content = cv2.imencode(path.suffix, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), options)
    path.write_bytes(content.tobytes())
    return path


def _strip(split: Split, tracklet: Tracklet, frames: int) -> np.ndarray:
    keys = (tracklet.frames[position] for position in clip_positions(len(tracklet.frames), frames))
    return np.concatenate([_picture(split, key) for key in keys], axis=1)


def _picture(split: Split, key: str) -> np.ndarray:
    try:
        frame = load_frame(split.frames, key)
    except DataError:
        return np.full((_HEIGHT, _WIDTH, 3), _MISSING, np.uint8)
    height, width = frame.shape[:2]
    smaller = height > _HEIGHT or width > _WIDTH
    picture = cv2.resize(frame, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    joints = split.skeletons.read(key) if split.skeletons else None
    if joints is None:
        return picture
    return draw_skeleton(picture, joints * np.array([_WIDTH / width, _HEIGHT / height, 1], np.float32))


def _caption(tracklet: Tracklet) -> str:
    return f"identity {tracklet.identity:04d}, camera {tracklet.camera}"


def _name(direction: Direction) -> str:
    query, gallery = _SIDES[direction]
    return f"{direction} ({query} queries, {gallery} gallery)"


def _save(figure: Figure, path: Path | str) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
