"""BUPTCampus against a miniature in its layout; what the official code keeps is counted again here, line by line."""

from pathlib import Path

import numpy as np
import pytest
from support.loaders import train_loader
from support.tiny_bupt import TinyBupt, write_tiny_bupt
from support.tiny_vcm import plain_joints

from star.data import bupt_campus
from star.data.bupt_campus import read_bupt_campus
from star.data.dataset_report import check_dataset, format_report
from star.data.decode import load_frame
from star.data.matches import count_valid
from star.data.subset import limit_identities
from star.errors import DataError
from star.pose.frame_list import list_frames
from star.types import VideoReIDData


def _sizes(data: VideoReIDData) -> dict[str, int]:
    return {split.name: len(split.tracklets) for split in data.splits}


def test_the_lists_become_five_splits(pattern: TinyBupt):
    data = read_bupt_campus(pattern.root)
    assert _sizes(data) == {
        "train": 16,
        **{"infrared query": 3, "visible gallery": 6, "visible query": 3, "infrared gallery": 6},
    }
    sides = {"i2v": ("infrared", "visible"), "v2i": ("visible", "infrared")}
    for direction, pair in data.test.items():
        query, gallery = sides[direction]
        assert {t.modality for t in pair.query.tracklets} == {query}
        assert {t.modality for t in pair.gallery.tracklets} == {gallery}
    assert data.train.identities == (1, 2, 3, 4) and data.notes == ()
    infrared, visible = data.train.tracklets[:2]
    assert (infrared.identity, infrared.camera, infrared.modality) == (1, 1, "infrared")
    assert infrared.frames == tuple(f"1/ir/G25/1_IR_G25_1_{8635 + n}" for n in range(4))
    assert visible.frames[0] == "1/rgb/G25/1_RGB_G25_1_8635" and visible.camera == 1
    assert data.train.frames.name(visible.frames[0]) == f"{pattern.root}/DATA/1/RGB/G25/1_RGB_G25_1_8635.jpg"
    assert all(load_frame(s.frames, key).shape == (48, 24, 3) for s in data.splits for key in s.tracklets[0].frames)


def _official_counts(root: Path) -> dict[str, tuple[int, int, int]]:
    """Queries, queries with a match and gallery of each direction, as the official test code would have them.

    Its sampler makes one list of the positions of each modality in file order, cuts the visible one, and the ranking
    skips queries whose identity is not in the gallery; cameras play no part.
    """
    ranked = {}
    for name in ("query", "gallery"):
        lines = [line.split() for line in (root / f"{name}.txt").read_text().splitlines()]
        visible = [number for number, line in enumerate(lines) if line[1] == "RGB"]
        while len(visible) % 64:
            visible.pop()
        infrared = [number for number, line in enumerate(lines) if line[1] == "IR"]
        ranked[name] = {"RGB": [lines[n][0] for n in visible], "IR": [lines[n][0] for n in infrared]}
    counts = {}
    for direction, query, gallery in (("i2v", "IR", "RGB"), ("v2i", "RGB", "IR")):
        queries, items = ranked["query"][query], ranked["gallery"][gallery]
        counts[direction] = (len(queries), sum(identity in items for identity in queries), len(items))
    return counts


def _counts(data: VideoReIDData) -> dict[str, tuple[int, int, int]]:
    return {
        direction: (len(p.query.tracklets), count_valid(p, data.same_camera_filter), len(p.gallery.tracklets))
        for direction, p in data.test.items()
    }


def test_official_drop64_has_the_counts_of_the_official_code(many: TinyBupt):
    data = read_bupt_campus(many.root, protocol="official_drop64")
    assert _counts(data) == _official_counts(many.root) == {"i2v": (71, 64, 128), "v2i": (64, 64, 139)}
    assert not data.same_camera_filter
    assert data.protocol == "bupt_campus official_drop64: 1-frame filter, no same-camera filter"
    full = read_bupt_campus(many.root)
    for direction, pair in full.test.items():
        for whole, kept in zip(pair, data.test[direction], strict=True):
            assert whole.tracklets[: len(kept.tracklets)] == kept.tracklets


def test_full_ranks_everything_with_or_without_the_camera_filter(many: TinyBupt):
    data = read_bupt_campus(many.root)
    assert data.protocol == "bupt_campus full: 1-frame filter, same-camera filter"
    assert _counts(data) == {"i2v": (71, 47, 139), "v2i": (68, 46, 139)}
    without = read_bupt_campus(many.root, same_camera_filter=False)
    assert without.protocol == "bupt_campus full: 1-frame filter, no same-camera filter"
    assert _counts(without) == {"i2v": (71, 71, 139), "v2i": (68, 68, 139)}
    filtered = read_bupt_campus(many.root, protocol="official_drop64", same_camera_filter=True)
    assert filtered.protocol.endswith("1-frame filter, same-camera filter")
    assert _counts(filtered)["i2v"][1] < 64


@pytest.mark.parametrize("visible", [3, 64])
def test_official_drop64_leaves_nothing_of_few_and_of_exact_multiples(tmp_path: Path, visible: int):
    """The official slice `[:-(n % 64)]` is empty for n = 64 too."""
    small = write_tiny_bupt(tmp_path, identities=2, infrared_queries=2, visible_queries=visible, frames=1)
    with pytest.raises(DataError, match=rf"none of the {visible} visible query .* dataset\.protocol=full"):
        read_bupt_campus(small.root, protocol="official_drop64")


def test_the_auxiliary_set_joins_the_training_set_only(pattern: TinyBupt, root: Path):
    data = read_bupt_campus(pattern.root, auxiliary=True)
    assert data.train.identities == (1, 2, 3, 4, 5, 6) and len(data.train.tracklets) == 20
    plain = read_bupt_campus(pattern.root)
    assert (data.test.keys(), data.protocol, data.fingerprint) == (plain.test.keys(), plain.protocol, plain.fingerprint)
    for file in (*root.glob("*.h5"), root / "train_auxiliary.txt"):
        file.unlink()
    assert _sizes(read_bupt_campus(root)) == _sizes(plain)
    with pytest.raises(DataError, match=r"train_auxiliary\.txt is missing, and dataset\.auxiliary=true"):
        read_bupt_campus(root, auxiliary=True)


def test_fake_infrared_frames_stand_in_for_visible_ones(pattern: TinyBupt):
    data, plain = read_bupt_campus(pattern.root, fake_infrared=True), read_bupt_campus(pattern.root)
    for split, real in zip(data.splits, plain.splits, strict=True):
        assert split.tracklets == real.tracklets
        for key in (t.frames[0] for t in split.tracklets):
            fake, true = split.frames.name(key), real.frames.name(key)
            assert fake == true.replace("/RGB/", "/FakeIR/") and Path(fake).is_file()
    key = next(t.frames[0] for t in data.train.tracklets if t.modality == "visible")
    fake, true = (np.ptp(load_frame(source.train.frames, key), axis=2) for source in (data, plain))
    assert fake.max() == 0 < true.max()


def test_batches_pair_modalities_of_primary_and_auxiliary_identities(pattern: TinyBupt):
    data = read_bupt_campus(pattern.root, auxiliary=True, fake_infrared=True)
    moves = {"pad": 2, "flip": 0.5, "erase": 0.0}
    shape = {"frames": 2, "height": 32, "width": 16}
    loader = train_loader(data.train, **shape, **moves, identities=6, workers=1, batches=1)
    (batch,) = loader.epoch(0)
    assert sorted(set(batch.identities.tolist())) == [0, 1, 2, 3, 4, 5]
    assert np.ptp(batch.visible, axis=-1).max() <= 1 and batch.visible_joints[..., 2].max() > 0


def test_skeletons_have_the_keys_of_the_frames(pattern: TinyBupt, root: Path):
    data = read_bupt_campus(pattern.root, auxiliary=True)
    for split in data.splits:
        assert split.skeletons is not None
        assert np.array_equal(np.asarray(split.skeletons.read(split.tracklets[-1].frames[0])), plain_joints())
    lists = list_frames(pattern.root, "bupt_campus")
    assert {split: list(listed.keys) for split, listed in lists.items()} == pattern.keys
    assert lists["test"].names[0] == Path(lists["test"].frames.name(lists["test"].keys[0])).name
    (root / "dataset-train.h5").rename(root / "a.h5")
    (root / "dataset-test.h5").rename(root / "dataset-train.h5")
    (root / "a.h5").rename(root / "dataset-test.h5")
    with pytest.raises(DataError, match="of another data set or split"):
        read_bupt_campus(root)


def test_limit_and_shortest_tracklet(pattern: TinyBupt):
    data = limit_identities(read_bupt_campus(pattern.root), 3)
    assert data.train.identities == (1, 2, 3) and data.protocol.endswith("first 3 identities")
    assert {t.identity for s in data.test_splits for t in s.tracklets} == {7, 8, 9}
    assert read_bupt_campus(pattern.root, min_frames=4).protocol.startswith("bupt_campus full: 4-frame filter")
    with pytest.raises(DataError, match=r"no train tracklet has 5 frames or more"):
        read_bupt_campus(pattern.root, min_frames=5)


def test_fingerprint_follows_the_index_but_not_the_place(root: Path, pattern: TinyBupt):
    before = read_bupt_campus(pattern.root).fingerprint
    assert read_bupt_campus(root).fingerprint == before
    with (root / "query.txt").open("a") as file:
        file.write((root / "query.txt").read_text().splitlines()[0] + "\n")
    for file in root.glob("*.h5"):
        file.unlink()
    assert read_bupt_campus(root).fingerprint != before


def test_published_counts_are_checked_where_one_is_met(many: TinyBupt, monkeypatch: pytest.MonkeyPatch):
    assert read_bupt_campus(many.root).notes == ()
    monkeypatch.setattr(bupt_campus, "_PUBLISHED", {**bupt_campus._PUBLISHED, "infrared queries": 71})
    notes = read_bupt_campus(many.root).notes
    assert "not the published BUPTCampus: 2 training identities, 1,074 published" in notes
    assert "not the published BUPTCampus: 68 visible queries, 540 published" in notes
    assert not any("infrared queries," in note or "auxiliary" in note or "kept" in note for note in notes)
    notes = read_bupt_campus(many.root, protocol="official_drop64").notes
    assert "not the published BUPTCampus: 64 visible queries kept, 512 published" in notes
    assert "not the published BUPTCampus: 128 visible gallery tracklets kept, 2,368 published" in notes
    assert "not the published BUPTCampus: 64 infrared queries with a match, 522 published" in notes


def test_the_check_says_what_each_direction_ranks(pattern: TinyBupt):
    text = format_report(check_dataset(read_bupt_campus(pattern.root)))
    assert "3 infrared queries, 2 with a match among 6 visible gallery tracklets" in text
    assert "3 visible queries, 2 with a match among 6 infrared gallery tracklets" in text
    assert "136 checked, 0 bad" in text and "visible query" in text
