import numpy as np
import pytest

from star.models import draw_training
from star.models.draws import share_of_draws
from star.models.joint_graph import neighbours
from star.types import Share


def draw(seed=0, **options):
    return draw_training(np.random.default_rng(seed), clips=8, frames=3, **{"joints": True, **options})


def test_gains_and_channels():
    draws = draw(gain=(0.8, 1.2))
    assert draws.gains.shape == draws.channels.shape == (8, 3, 3)
    assert 0.8 <= draws.gains.min() < 0.9 and 1.1 < draws.gains.max() <= 1.2
    assert np.ptp(draws.gains[:4], axis=-1).min() > 0, "a visible channel has its own gain"
    assert np.ptp(draws.gains[4:], axis=-1).max() == 0, "an infrared frame has one gain"
    np.testing.assert_array_equal(np.sort(draws.channels, -1), np.broadcast_to(np.arange(3), (8, 3, 3)))
    assert len(np.unique(draws.channels[:4].reshape(-1, 3), axis=0)) > 2
    assert (draws.channels[4:] == np.arange(3)).all()


def test_rows_of_the_style_attack():
    draws = draw()
    visible, infrared = np.arange(12), np.arange(12, 24)
    np.testing.assert_array_equal(np.sort(draws.same_modality[:12]), visible)
    np.testing.assert_array_equal(np.sort(draws.same_modality[12:]), infrared)
    np.testing.assert_array_equal(np.sort(draws.other_modality[:12]), infrared)
    np.testing.assert_array_equal(np.sort(draws.other_modality[12:]), visible)


@pytest.mark.parametrize("graph", ["complete", "release"])
def test_dropout_masks(graph):
    first, features, second = draw(graph=graph, joint_dropout=0.3, joint_attention_dropout=0.6).dropout
    assert first.shape == (8, 2, 51, 51) and second.shape == (8, 1, 51, 51) and features.shape == (8, 51, 32)
    mask = neighbours(graph, 3)
    assert first[..., ~mask].all(), "nothing is dropped where there is no edge"
    assert first[..., mask].mean() == pytest.approx(0.4, abs=0.03)
    assert second[..., mask].mean() == pytest.approx(0.4, abs=0.03)
    assert features.mean() == pytest.approx(0.7, abs=0.03)
    assert draw(joints=False).dropout == ()


def test_the_generator_decides_everything():
    def flat(draws):
        return [*draws[:4], *draws.dropout]

    for one, two in zip(flat(draw(1)), flat(draw(1)), strict=True):
        np.testing.assert_array_equal(one, two)
    assert all((one != two).any() for one, two in zip(flat(draw(1)), flat(draw(2)), strict=True))


def test_shares_of_draws_point_at_the_same_frames():
    draws = draw()
    shares = [share_of_draws(draws, Share(rank, 2)) for rank in range(2)]
    clips = [np.array([0, 1, 4, 5]), np.array([2, 3, 6, 7])]
    rows = [(own[:, None] * 3 + np.arange(3)).reshape(-1) for own in clips]
    together = np.concatenate(rows)
    for share, own, own_rows in zip(shares, clips, rows, strict=True):
        np.testing.assert_array_equal(share.gains, draws.gains[own])
        np.testing.assert_array_equal(share.channels, draws.channels[own])
        np.testing.assert_array_equal(together[share.same_modality], draws.same_modality[own_rows])
        np.testing.assert_array_equal(together[share.other_modality], draws.other_modality[own_rows])
        assert share.same_modality.dtype == np.int32
        for mask, whole in zip(share.dropout, draws.dropout, strict=True):
            np.testing.assert_array_equal(mask, whole[own])
