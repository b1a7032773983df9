"""Indexes of faiss for large galleries, on the CPU: exact (flat), by cells (IVF), of short codes (PQ), and both.

Features are L2-normalised and compared by inner product, which is their cosine. Of an index of codes the similarities
are those of the codes, not of the features.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from star.errors import DataError, StarError
from star.search.exact import NONE, Nearest

logger = logging.getLogger(__name__)

Kind = Literal["flat", "ivf", "pq", "ivf_pq"]
_LEAST_A_CENTRE = 39
"""Training items for each cell, and for each value of a byte of a code, below which faiss warns."""
_PQ_CENTRES = 256


class Recipe(NamedTuple):
    """How an index is built.

    Attributes:
        kind: "flat", "ivf", "pq" or "ivf_pq".
        lists: cells of IVF; None: four times the root of the number of items.
        code_bytes: of an item in PQ; divides d.
        train: items that cells and codes are learnt from, at most.
        seed: of their choice.
    """

    kind: Kind
    lists: int | None = None
    code_bytes: int = 64
    train: int = 200_000
    seed: int = 0


class FaissIndex:
    """An index of faiss.

    Args:
        index: of faiss.
        kind: of it.
        probes: cells of IVF that are searched; may be set.
    """

    def __init__(self, index: Any, kind: Kind, probes: int):
        self._index = index
        self.kind = kind
        self.probes = probes

    def __len__(self) -> int:
        return self._index.ntotal

    @property
    def lists(self) -> int | None:
        """Cells; None without."""
        return getattr(self._index, "nlist", None)

    def search(self, queries: np.ndarray, count: int, allowed: np.ndarray | None = None) -> Nearest:
        """The nearest items of each query, as `star.search.exact.ExactIndex.search`.

        Fewer than there are may be found where cells are left out.
        """
        faiss = require_faiss()
        options: dict[str, Any] = {}
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            options["sel"] = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        if self.lists is None:
            parameters = faiss.SearchParameters(**options)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=min(self.probes, self.lists), **options)
        found = min(count, len(self))
        similarities, items = self._index.search(np.ascontiguousarray(queries, np.float32), found, params=parameters)
        similarities = np.where(items == NONE, -np.inf, similarities).astype(np.float32)
        missing = ((0, 0), (0, count - found))
        return Nearest(
            np.pad(items.astype(np.int64), missing, constant_values=NONE),
            np.pad(similarities, missing, constant_values=-np.inf),
        )

    def save(self, path: Path) -> None:
        """Write the index into a file."""
        require_faiss().write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path, kind: Kind, probes: int) -> FaissIndex:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or cannot be read.
            StarError: faiss is not installed.
        """
        faiss = require_faiss()
        try:
            return cls(faiss.read_index(str(path)), kind, probes)
        except RuntimeError as error:
            raise DataError(f"index {path} cannot be read: it is missing, damaged or of another faiss") from error


def build_index(
    count: int,
    width: int,
    rows: Callable[[np.ndarray], np.ndarray],
    blocks: Iterable[np.ndarray],
    recipe: Recipe,
    probes: int,
) -> FaissIndex:
    """Build an index of a gallery that need not be in memory at once.

    Args:
        count: g.
        width: d.
        rows: gives the features [n d] of some items by their positions, for training.
        blocks: all features in order, in blocks [n d].
        recipe: of the index.
        probes: as in `FaissIndex`.

    Raises:
        DataError: a recipe that does not fit the gallery.
        StarError: faiss is not installed.
    """
    faiss = require_faiss()
    index = faiss.index_factory(width, _factory(count, width, recipe), faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        chosen = np.random.default_rng(recipe.seed).permutation(count)[: recipe.train]
        _say_once_if_few(index, recipe.kind, len(chosen))
        index.train(np.ascontiguousarray(rows(np.sort(chosen)), np.float32))
    for block in blocks:
        index.add(np.ascontiguousarray(block, np.float32))
    return FaissIndex(index, recipe.kind, probes)


def _say_once_if_few(index: Any, kind: Kind, items: int) -> None:
    """Faiss itself would warn once for the cells and once for every byte of the codes."""
    index.cp.min_points_per_centroid = 1
    centres = 0 if kind == "pq" else index.nlist
    if hasattr(index, "pq"):
        index.pq.cp.min_points_per_centroid = 1
        centres = max(centres, _PQ_CENTRES)
    if items < _LEAST_A_CENTRE * centres:
        logger.warning(
            "the index learns from %s features, better are %s or more: what it finds may be far from exact",
            f"{items:,}",
            f"{_LEAST_A_CENTRE * centres:,}",
        )


def _factory(count: int, width: int, recipe: Recipe) -> str:
    """The recipe as faiss words it."""
    lists = recipe.lists or max(1, min(round(4 * math.sqrt(count)), min(count, recipe.train) // _LEAST_A_CENTRE))
    if "ivf" in recipe.kind and lists > min(count, recipe.train):
        raise DataError(f"lists={lists}: expected at most {min(count, recipe.train):,}, the items they are learnt from")
    if "pq" in recipe.kind and (width % recipe.code_bytes or min(count, recipe.train) < _PQ_CENTRES):
        raise DataError(
            f"code_bytes={recipe.code_bytes} for {count:,} features of {width} numbers: expected a divisor of {width}, "
            f"and at least {_PQ_CENTRES} features to learn the codes from"
        )
    code = f"PQ{recipe.code_bytes}x8np"  # without polysemous codes, which only a search by Hamming distance uses
    names = {"flat": "Flat", "ivf": f"IVF{lists},Flat", "pq": f"IVF1,{code}", "ivf_pq": f"IVF{lists},{code}"}
    return names[recipe.kind]


def require_faiss() -> Any:
    """The package.

    Raises:
        StarError: it is not installed.
    """
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # which instructions it was built for, in eight lines
    try:
        import faiss
    except ImportError as error:
        raise StarError(
            "this index needs the package faiss, which is not installed: pip install 'star-vvi-reid[search]', or "
            "search with index=exact"
        ) from error
    return faiss
