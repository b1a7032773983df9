"""Time and memory of re-ranking at the size of HITSZ-VCM: `pytest -s tests/benchmarks/bench_reranking.py`.

Every form is a process of its own, for peak memory is that of a process.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

QUERIES, GALLERY, IDENTITIES = 4584, 5099, 427
MOST_GIGABYTES = 1.5
"""Features, the matrix of similarities, and blocks; all pairs of items alone would be 0.4 in float32."""


@pytest.mark.parametrize(("form", "width"), [("k_reciprocal", 2048), ("temporal", 2048), ("k_reciprocal", 12_288)])
def test_blocks_keep_the_memory_small(form: str, width: int):
    command = [sys.executable, __file__, form, str(width)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    size = f"{QUERIES} x {GALLERY}, {width} numbers a feature"
    print(f"\n{form}, {size}: {found['seconds']:.1f} s, {found['gigabytes']:.2f} GB beside the features")
    assert found["gigabytes"] < MOST_GIGABYTES


def main(form: str, width: int) -> None:
    from star.evaluation.k_reciprocal import k_reciprocal
    from star.evaluation.temporal_k_reciprocal import Halves, temporal_k_reciprocal

    random = np.random.default_rng(0)
    centres = random.standard_normal((IDENTITIES, width), np.float32)

    def features(count: int) -> np.ndarray:
        rows = centres[random.integers(0, IDENTITIES, count)]
        rows += 1.5 * random.standard_normal((count, width), np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    query, gallery = features(QUERIES), features(GALLERY)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    if form == "temporal":
        temporal_k_reciprocal(Halves(query, query, query), Halves(gallery, gallery, gallery))
    else:
        k_reciprocal(query, gallery)
    seconds = time.perf_counter() - start
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"seconds": seconds, "gigabytes": more * 1024 / 1e9}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
