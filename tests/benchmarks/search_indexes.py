"""Build time, memory, queries a second and recall of the indexes of star-search, on generated features.

    python tests/benchmarks/search_indexes.py --items 1000000

Features are those of people seen twenty times each: a point of 128 numbers for the person, half as far again for each
sight of him, mapped to 2,048 numbers, with noise on each of them, L2-normalised; kept as float16. Queries are
further sights. Recall is against the exact search of the same features: share of its first ten answers that are among
the first ten, or hundred, of an index.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from star.search.exact import ExactIndex, Nearest
from star.search.faiss_index import FaissIndex, Recipe, build_index

WIDTH, LATENT, SIGHTS = 2048, 128, 20
BLOCK = 20_000
SPREAD, NOISE = 0.5, 0.02


def sights(people: np.ndarray, projection: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[n 2048] float32 features of one sight of each of n people [n 128]."""
    latent = people + SPREAD * rng.standard_normal(people.shape, np.float32)
    latent /= np.linalg.norm(latent, axis=1, keepdims=True)
    values = latent @ projection
    values += NOISE * rng.standard_normal(values.shape, np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def generate(items: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """[items 2048] float16 and [queries 2048] float32."""
    rng = np.random.default_rng(0)
    people = rng.standard_normal((-(-items // SIGHTS), LATENT), np.float32)
    projection = np.linalg.qr(rng.standard_normal((WIDTH, LATENT)))[0].T.astype(np.float32)
    gallery = np.empty((items, WIDTH), np.float16)
    for first in range(0, items, BLOCK):
        seen = np.arange(first, min(first + BLOCK, items)) % len(people)
        gallery[first : first + BLOCK] = sights(people[seen], projection, rng)
    return gallery, sights(people[rng.integers(len(people), size=queries)], projection, rng)


def blocks(gallery: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(gallery), BLOCK):
        yield gallery[first : first + BLOCK]


def recall(found: Nearest, exact: np.ndarray, depth: int) -> float:
    hits = [len(set(a[:depth].tolist()) & set(b.tolist())) for a, b in zip(found.items, exact, strict=True)]
    return float(np.sum(hits)) / exact.size


def stored_size(index: FaissIndex) -> float:
    """Gigabytes of the index in a file, which is what it needs in memory."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        index.save(Path(folder) / "index")
        return (Path(folder) / "index").stat().st_size / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--lists", type=int, default=1024)
    parser.add_argument("--train", type=int, default=60_000)
    parser.add_argument("--kinds", nargs="*", default=["flat", "ivf", "pq", "ivf_pq"])
    options = parser.parse_args()
    begun = time.perf_counter()
    gallery, queries = generate(options.items, options.queries)
    print(f"generated {gallery.shape} in {time.perf_counter() - begun:.0f} s", flush=True)
    print("| index | build s | index GB | probes | queries/s | one query ms | recall@10 | in 100 |")
    print("|---|---|---|---|---|---|---|---|")
    exact = measure("exact", ExactIndex(gallery), queries, None, 0.0, gallery.nbytes / 1e9)
    for kind in options.kinds:
        begun = time.perf_counter()
        recipe = Recipe(kind, options.lists, train=options.train)
        index = build_index(len(gallery), WIDTH, lambda rows: gallery[rows], blocks(gallery), recipe, 1)
        seconds, size = time.perf_counter() - begun, stored_size(index)
        for probes in (8, 32, 128) if "ivf" in kind else (1,):
            index.probes = probes
            measure(kind, index, queries, exact, seconds, size)
        del index
    print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


def measure(
    name: str,
    index: ExactIndex | FaissIndex,
    queries: np.ndarray,
    exact: np.ndarray | None,
    build: float,
    size: float,
) -> np.ndarray:
    """Search, print a line, and give the first ten answers."""
    index.search(queries[:1], 100)
    begun = time.perf_counter()
    found = index.search(queries, 100)
    rate = len(queries) / (time.perf_counter() - begun)
    begun = time.perf_counter()
    for row in range(3):
        index.search(queries[row : row + 1], 100)
    single = (time.perf_counter() - begun) / 3 * 1000
    wanted = found.items[:, :10] if exact is None else exact
    probes = index.probes if isinstance(index, FaissIndex) and (index.lists or 1) > 1 else ""
    shares = f"{recall(found, wanted, 10):.3f} | {recall(found, wanted, 100):.3f}"
    print(f"| {name} | {build:.0f} | {size:.2f} | {probes} | {rate:,.1f} | {single:,.0f} | {shares} |", flush=True)
    return wanted


if __name__ == "__main__":
    main()
