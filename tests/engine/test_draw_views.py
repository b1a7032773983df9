"""Which clips are drawn."""

from __future__ import annotations

from pathlib import Path

from star.data.hitsz_vcm import read_hitsz_vcm
from star.engine.draw_views import choose_clips


def chosen(root: Path, count: int, seed: int = 0) -> dict[str, list[tuple[int, str]]]:
    found = choose_clips(read_hitsz_vcm(root), count, seed)
    return {
        split.name: [(split.tracklets[n].identity, split.tracklets[n].frames[0]) for n in numbers]
        for split, numbers in found
    }


def test_both_modalities_show_the_same_identities(tiny_root: Path):
    found = chosen(tiny_root, 4)
    assert found.keys() == {"query", "gallery"}
    visible, infrared = ({identity for identity, _ in found[name]} for name in ("gallery", "query"))
    assert visible == infrared and len(visible) == 2


def test_the_choice_follows_the_seed(tiny_root: Path):
    assert chosen(tiny_root, 3) == chosen(tiny_root, 3)
    assert len({str(chosen(tiny_root, 3, seed)) for seed in range(5)}) > 1


def test_no_more_clips_than_there_are_and_none_twice(tiny_root: Path):
    data = read_hitsz_vcm(tiny_root)
    found = choose_clips(data, 1000)
    assert sum(len(numbers) for _, numbers in found) == sum(len(split.tracklets) for split in data.test_splits)
    assert all(len(set(numbers)) == len(numbers) for _, numbers in found)
    assert [(split.name, len(numbers)) for split, numbers in choose_clips(data, 1)] == [("gallery", 1)]
