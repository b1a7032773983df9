"""`star-check`: every file of the data set a configuration names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from star.config.schema import Config
from star.data.contact_sheet import augmented_sheet, contact_sheet
from star.data.dataset_report import check_dataset, count_directions, count_split, format_report
from star.data.pack.reader import Pack
from star.data.pack.verify import verify_pack
from star.engine.build_data import load_data, train_loader
from star.engine.progress import counting
from star.engine.verify_skeletons import verify_skeletons
from star.errors import DataError, StarError
from star.words import counted

_NAMED = 10


class Checked(NamedTuple):
    """What `check_data` found.

    Attributes:
        report: of the data set, as text.
        problems: messages of all that keeps a run from training on it, or a picture from being drawn.
    """

    report: str
    problems: tuple[str, ...]


def check_data(config: Config, sheet: Path | None = None, augmented: Path | None = None) -> Checked:
    """Read the index, decode every frame of every tracklet, also of those too short to be used, look up its skeleton.

    Args:
        config: checked configuration.
        sheet: where to write a picture of some tracklets; None: no picture.
        augmented: where to write a picture of the first training batch; None: no picture.

    Raises:
        DataError: the data set cannot be read, frames of its pack are damaged, or a skeleton file was changed after it
            was written.
    """
    checksums = "" if config.dataset.pack is None else _verify(Pack(Path(config.dataset.pack).expanduser())) + "\n"
    data = load_data(config)
    verify_skeletons(split.skeletons for split in data.splits)
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
    problems = []
    if report.bad and config.dataset.on_bad_frame == "stop":
        problems.append(f"{len(report.bad)} bad frames (dataset.on_bad_frame=skip trains without them)")
    try:
        if sheet is not None:
            text += f"\ncontact sheet: {contact_sheet(data, sheet)}"
    except DataError as error:
        problems.append(str(error))
    try:
        loader = train_loader(config, data)
        if augmented is not None:
            with closing(loader.epoch(0)) as batches:
                picture = augmented_sheet(next(batches), data.train.identities, augmented)
            text += f"\nfirst training batch: {picture}"
    except StarError as error:
        problems.append(str(error))
    return Checked(text, tuple(problems))


def _verify(pack: Pack) -> str:
    with counting("comparing checksums", "frames") as show:
        damaged = verify_pack(pack, show)
    if damaged:
        shown = [f"  {message}" for message in damaged[:_NAMED]] + (["  ..."] if len(damaged) > _NAMED else [])
        raise DataError("\n".join([f"pack {pack.path} is damaged in {len(damaged):,} places:", *shown]))
    return (
        f"pack {pack.path}: the checksums of its {counted(pack.frames, 'frame')} are right, index sha256 {pack.sha256}"
    )
