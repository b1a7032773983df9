"""Packs a data set with the code of one checkout, and reads it round by round when asked to.

`python pack_rounds.py FILE OVERRIDES PACKING...` (PYTHONPATH names the checkout; OVERRIDES is a JSON list about the
data set, PACKING are those of `star-pack`, none: the folder is read): prints the checksum of 50 training batches, then
for each line of standard input the processor seconds of a round of 384 frames.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time

from star.config.check import check_overrides
from star.config.commands import read_command
from star.config.pack import COMMAND, RULES, PackConfig
from star.data.loader import TrainLoader
from star.engine.build_data import load_data
from star.engine.pack_data import pack_data

BATCHES, FRAMES = 50, 12


def main() -> None:
    """Pack, then serve."""
    path, given, packing = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    if packing:
        pack_data(read_command([*given, f"pack.out={path}", *packing], COMMAND, PackConfig, RULES))
        given = [*given, f"dataset.pack={path}"]
    split = load_data(check_overrides(["experiment=baseline", *given])).train
    augmentation = {"pad": 10, "flip": 0.5, "erase": 0.5, "erase_area": (0.02, 0.4), "erase_aspect": (0.3, 3.3)}
    options = {"frames": FRAMES, "height": 288, "width": 144, "workers": 1, "seed": 0, **augmentation}

    digest = hashlib.sha256()
    for batch in TrainLoader(split, identities=2, tracklets=2, batches=BATCHES, **options).epoch(0):
        for array in batch:
            digest.update(array.tobytes())
    print(json.dumps(digest.hexdigest()), flush=True)

    loader = TrainLoader(split, identities=4, tracklets=2, batches=2, **options)
    for _ in sys.stdin:
        start = time.process_time()
        for _ in loader.epoch(0):
            pass
        print(json.dumps(time.process_time() - start), flush=True)


if __name__ == "__main__":
    main()
