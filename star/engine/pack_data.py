"""`star-pack` from a checked configuration, and what is told about it. No MindSpore here."""

from __future__ import annotations

from pathlib import Path

from star.config.pack import PackConfig, PackOptions
from star.data.pack.contents import View
from star.data.pack.encoding import Storage
from star.data.pack.store import Pack
from star.data.pack.writer import pack_dataset
from star.engine.progress import counting
from star.engine.read_data import dataset_root, views_to_pack

_NAMED = 10


def pack_data(config: PackConfig) -> str:
    """Pack the data set, from its folder or from another pack.

    Returns:
        Lines for the terminal.

    Raises:
        DataError: see `pack_dataset`.
    """
    dataset, options = config.dataset, config.pack
    if dataset.pack is None:
        root, kind = dataset_root(dataset, options.workers), dataset.kind
        views = views_to_pack(dataset, root)
    else:
        root = Path(dataset.pack).expanduser()
        pack = Pack(root)
        kind = pack.kind
        views = (View(given, pack.view(given)) for given in pack.options)
    with counting("packing", "frames") as show:
        made = pack_dataset(
            views,
            Path(str(options.out)).expanduser(),
            kind=kind,
            root=root,
            storage=_storage(options),
            workers=options.workers,
            skip_bad=dataset.on_bad_frame == "skip",
            on_progress=show,
        )
    lines = [
        f"{made.path}: {made.frames:,} frames ({made.kept:,} found done), {made.size / 1e6:,.1f} MB, {made.storage}",
        f"index sha256 {made.sha256}",
    ]
    if made.problems:
        lines.append(f"{len(made.problems):,} frames cannot be decoded and were left out:")
        lines += [f"  {message}" for message in made.problems[:_NAMED]]
        lines += ["  ..."] if len(made.problems) > _NAMED else []
    return "\n".join([*lines, f"read it with dataset.pack={made.path}"])


def _storage(options: PackOptions) -> Storage:
    size = None if options.size is None else (options.size[0], options.size[1])
    return Storage(size, options.encoding, options.quality)
