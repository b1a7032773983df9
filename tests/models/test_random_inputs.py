from typing import Any

import numpy as np
import pytest

from star.models.joint_graph import neighbours
from star.models.random_inputs import KEEP_MASKS, draw_dropout, draw_style, draws_of_step, share_rows, share_styles
from star.types import Share


def style(seed=0, **options):
    return draw_style(np.random.default_rng(seed), 8, 3, **options)


def dropout(seed=0, graph="complete"):
    rates: dict[str, Any] = {"graph": graph, "dropout": 0.3, "attention_dropout": 0.6}
    masks = draw_dropout(np.random.default_rng(seed), 8, 3, **rates)
    return [masks[name] for name in KEEP_MASKS]


def test_gains_and_channels():
    draws = style(gain=(0.8, 1.2))
    gains, channels = draws["gains"], draws["channels"]
    assert gains.shape == channels.shape == (8, 3, 3)
    assert 0.8 <= gains.min() < 0.9 and 1.1 < gains.max() <= 1.2
    assert np.ptp(gains[:4], axis=-1).min() > 0, "a visible channel has its own gain"
    assert np.ptp(gains[4:], axis=-1).max() == 0, "an infrared frame has one gain"
    np.testing.assert_array_equal(np.sort(channels, -1), np.broadcast_to(np.arange(3), (8, 3, 3)))
    assert len(np.unique(channels[:4].reshape(-1, 3), axis=0)) > 2
    assert (channels[4:] == np.arange(3)).all()


def test_gains_of_a_clip_are_those_of_its_first_frame_and_orders_can_stay():
    frame, clip, plain = style(), style(per="clip"), style(per="clip", permute=False)
    for name in ("gains", "channels"):
        np.testing.assert_array_equal(clip[name], np.repeat(frame[name][:, :1], 3, axis=1))
    np.testing.assert_array_equal(plain["gains"], clip["gains"])
    assert (plain["channels"] == np.arange(3)).all() and not np.array_equal(clip["channels"], plain["channels"])
    for name in ("same_modality", "other_modality"):
        np.testing.assert_array_equal(plain[name], frame[name])


def test_rows_of_the_style_attack():
    draws = style()
    visible, infrared = np.arange(12), np.arange(12, 24)
    np.testing.assert_array_equal(np.sort(draws["same_modality"][:12]), visible)
    np.testing.assert_array_equal(np.sort(draws["same_modality"][12:]), infrared)
    np.testing.assert_array_equal(np.sort(draws["other_modality"][:12]), infrared)
    np.testing.assert_array_equal(np.sort(draws["other_modality"][12:]), visible)


@pytest.mark.parametrize("graph", ["complete", "release"])
def test_dropout_masks(graph):
    first, features, second = dropout(graph=graph)
    assert first.shape == (8, 2, 51, 51) and second.shape == (8, 1, 51, 51) and features.shape == (8, 51, 32)
    mask = neighbours(graph, 3)
    assert first[..., ~mask].all(), "nothing is dropped where there is no edge"
    assert first[..., mask].mean() == pytest.approx(0.4, abs=0.03)
    assert second[..., mask].mean() == pytest.approx(0.4, abs=0.03)
    assert features.mean() == pytest.approx(0.7, abs=0.03)


def test_the_generator_decides_everything():
    def flat(seed):
        return [*style(seed).values(), *dropout(seed)]

    for one, two in zip(flat(1), flat(1), strict=True):
        np.testing.assert_array_equal(one, two)
    assert all((one != two).any() for one, two in zip(flat(1), flat(2), strict=True))


def test_shares_of_draws_point_at_the_same_frames():
    draws = style()
    shares = [share_styles(draws, 8, Share(rank, 2)) for rank in range(2)]
    clips = [np.array([0, 1, 4, 5]), np.array([2, 3, 6, 7])]
    rows = [(own[:, None] * 3 + np.arange(3)).reshape(-1) for own in clips]
    together = np.concatenate(rows)
    for share, own, own_rows in zip(shares, clips, rows, strict=True):
        np.testing.assert_array_equal(share["gains"], draws["gains"][own])
        np.testing.assert_array_equal(share["channels"], draws["channels"][own])
        np.testing.assert_array_equal(together[share["same_modality"]], draws["same_modality"][own_rows])
        np.testing.assert_array_equal(together[share["other_modality"]], draws["other_modality"][own_rows])
        assert share["same_modality"].dtype == np.int32


def test_rows_of_clips_and_of_frames_are_cut_and_other_arrays_are_not():
    drawn = {"clips": np.arange(8), "frames": np.arange(24), "all": np.arange(5), "one": np.float32(3)}
    halves = share_rows(drawn, 8, Share(1, 2))
    assert halves["clips"].tolist() == [2, 3, 6, 7]
    assert halves["frames"].tolist() == [*range(6, 12), *range(18, 24)]
    assert halves["all"].tolist() == [0, 1, 2, 3, 4] and halves["one"] == 3
    assert share_rows(drawn, 8, Share(1, 2), halves=False)["clips"].tolist() == [4, 5, 6, 7]


class Drawing:
    def random_inputs(self, rng, clips, frames):
        return {"noise": rng.random((clips, frames))}


def test_a_new_part_has_a_stream_of_its_own_and_changes_no_other():
    options: dict[str, Any] = {"seed": 3, "clips": 4, "frames": 2, "accumulation": 2}
    alone, beside = (draws_of_step(parts, **options) for parts in ({"a": Drawing()}, {"a": Drawing(), "b": Drawing()}))
    assert len(alone(0)) == 2 and alone(0)[0].keys() == {"a.noise"} and beside(0)[0].keys() == {"a.noise", "b.noise"}
    for one, two in zip(alone(5), beside(5), strict=True):
        np.testing.assert_array_equal(one["a.noise"], two["a.noise"])
        assert (two["a.noise"] != two["b.noise"]).any()
    assert (alone(5)[0]["a.noise"] != alone(5)[1]["a.noise"]).any()
    assert (alone(5)[0]["a.noise"] != alone(6)[0]["a.noise"]).any()
