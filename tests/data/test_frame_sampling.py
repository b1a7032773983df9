import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from star.data.frame_sampling import clip_positions


@pytest.mark.parametrize(
    ("length", "frames", "expected"),
    [
        (12, 4, [0, 3, 6, 9]),
        (13, 4, [0, 4, 8, 12]),
        (10, 4, [0, 3, 6, 9]),
        (9, 4, [0, 3, 6, 8]),
        (3, 4, [0, 1, 2, 2]),
        (1, 3, [0, 0, 0]),
        (24, 12, list(range(0, 24, 2))),
    ],
)
def test_first_frame_of_each_chunk(length, frames, expected):
    assert clip_positions(length, frames).tolist() == expected


@settings(deadline=None, derandomize=True, database=None)
@given(st.integers(1, 200), st.integers(1, 24), st.integers(0, 99))
def test_a_draw_comes_from_its_chunk_of_the_padded_tracklet(length, frames, seed):
    chunk = -(-length // frames)
    padded = list(range(length)) + [length - 1] * (chunk * frames - length)
    drawn = clip_positions(length, frames, np.random.default_rng(seed))
    assert len(drawn) == frames
    assert all(position in padded[i * chunk : (i + 1) * chunk] for i, position in enumerate(drawn))


def test_every_frame_of_a_chunk_is_drawn():
    rng = np.random.default_rng(0)
    drawn = np.array([clip_positions(20, 5, rng) for _ in range(200)])
    assert [sorted(set(column)) for column in drawn.T.tolist()] == [list(range(4 * i, 4 * i + 4)) for i in range(5)]
