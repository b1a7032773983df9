"""`star-check`: every file of the data set a configuration names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from star.config.schema import Config
from star.data.contact_sheet import augmented_sheet, contact_sheet
from star.data.dataset_report import check_dataset, count_directions, count_split, format_report
from star.data.pack.reader import Pack
from star.data.pack.verify import verify_pack
from star.engine.build_data import load_data, train_loader
from star.engine.progress import counting
from star.errors import DataError

_NAMED = 10


def check_data(config: Config, sheet: Path | None = None, augmented: Path | None = None) -> str:
    """Read the index, decode every frame of every tracklet, also of those too short to be used, look up its skeleton.

    Args:
        config: checked configuration.
        sheet: where to write a picture of some tracklets; None: no picture.
        augmented: where to write a picture of the first training batch; None: no picture.

    Returns:
        The report as text.

    Raises:
        DataError: the data set cannot be used, frames of its pack are damaged, or frames are bad and
            `dataset.on_bad_frame` is "stop".
    """
    checksums = "" if config.dataset.pack is None else _verify(Pack(Path(config.dataset.pack).expanduser())) + "\n"
    data = load_data(config)
    with counting("checking frames") as show:
        everything = load_data(config, min_frames=1)
        report = check_dataset(everything, workers=config.hardware.loader_workers, on_progress=show)
    text = checksums + format_report(
        report._replace(
            protocol=data.protocol,
            notes=data.notes,
            splits=tuple(map(count_split, data.splits)),
            directions=count_directions(data),
        )
    )
    if sheet is not None:
        text += f"\ncontact sheet: {contact_sheet(data, sheet)}"
    if augmented is not None:
        with closing(train_loader(config, data).epoch(0)) as batches:
            picture = augmented_sheet(next(batches), data.train.identities, augmented)
        text += f"\nfirst training batch: {picture}"
    if report.bad and config.dataset.on_bad_frame == "stop":
        raise DataError(f"{len(report.bad)} bad frames (dataset.on_bad_frame=skip trains without them)\n{text}")
    return text


def _verify(pack: Pack) -> str:
    with counting("comparing checksums", "frames") as show:
        damaged = verify_pack(pack, show)
    if damaged:
        shown = [f"  {message}" for message in damaged[:_NAMED]] + (["  ..."] if len(damaged) > _NAMED else [])
        raise DataError("\n".join([f"pack {pack.path} is damaged in {len(damaged):,} places:", *shown]))
    return f"pack {pack.path}: the checksums of its {pack.frames:,} frames are right, index sha256 {pack.sha256}"
