"""`star-embed` from a checked configuration, and what is told about it. Only a run as the model needs MindSpore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import star
from star.config.embed_command import EmbedConfig, EmbedJob
from star.embedding.clips import ClipFeed, ReadClip
from star.embedding.source import Source, dataset_of, folder_source, read_tracks, split_source, video_source
from star.engine.make_skeletons import estimator_recipe
from star.engine.progress import counting
from star.errors import ConfigError, DataError, Problem
from star.inference.model import Model
from star.pose.estimated_skeletons import EstimatedSkeletons
from star.pose.recipe import EstimatorRecipe, version_of
from star.search.feature_files import read_features
from star.search.features import Features, Items
from star.search.unfinished import Part, Unfinished
from star.types import MODALITIES, ClipBatch, Modality, Split
from star.words import tracklets

_KEEP_SECONDS = 20
"""What a kill can cost."""
_NAMED = 10


def embed(job: EmbedJob) -> str:
    """Embed what the command asks for and write the file.

    Returns:
        Lines for the terminal.

    Raises:
        StarError: the model or what is embedded cannot be read, or the file cannot be written.
    """
    config, out = job.config, Path(str(job.config.out)).expanduser()
    tracks = read_tracks(config) if config.video is not None else None
    model = star.load(str(config.model), checkpoint=config.checkpoint)
    reading = model.description.reading._replace(on_bad_frame="skip")
    recipe = _recipe(config, model)
    if tracks is not None:
        source, identity = None, tracks[1]
    elif config.split is not None:
        dataset = dataset_of(config, model.config["dataset"], job.dataset_overrides)
        source, identity = split_source(dataset, config.split, config.workers)
    else:
        source, identity = folder_source(config)
    making = _making(config, model, recipe, identity)
    if _is_finished(out, making, config.overwrite):
        return f"{out} is there already, made by the same model from the same tracklets"
    with Unfinished(out, making) as unfinished:
        if source is None:
            assert tracks is not None
            whole = model.uses_joints and reading.cleaning is not None and reading.cleaning.used
            source = video_source(config, tracks[0], None if whole else model.frames, unfinished)
        source = source._replace(split=_with_skeletons(source.split, model.uses_joints, recipe))
        feed = ClipFeed(
            source.split,
            model.description.shape,
            reading,
            anaglyphs=model.description.anaglyphs,
            strip=config.strips,
            workers=config.workers,
        )
        _embed(config, model, source, feed, unfinished)
        features = unfinished.finish(_about(config, model, recipe, making, source))
    return "\n".join([*source.report, *_told(features, feed.lost, source, out)])


def _recipe(config: EmbedConfig, model: Model) -> EstimatorRecipe | None:
    """Of the estimator that the model needs for frames without skeletons."""
    if config.split is not None or not model.uses_joints:
        return None
    if config.pose is None:
        expected = "an estimator, as this model reads joints (pose=movenet pose.model=FILE, or another of conf/pose)"
        raise ConfigError([Problem("pose", "null", expected)])
    return estimator_recipe(config.pose)


def _with_skeletons(split: Split, used: bool, recipe: EstimatorRecipe | None) -> Split:
    if recipe is not None:
        return replace(split, skeletons=EstimatedSkeletons(split.frames, recipe.build()))
    if not used:
        return replace(split, skeletons=None)
    if split.skeletons is None:
        raise DataError(
            f"the model reads joints, and the split {split.name} has no skeletons: make them with star-skeletons and "
            "give their folder as dataset.skeletons"
        )
    return split


def _making(config: EmbedConfig, model: Model, recipe: EstimatorRecipe | None, identity: str) -> dict[str, str]:
    """All that can change what the file holds."""
    estimator = version_of(recipe.identity()) if recipe else "none"
    source = {"split": config.split, "tracklets": config.tracklets, "video": config.video}
    return {
        "model": model.fingerprint,
        "estimator": estimator,
        "source": " ".join(f"{name}={value}" for name, value in source.items() if value is not None),
        "source state": identity,
        "modality": str(config.modality),
        "camera": str(config.camera),
        "frame_rate": str(config.frame_rate),
        "start": str(config.start),
        "type": config.type,
        "strips": str(config.strips),
    }


def _is_finished(out: Path, making: Mapping[str, str], overwrite: bool) -> bool:
    if not out.is_file() or overwrite:
        return False
    made = read_features(out).about.get("making")
    if made == making:
        return True
    made = made if isinstance(made, dict) else {}
    changed = "; ".join(f"{key} was {made.get(key, 'not set')}" for key in making if made.get(key) != making[key])
    raise DataError(f"{out} is there already, made otherwise ({changed}): give another out=, or overwrite=true")


def _embed(config: EmbedConfig, model: Model, source: Source, feed: ClipFeed, unfinished: Unfinished) -> None:
    """Embed what is not yet kept, and keep it every few seconds."""
    tracklets = source.split.tracklets
    done = unfinished.done()
    begun = len(done)
    with counting("embedding", "tracklets") as show:
        show(begun, len(tracklets))
        for modality in MODALITIES:
            rows = [row for row, tracklet in enumerate(tracklets) if tracklet.modality == modality and row not in done]
            if rows and modality not in model.modalities:
                known = " and ".join(model.modalities)
                raise DataError(f"{source.split.name} is {modality}, but the model embeds {known} tracklets only")
            with unfinished.keeping(_KEEP_SECONDS) as keep:
                for clips in feed.batches(rows, config.batch):
                    if clips:
                        keep(_features(model, source, clips, modality, config.type, config.batch))
                    begun += len(clips)
                    show(begun + len(feed.lost), len(tracklets))


def _batch(clips: Sequence[ReadClip], size: int) -> ClipBatch:
    """As the network wants them: padded with copies of the last clip, for it may be compiled for each size anew."""
    padded = [*clips, *[clips[-1]] * (size - len(clips))]
    frames, joints = np.stack([clip.frames for clip in padded]), np.stack([clip.joints for clip in padded])
    return ClipBatch(frames, joints, len(clips))


def _features(
    model: Model, source: Source, clips: Sequence[ReadClip], modality: Modality, kind: str, size: int
) -> Part:
    """Of a batch of clips of one modality."""
    values = model.embed_batch(_batch(clips, size), modality)
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    rows = [clip.row for clip in clips]
    if len(broken):
        raise DataError(f"the feature of {source.names[rows[broken[0]]]} is not finite: the model is broken")
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    items = Items(
        names=np.array([source.names[row] for row in rows]),
        identities=np.array([source.split.tracklets[row].identity for row in rows], np.int64),
        cameras=np.array([source.cameras[row] for row in rows]),
        modalities=np.array([modality] * len(rows)),
        clocks=np.array([source.clock] * len(rows)),
        starts=source.times[rows, 0],
        ends=source.times[rows, 1],
        frames=np.array([source.frames[row] for row in rows], np.int64),
        bad_frames=np.array([clip.bad_frames for clip in clips], np.int64),
        strips=tuple(clip.strip for clip in clips),
        joints=np.stack([clip.strip_joints for clip in clips]),
    )
    return Part(rows, values.astype(kind), items)


def _about(
    config: EmbedConfig, model: Model, recipe: EstimatorRecipe | None, making: Mapping[str, str], source: Source
) -> dict[str, Any]:
    """What a reader of the file should know of its making."""
    height, width = model.size
    return {
        "fingerprint": model.fingerprint,
        "width": model.dim,
        "model": f"{model.description.run}, {model.description.checkpoint} checkpoint",
        "clip": {"frames": model.frames, "height": height, "width": width, "joints": model.uses_joints},
        "estimator": recipe.identity() if recipe else None,
        "report": list(source.report),
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "star": star.__version__,
        "making": dict(making),
    }


def _told(features: Features, lost: Mapping[int, str], source: Source, out: Path) -> list[str]:
    items = features.items
    bad = int(items.bad_frames.sum())
    megabytes = out.stat().st_size / 1e6
    kind = f"{features.width:,} numbers each ({features.values.dtype})"
    lines = [f"{out}: {tracklets(len(items))}, {kind}, {megabytes:,.1f} MB"]
    if bad:
        clips = tracklets(int((items.bad_frames > 0).sum()))
        lines.append(f"{bad:,} of the frames of {clips} cannot be decoded: the nearest good frame stands in")
    if lost:
        lines.append(f"{tracklets(len(lost))} without a feature:")
        lines += [f"  {source.names[row]}: {message}" for row, message in sorted(lost.items())[:_NAMED]]
        lines += ["  ..."] if len(lost) > _NAMED else []
    return lines
