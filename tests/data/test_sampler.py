from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from star.data.batch_plan import check_plan
from star.data.frames import FolderFrames
from star.data.sampler import (
    DrawingSampler,
    MixedPlan,
    ModalityBlindSampler,
    PairedSampler,
    default_batches,
    epoch_plan,
    unpaired_identities,
)
from star.errors import DataError
from star.types import Split, Tracklet

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "m3_batches.npz")


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
    with pytest.raises(
        DataError, match=r"has 0 with tracklets in both .*; no batch can be made: give another data set"
    ):
        _plan(_split({1: (2, 0), 2: (0, 2)}), identities=1)


@pytest.mark.parametrize("batches", [None, 5])
def test_the_paired_sampler_gives_the_plans_above(batches):
    sampler = PairedSampler(UNEVEN, identities=3, tracklets=2, seed=4, batches=batches)
    assert sampler.batches_per_epoch == len(sampler.plan(0)) == (batches or 3)
    for epoch in range(3):
        assert _same(sampler.plan(epoch), _plan(seed=4, epoch=epoch, batches=batches))


@pytest.mark.parametrize("batches", [None, 1])
def test_samplers_refuse_too_many_identities_when_they_are_made(batches):
    with pytest.raises(DataError, match=r"schedule\.identities=7 .* has 6 with tracklets in both modalities"):
        PairedSampler(UNEVEN, identities=7, tracklets=2, seed=0, batches=batches)
    with pytest.raises(DataError, match=r"schedule\.identities=8 .* has 7 with tracklets; give .*=7 or less"):
        ModalityBlindSampler(UNEVEN, identities=8, tracklets=2, seed=0, batches=batches)


def _broken_laws(plan, split, *, identities, tracklets):
    """Laws of the modality-blind batches that a plan does not keep; it may go over the tracklets several times."""
    owner = np.searchsorted(split.identities, [t.identity for t in split.tracklets])
    sizes = Counter(owner.tolist())
    all_groups = {label: max(1, size // tracklets) for label, size in sizes.items()}
    left, seen, broken = dict(all_groups), set(), set()
    for batch in plan:
        if not np.array_equal(owner[batch.tracklets], batch.labels):
            broken.add("labels are those of the tracklets")
        rows = batch.labels.reshape(-1, tracklets)
        if (rows != rows[:, :1]).any():
            broken.add("K rows of one identity follow each other")
        dealt = rows[:, 0].tolist()
        if len(dealt) != identities or len(set(dealt)) != identities:
            broken.add("P different identities")
        if any(left[label] == 0 for label in dealt):
            if sum(number > 0 for number in left.values()) >= identities:
                broken.add("fresh groups only when those left are of too few identities")
            left, seen = dict(all_groups), set()
        for label in dealt:
            left[label] -= 1
        drawn = [position for position in batch.tracklets.tolist() if sizes[owner[position]] >= tracklets]
        if len(set(drawn)) < len(drawn) or seen & set(drawn):
            broken.add("no tracklet twice among the same groups")
        seen |= set(drawn)
    return broken


def _by_label(labels):
    return _split({label: ((labels == label).sum() // 2, -(-(labels == label).sum() // 2)) for label in set(labels)})


RELEASE = _by_label(np.sort(GOLDEN["track_identity"]))
FOUR = {"identities": 4, "tracklets": 4}


def _blind(split, **changes):
    return ModalityBlindSampler(split, **{"identities": 4, "tracklets": 4, "seed": 0} | changes)


def test_the_release_s_own_epoch_keeps_the_laws():
    labels = GOLDEN["track_identity"]
    order = GOLDEN["order"].reshape(-1, 16)
    split = Split("train", FolderFrames(Path("folder")), tuple(Tracklet(i, 1, "visible", ("f",)) for i in labels))
    plan = [MixedPlan(rows, labels[rows]) for rows in order]
    assert _broken_laws(plan, split, **FOUR) == set()
    assert len(plan) >= _blind(split).batches_per_epoch


@pytest.mark.parametrize("batches", [None, 5, 60])
def test_modality_blind_batches_of_the_release_s_tracklets(batches):
    sampler = _blind(RELEASE, batches=batches)
    assert sampler.batches_per_epoch == (batches or 9)
    for epoch in range(20):
        plan = sampler.plan(epoch)
        assert len(plan) == sampler.batches_per_epoch
        assert _broken_laws(plan, RELEASE, **FOUR) == set()
        assert {batch.tracklets.dtype for batch in plan} == {np.dtype(np.int64)}
        assert {batch.labels.dtype for batch in plan} == {np.dtype(np.int32)}


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any), min_size=4, max_size=9),
    identities=st.integers(2, 4),
    tracklets=st.integers(1, 5),
    epoch=st.integers(0, 99),
)
def test_modality_blind_batches_of_any_tracklets(counts, identities, tracklets, epoch):
    split, sizes = _split(dict(enumerate(counts))), {"identities": identities, "tracklets": tracklets}
    sure = _blind(split, **sizes).batches_per_epoch
    assert 1 <= sure <= sum(max(1, sum(numbers) // tracklets) for numbers in counts) // identities
    plan = _blind(split, **sizes, batches=3 * sure + 5).plan(epoch)
    assert len(plan) == 3 * sure + 5
    assert _broken_laws(plan, split, **sizes) == set()
    groups = Counter(label for batch in plan[:sure] for label in batch.labels[::tracklets].tolist())
    assert all(number <= max(1, sum(counts[label]) // tracklets) for label, number in groups.items())


def test_the_default_length_is_the_least_that_draws_give():
    """Of many draws one is as short; the length is no loss where there are many identities."""
    split = _split({0: (1, 1), 1: (1, 1), 2: (2, 2), 3: (2, 2), 4: (3, 3)})

    def natural(epoch):
        plan = _blind(split, identities=2, tracklets=2, batches=40).plan(epoch)
        used = Counter()
        for number, batch in enumerate(plan):
            used.update(batch.labels[::2].tolist())
            if any(used[label] > (1, 1, 2, 2, 3)[label] for label in used):
                return number
        raise AssertionError

    lengths = [natural(epoch) for epoch in range(300)]
    assert min(lengths) == 3 == _blind(split, identities=2, tracklets=2).batches_per_epoch < max(lengths)
    many = _split({identity: (10, 10) for identity in range(500)})
    assert _blind(many, tracklets=8).batches_per_epoch == 249
    few = _split({0: (3, 3), 1: (2, 2), 2: (5, 5)})
    assert _blind(few, identities=3, tracklets=1).batches_per_epoch == 4


def test_groups_mix_modalities_and_small_identities_are_drawn_with_replacement():
    sampler = _blind(_split({0: (8, 8), 1: (2, 1), 2: (0, 8), 3: (4, 4)}))
    plans = [sampler.plan(epoch)[0] for epoch in range(100)]
    by_label = [{label: plan.tracklets[plan.labels == label] for label in range(4)} for plan in plans]
    visible = Counter(int((rows[0] < 8).sum()) for rows in by_label)
    assert set(visible) >= {1, 2, 3} and max(visible, key=lambda count: visible[count]) == 2
    different = Counter(len(set(rows[1].tolist())) for rows in by_label)
    assert different[1] and different[2] and different[3]
    assert {position for rows in by_label for position in rows[2].tolist()} == set(range(19, 27))


def test_identities_are_taken_at_random_and_evenly():
    split = _split({identity: (2, 2) for identity in range(6)})
    sampler = _blind(split, identities=2)
    pairs = Counter(tuple(sorted(set(sampler.plan(epoch)[0].labels.tolist()))) for epoch in range(1500))
    assert len(pairs) == 15 and min(pairs.values()) > 60 and max(pairs.values()) < 145


def test_a_modality_blind_plan_is_a_function_of_seed_and_epoch():
    assert _same(_blind(RELEASE).plan(3), _blind(RELEASE).plan(3))
    assert _same(_blind(RELEASE, batches=30).plan(3)[:4], _blind(RELEASE, batches=4).plan(3))
    assert not _same(_blind(RELEASE).plan(0), _blind(RELEASE).plan(1))
    assert not _same(_blind(RELEASE).plan(0), _blind(RELEASE, seed=1).plan(0))
    assert not _same(_blind(RELEASE, seed=1).plan(0), _blind(RELEASE, seed=0).plan(1))


def _same_identity_twice(batch):
    rows, labels = batch.tracklets.copy(), batch.labels.copy()
    rows[4:8], labels[4:8] = rows[:4], labels[:4]
    return MixedPlan(rows, labels)


def _shifted_rows(batch):
    return MixedPlan(np.roll(batch.tracklets, 1), np.roll(batch.labels, 1))


def _wrong_label(batch):
    return batch._replace(labels=np.roll(batch.labels, 4))


@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (lambda plan: [_same_identity_twice(plan[0]), *plan[1:]], "P different identities"),
        (lambda plan: [MixedPlan(*(array[:12] for array in plan[0])), *plan[1:]], "P different identities"),
        (lambda plan: [_shifted_rows(plan[0]), *plan[1:]], "K rows of one identity follow each other"),
        (lambda plan: [_wrong_label(plan[0]), *plan[1:]], "labels are those of the tracklets"),
        (lambda plan: [plan[0], *plan], "no tracklet twice among the same groups"),
        (lambda plan: plan + plan, "fresh groups only when those left are of too few identities"),
    ],
)
def test_a_plan_that_breaks_a_law_is_found(spoil, law):
    plan = _blind(RELEASE).plan(0)
    assert law in _broken_laws(spoil(plan), RELEASE, **FOUR)


def test_drawn_batches_pair_identities_and_repeat_tracklets():
    sampler = DrawingSampler(UNEVEN, identities=3, tracklets=2, seed=0, batches=200)
    plan = sampler.plan(0)
    assert len(plan) == sampler.batches_per_epoch == 200
    check_plan(plan, UNEVEN, 6)
    repeated = 0
    for batch in plan:
        assert sorted(Counter(batch.labels.tolist()).values()) == [2, 2, 2]
        for row in range(0, 6, 2):
            identity = UNEVEN.identities[batch.labels[row]]
            if len([t for t in UNEVEN.tracklets if (t.identity, t.modality) == (identity, "visible")]) == 3:
                repeated += batch.visible[row] == batch.visible[row + 1]
    of_three = sum((batch.labels == UNEVEN.identities.index(10)).any() for batch in plan)
    assert repeated / of_three == pytest.approx(1 / 3, abs=0.15), "two of three tracklets, with replacement"


def test_drawn_batches_depend_on_seed_and_epoch_alone_and_deal_nothing_out():
    def labels(seed: int, epoch: int) -> list[list[int]]:
        sampler = DrawingSampler(UNEVEN, identities=2, tracklets=1, seed=seed, batches=3)
        return [batch.labels.tolist() for batch in sampler.plan(epoch)]

    assert labels(0, 1) == labels(0, 1) and labels(0, 1) != labels(1, 1)
    dealt = [len({label for batch in labels(0, epoch) for label in batch}) for epoch in range(50)]
    assert min(dealt) < 6, "six identities with both modalities, of which a batch takes two whatever came before"


def test_drawn_batches_are_as_many_as_those_dealt():
    paired, drawn = (kind(UNEVEN, identities=3, tracklets=2, seed=0) for kind in (PairedSampler, DrawingSampler))
    assert drawn.batches_per_epoch == paired.batches_per_epoch == default_batches(UNEVEN, identities=3, tracklets=2)
