from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from star.data.frames import FolderFrames
from star.data.sampler import default_batches, epoch_plan, unpaired_identities
from star.errors import DataError
from star.types import Split, Tracklet


def _split(counts):
    """Tracklets of {identity: (visible, infrared)}."""
    tracklets = [
        Tracklet(identity, 1, modality, (f"{identity}/{modality}/{n}",))
        for identity, numbers in counts.items()
        for modality, number in zip(("visible", "infrared"), numbers, strict=True)
        for n in range(number)
    ]
    return Split("train", FolderFrames(Path("folder")), tuple(tracklets))


UNEVEN = _split({10: (3, 5), 20: (1, 4), 30: (6, 2), 40: (4, 4), 50: (9, 1), 60: (0, 7), 70: (2, 2)})


def _plan(split=UNEVEN, **changes):
    return epoch_plan(split, **{"identities": 3, "tracklets": 2, "seed": 0, "epoch": 0, "batches": 40} | changes)


def _same(first, second):
    return all(np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


def test_rows_are_paired_by_identity_and_labels_are_positions():
    for batch in _plan():
        for row, label in enumerate(batch.labels):
            visible, infrared = UNEVEN.tracklets[batch.visible[row]], UNEVEN.tracklets[batch.infrared[row]]
            assert visible.modality == "visible" and infrared.modality == "infrared"
            assert visible.identity == infrared.identity == UNEVEN.identities[label]
        assert sorted(Counter(batch.labels.tolist()).values()) == [2, 2, 2]


def test_tracklets_of_a_batch_differ_where_there_are_enough():
    for batch in _plan(tracklets=4):
        for label in set(batch.labels.tolist()):
            rows = batch.labels == label
            for drawn, modality in ((batch.visible, "visible"), (batch.infrared, "infrared")):
                pool = [t for t in UNEVEN.tracklets if (t.identity, t.modality) == (UNEVEN.identities[label], modality)]
                assert len(set(drawn[rows].tolist())) == min(4, len(pool))


def test_identities_and_tracklets_are_dealt_evenly():
    plan = _plan(batches=41)
    identities = Counter(label for batch in plan for label in batch.labels[::2].tolist())
    assert len(identities) == 6 and max(identities.values()) - min(identities.values()) <= 1
    visible = Counter(position for batch in plan for position in batch.visible.tolist())
    for identity in (10, 30, 40, 50):
        uses = [visible[i] for i, t in enumerate(UNEVEN.tracklets) if (t.identity, t.modality) == (identity, "visible")]
        assert max(uses) - min(uses) <= 1


def test_a_plan_is_a_function_of_seed_and_epoch():
    assert _same(_plan(), _plan())
    assert _same(_plan(batches=40)[:7], _plan(batches=7))
    assert not _same(_plan(), _plan(seed=1)) and not _same(_plan(), _plan(epoch=1))
    assert not _same(_plan(seed=1, epoch=0), _plan(seed=0, epoch=1))


def test_default_length_counts_the_smaller_modality():
    split = _split({identity: (10, 7) for identity in range(8)})
    assert default_batches(split, identities=4, tracklets=2) == 7
    assert len(_plan(split, identities=4, batches=None)) == 7
    assert len(_plan(_split({1: (1, 1), 2: (1, 1)}), identities=2, batches=None)) == 1


def test_identities_of_one_modality_are_noted_and_left_out():
    assert "1 of 7" in unpaired_identities(UNEVEN.tracklets)[0] and unpaired_identities(UNEVEN.tracklets[:8]) == []
    assert all(UNEVEN.identities.index(60) not in batch.labels for batch in _plan())


def test_batch_larger_than_the_identities():
    with pytest.raises(DataError, match=r"batch larger than the identities: schedule\.identities=7 .* has 6"):
        _plan(identities=7)
