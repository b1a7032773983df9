"""`star-pack` from a checked configuration, and what is told about it. No MindSpore here."""

from __future__ import annotations

from pathlib import Path

from star.config.pack_command import PackConfig, PackOptions
from star.data.pack.encoding import Storage
from star.data.pack.reader import Pack
from star.data.pack.writer import pack_dataset
from star.engine.progress import counting
from star.engine.read_data import contents_to_pack
from star.engine.verify_skeletons import verify_skeletons
from star.words import counted

_NAMED = 10


def pack_data(config: PackConfig) -> str:
    """Pack the data set, from its folder or from another pack.

    Returns:
        Lines for the terminal.

    Raises:
        DataError: see `pack_dataset`; or a skeleton file was changed after it was written.
    """
    options = config.pack
    path, storage = Path(str(options.out)).expanduser(), _storage(options)
    contents = contents_to_pack(config.dataset, options.workers)
    finished = path.exists()
    if not finished:
        verify_skeletons(frame.skeletons for frame in contents.frames)
    with counting("packing", "frames") as show:
        kept = pack_dataset(
            contents,
            path,
            storage=storage,
            workers=options.workers,
            skip_bad=config.dataset.on_bad_frame == "skip",
            on_progress=show,
        )
    pack = Pack(path)
    done = f"{kept:,} found done"
    if finished:
        done += f", not read again: star-check dataset.pack={path} compares their checksums"
    lines = [
        f"{path}: {counted(pack.frames, 'frame')} ({done}), {path.stat().st_size / 1e6:,.1f} MB, {storage}",
        f"index sha256 {pack.sha256}",
    ]
    if problems := pack.problems:
        lines.append(f"{len(problems):,} of them cannot be decoded and are passed over with dataset.on_bad_frame=skip:")
        lines += [f"  {message}" for message in problems[:_NAMED]]
        lines += ["  ..."] if len(problems) > _NAMED else []
    return "\n".join([*lines, f"read it with dataset.pack={path}"])


def _storage(options: PackOptions) -> Storage:
    size = None if options.size is None else (options.size[0], options.size[1])
    return Storage(size, options.encoding, options.quality)
