"""Files of features: `.npz` (NumPy) and `.parquet` (one row a tracklet), written whole or not at all.

Both hold the columns of `star.search.features.Items`, the features, and `about` as JSON; in a Parquet file it stands
under the key `star` of the file's metadata. A file that star-embed wrote is of one data set at most, which `about`
names; the column `sets` stands only in files that were joined.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from star.errors import DataError, StarError
from star.search.features import Features, Items
from star.search.whole_file import whole_file
from star.types import MODALITIES, NUMBER_OF_JOINTS

SUFFIXES = (".npz", ".parquet")
FORMAT = "star features 1"
_COLUMNS = tuple(field.name for field in fields(Items) if field.name not in ("strips", "joints", "sets"))
_SETS = "sets"
_KEY = b"star"
_REMEDY = "expected a file that star-embed wrote"


def write_features(path: Path, features: Features) -> None:
    """Write a file; the suffix says of which kind.

    Args:
        path: `.npz` or `.parquet`; replaced if it is there.
        features: of at least one tracklet.

    Raises:
        DataError: it cannot be written.
        StarError: pyarrow, which Parquet needs, is not installed.
    """
    write = {".npz": _write_npz, ".parquet": _write_parquet}[path.suffix.lower()]
    with whole_file(path, "features") as partial:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial, features, json.dumps({"format": FORMAT, **features.about}))


def read_features(path: Path) -> Features:
    """Read a file that `write_features` wrote.

    Raises:
        DataError: it is missing, of another kind, incomplete, or has features that are not finite; names it.
        StarError: pyarrow, which Parquet needs, is not installed.
    """
    if not path.is_file():
        raise DataError(f"features {path} are missing; {_REMEDY}")
    readers: dict[str, Callable[[Path], Features]] = {".npz": _read_npz, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise DataError(f"features {path}: given {path.suffix or 'no suffix'}, expected {' or '.join(SUFFIXES)}")
    features = readers[path.suffix.lower()](path)
    problem = _problem(features)
    if problem:
        raise DataError(f"features {path}: {problem}; {_REMEDY}")
    return features


def write_items(path: Path, items: Items, about: Mapping[str, Any]) -> None:
    """Write what is known of tracklets without their features; arguments and errors of `write_features`."""
    write_features(path, Features(np.empty((len(items), 0), np.float32), items, about))


def read_items(path: Path) -> tuple[Items, Mapping[str, Any]]:
    """What `write_items` wrote: the items and `about`; errors of `read_features`."""
    features = _read_npz(path)
    if features.values.shape != (len(features.items), 0) or features.about.get("format") != FORMAT:
        raise DataError(f"{path} is damaged; {_REMEDY}")
    return features.items, features.about


def _set_of(about: Mapping[str, Any]) -> str:
    """The data set that a file of star-embed is of, as the hash of its index files; empty for videos and folders."""
    making = about.get("making")
    if not isinstance(making, dict) or not str(making.get("source", "")).startswith("split="):
        return ""
    return str(making.get("source state", ""))


def _problem(features: Features) -> str | None:
    values, items, about = features
    if about.get("format") != FORMAT or not {"fingerprint", "width"} <= set(about):
        return f"its format is {about.get('format', 'not stated')!r}"
    if values.ndim != 2 or values.dtype not in (np.float32, np.float16) or values.shape[1] != about["width"]:
        return f"features of shape {values.shape} and type {values.dtype}, stated width {about['width']}"
    lengths = {len(values), *(len(getattr(items, field.name)) for field in fields(Items))}
    if len(lengths) != 1 or lengths == {0}:
        return f"its columns have {', '.join(map(str, sorted(lengths)))} rows"
    if not set(np.unique(items.modalities).tolist()) <= set(MODALITIES):
        return f"a modality that is not {' or '.join(MODALITIES)}"
    broken = np.flatnonzero(~np.isfinite(np.abs(values).max(axis=1)))
    return f"the features of {items.names[broken[0]]} are not finite" if len(broken) else None


def _write_npz(path: Path, features: Features, about: str) -> None:
    items = features.items
    arrays = {name: getattr(items, name) for name in _COLUMNS}
    if (items.sets != "").any():
        arrays[_SETS] = items.sets
    arrays["joints"] = items.joints
    arrays["strips"] = np.frombuffer(b"".join(items.strips), np.uint8)
    arrays["strip_ends"] = np.cumsum([len(strip) for strip in items.strips], dtype=np.int64)
    arrays |= {"features": features.values, "about": np.array(about)}
    with zipfile.ZipFile(path, "w") as archive:  # np.savez leaves its archive open after an error
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.save(file, array, allow_pickle=False)


def _read_npz(path: Path) -> Features:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in _COLUMNS}
            data, ends = stored["strips"].tobytes(), stored["strip_ends"].tolist()
            strips = tuple(data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True))
            about = json.loads(str(stored["about"]))
            sets = stored[_SETS] if _SETS in stored else np.full(len(strips), _set_of(about))
            items = Items(**columns, strips=strips, joints=stored["joints"], sets=sets)
            return Features(stored["features"], items, about)
    except KeyError as error:
        raise DataError(f"features {path} have no {str(error.args[0]).partition(' ')[0]}; {_REMEDY}") from error
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"features {path} cannot be read ({error}); {_REMEDY}") from error


def _write_parquet(path: Path, features: Features, about: str) -> None:
    arrow = _pyarrow()
    items = features.items
    columns: dict[str, Any] = {name: arrow.array(getattr(items, name)) for name in _COLUMNS}
    if (items.sets != "").any():
        columns[_SETS] = arrow.array(items.sets)
    columns["strips"] = arrow.array(items.strips, arrow.binary())
    if items.joints.shape[1]:
        columns["joints"] = _rows_of_numbers(arrow, items.joints.reshape(len(items), -1))
    columns["features"] = _rows_of_numbers(arrow, features.values)
    table = arrow.table(columns).replace_schema_metadata({_KEY: about.encode()})
    arrow.parquet.write_table(table, path, compression="none", use_dictionary=list(_COLUMNS))


def _rows_of_numbers(arrow: Any, values: np.ndarray) -> Any:
    return arrow.FixedSizeListArray.from_arrays(arrow.array(np.ravel(values)), values.shape[1])


def _read_parquet(path: Path) -> Features:
    arrow = _pyarrow()
    try:
        table = arrow.parquet.read_table(path)
        about = json.loads((table.schema.metadata or {})[_KEY])
        columns = {name: table[name].to_numpy() for name in _COLUMNS}
        for name in ("names", "cameras", "modalities", "clocks"):
            columns[name] = columns[name].astype(str)
        strips = tuple(table["strips"].to_pylist())
        if "joints" in table.column_names:
            joints = _numbers(table["joints"]).reshape(table.num_rows, -1, NUMBER_OF_JOINTS, 3)
        else:
            joints = np.empty((table.num_rows, 0, NUMBER_OF_JOINTS, 3), np.float16)
        stated = _SETS in table.column_names
        sets = table[_SETS].to_numpy().astype(str) if stated else np.full(table.num_rows, _set_of(about))
        items = Items(**columns, strips=strips, joints=joints, sets=sets)
        return Features(_numbers(table["features"]), items, about)
    except KeyError as error:
        raise DataError(f"features {path} have no {str(error.args[0]).partition(' ')[0]}; {_REMEDY}") from error
    except (OSError, ValueError, TypeError, arrow.ArrowException) as error:
        raise DataError(f"features {path} cannot be read ({error}); {_REMEDY}") from error


def _numbers(column: Any) -> np.ndarray:
    """[n d] of a column of lists of d numbers."""
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    width = column.type.list_size
    flat = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
    return flat.reshape(len(column), width)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StarError(
            "Parquet files need the package pyarrow, which is not installed: pip install pyarrow, or give a file "
            "that ends in .npz"
        ) from error
    return pyarrow
