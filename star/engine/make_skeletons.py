"""The skeleton files of a data set from a checked configuration, and what is told about them. No MindSpore here."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from star.config.skeletons_command import HeatmapPose, MoveNetPose, RtmPosePose, SkeletonsConfig, paths
from star.engine.progress import counting
from star.engine.read_data import dataset_root
from star.errors import DataError
from star.pose.extract import extract_skeletons
from star.pose.frame_list import FrameList, list_frames
from star.pose.importers import ImportSummary, import_skeletons
from star.pose.picture import PICTURE_FILE, draw_random_skeletons
from star.pose.quality import measure_skeletons, write_report
from star.pose.recipe import EstimatorRecipe
from star.pose.rtmpose import download_rtmpose
from star.words import counted

_NAMED = 10


def make_skeletons(config: SkeletonsConfig) -> str:
    """Estimate or import the skeletons of every frame; report and picture are written beside them.

    Returns:
        Lines for the terminal.

    Raises:
        StarError: see `extract_skeletons` and `import_skeletons`.
    """
    frames = list_frames(dataset_root(config.dataset, config.workers), config.dataset.kind)
    out = Path(str(config.out)).expanduser()
    if config.import_ is None:
        files, lines, notes = _estimate(config, frames, out)
    else:
        summary = _import(config, frames, out)
        if config.dry_run:
            return f"{summary}\nnothing is written (dry_run=true)"
        files, lines, notes = dict(zip(frames, summary.files, strict=True)), [str(summary)], {"Import": summary.lines()}
    quality = measure_skeletons(frames, files)
    written = [*files.values(), *write_report(quality, out, f"Skeletons of {config.dataset.kind}", notes)]
    written.append(draw_random_skeletons(frames, files, out / PICTURE_FILE, seed=config.seed))
    return "\n".join([*lines, str(quality), *(f"written: {path}" for path in written)])


def _estimate(
    config: SkeletonsConfig, frames: dict[str, FrameList], out: Path
) -> tuple[dict[str, Path], list[str], dict[str, list[str]]]:
    recipe = estimator_recipe(config.pose)
    begun = time.monotonic()
    with counting("estimating joints", "frames") as show:
        made = extract_skeletons(
            frames, out, recipe, workers=config.workers, overwrite=config.overwrite, on_progress=show
        )
    seconds = time.monotonic() - begun
    lines = [
        f"{counted(made.frames, 'frame')}: {made.estimated:,} estimated now, {made.kept:,} found done, "
        f"{len(made.failures):,} failed; {timedelta(seconds=round(seconds))}, {made.estimated / seconds:,.1f} frames/s"
    ]
    if made.failures:
        lines.append("frames that cannot be decoded, without a skeleton:")
        lines += [f"  {message}" for message in made.failures[:_NAMED]]
        lines += ["  ..."] if len(made.failures) > _NAMED else []
    estimator = [f"{key}: {value}" for key, value in recipe.identity().items()]
    return made.files, lines, {"Estimator": estimator, "Frames without a skeleton": list(made.failures)}


def _import(config: SkeletonsConfig, frames: dict[str, FrameList], out: Path) -> ImportSummary:
    assert config.import_ is not None
    size = config.source_size
    if not config.overwrite and (old := next(out.glob("dataset-*.h5"), None)):
        raise DataError(f"{old} is there already: give another folder as out=, or overwrite=true to replace it")
    with counting("importing skeletons", "frames") as show:
        return import_skeletons(
            config.import_,
            paths(config.source),
            splits=frames,
            out=None if config.dry_run else out,
            joints=config.joints,
            annotations=paths(config.annotations) or None,
            coordinates=config.coordinates,
            source_size=None if size is None else (size[0], size[1]),
            shift_frames=config.shift_frames,
            estimator=config.estimator,
            on_progress=show,
        )


def estimator_recipe(pose: MoveNetPose | RtmPosePose | HeatmapPose) -> EstimatorRecipe:
    """What the estimator is made from; RTMPose without a file is downloaded.

    Raises:
        StarError: the download failed.
    """
    if isinstance(pose, RtmPosePose):
        model = download_rtmpose(pose.variant) if pose.model is None else Path(pose.model).expanduser()
        return EstimatorRecipe(pose.kind, model, {"input_size": _pair(pose.input_size)})
    model = Path(str(pose.model)).expanduser()
    if isinstance(pose, MoveNetPose):
        return EstimatorRecipe(pose.kind, model)
    options = {
        "input_size": _pair(pose.input_size),
        "mean": tuple(pose.mean),
        "std": tuple(pose.std),
        "channel_order": pose.channel_order,
        "padding": pose.padding,
    }
    return EstimatorRecipe(pose.kind, model, options)


def _pair(size: list[int] | None) -> tuple[int, int] | None:
    return None if size is None else (size[0], size[1])
