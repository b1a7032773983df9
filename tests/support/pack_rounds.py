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
from star.config.pack_command import COMMAND, RULES, PackConfig
from star.engine.build_data import load_data, train_loader
from star.engine.pack_data import pack_data

BATCHES, FRAMES = 50, 12


def main() -> None:
    """Pack, then serve."""
    path, given, packing = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    if packing:
        pack_data(read_command([*given, f"pack.out={path}", *packing], COMMAND, PackConfig, RULES))
        given = [*given, f"dataset.pack={path}"]
    given = [*given, "experiment=baseline", "dataset.height=288", "dataset.width=144", f"dataset.frames={FRAMES}"]
    given += ["hardware.loader_workers=1", "seed=0", "schedule.tracklets=2"]
    config = check_overrides([*given, "schedule.identities=2", f"schedule.batches_per_epoch={BATCHES}"])
    data = load_data(config)

    digest = hashlib.sha256()
    for batch in train_loader(config, data).epoch(0):
        for array in batch:
            digest.update(array.tobytes())
    print(json.dumps(digest.hexdigest()), flush=True)

    loader = train_loader(check_overrides([*given, "schedule.identities=4", "schedule.batches_per_epoch=2"]), data)
    for _ in sys.stdin:
        start = time.process_time()
        for _ in loader.epoch(0):
            pass
        print(json.dumps(time.process_time() - start), flush=True)


if __name__ == "__main__":
    main()
