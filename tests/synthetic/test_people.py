"""What an identity is made of, and that nothing of it reaches the skeletons without being in the pixels."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from star.data.coco_joints import LEFT_RIGHT
from star.synthetic.body_parts import PARTS, Part, paint
from star.synthetic.camera import draw_cameras
from star.synthetic.estimator_errors import estimate
from star.synthetic.levels import Levels
from star.synthetic.person import draw_person
from star.synthetic.sensor import Quality
from star.synthetic.tracklet import Passage, Recording, record
from star.synthetic.walk import draw_jitter, walk
from star.types import Modality

SEED = 11


def film(levels: Levels, identity: int, camera: int, tracklet: int = 1, frames: int = 12) -> Recording:
    return record(levels, SEED, Passage("train", identity, draw_cameras(levels, SEED)[camera], tracklet, 1, frames))


def test_people_differ_in_body_gait_and_clothes(levels: Levels):
    people = [draw_person(levels, SEED, identity) for identity in range(1, 31)]
    for part in ("body", "gait"):
        traits = np.array([astuple(getattr(person, part)) for person in people])
        assert np.all(traits.std(axis=0) > 0.01 * np.abs(traits).mean(axis=0)), part
    outfits = [person.outfit for person in people]
    assert {outfit.bag_kind for outfit in outfits} == {None, "backpack", "shoulder", "hand"}
    assert {outfit.cut for outfit in outfits} == {"trousers", "shorts", "skirt"}
    assert {o.upper.pattern for o in outfits} == {None, "horizontal", "vertical", "block", "two_tone"}
    assert len({outfit.upper.colour for outfit in outfits}) == 30


def test_without_variation_all_bodies_and_gaits_are_alike_and_clothes_still_differ(levels: Levels):
    alike = replace(levels, body_variation=0.0, gait_variation=0.0)
    first, second = (draw_person(alike, SEED, identity) for identity in (1, 2))
    assert (first.body, first.gait) == (second.body, second.gait)
    assert first.outfit != second.outfit
    steps = [
        walk(p.body, p.gait, 12, 12.0, draw_jitter(np.random.default_rng(0), 0.05)).joints for p in (first, second)
    ]
    np.testing.assert_array_equal(steps[0], steps[1])


def test_feet_stand_on_the_ground_and_limbs_keep_their_length(levels: Levels):
    person = draw_person(levels, SEED, 3)
    steps = walk(person.body, person.gait, 60, 12.0, draw_jitter(np.random.default_rng(0), 0.0))
    lowest = np.minimum(steps.toes[..., 2], steps.heels[..., 2]).min(axis=1)
    assert lowest.min() > 0
    assert lowest.max() < 0.09
    for start, end, length in ((11, 13, person.body.thigh), (14, 16, person.body.shank), (7, 9, person.body.forearm)):
        np.testing.assert_allclose(
            np.linalg.norm(steps.joints[:, start] - steps.joints[:, end], axis=1), length, rtol=1e-6
        )
    height = (steps.head + 0.5 * person.body.head * steps.head_axes[:, 2])[:, 2] - lowest
    assert abs(height.mean() - person.body.height) < 0.1
    assert np.ptp(steps.joints[:, 15, 0] - steps.joints[:, 16, 0]) > 0.6


def test_infrared_brightness_does_not_follow_colour(levels: Levels):
    outfits = [draw_person(levels, SEED, identity).outfit for identity in range(1, 401)]
    for garment in ("upper", "lower"):
        colours = np.array([getattr(o, garment).colour for o in outfits])
        brightness = np.array([getattr(o, garment).brightness for o in outfits])
        design = np.column_stack([colours, colours**2, np.ones(len(colours))])
        fit = design @ np.linalg.lstsq(design, brightness, rcond=None)[0]
        explained = 1 - np.var(brightness - fit) / np.var(brightness)
        assert explained < 0.05, garment
        assert brightness.std() > 0.1, garment


@pytest.mark.parametrize("link", [0.0, 0.5, 1.0])
def test_infrared_brightness_follows_how_light_the_colour_is_by_the_level(levels: Levels, link: float):
    garments = [
        draw_person(replace(levels, infrared_link=link), SEED, identity).outfit.upper for identity in range(1, 301)
    ]
    for colour, brightness in (("colour", "brightness"), ("second_colour", "second_brightness")):
        light = np.array([getattr(g, colour) for g in garments]) @ (0.299, 0.587, 0.114)
        seen = np.array([getattr(g, brightness) for g in garments])
        correlation = np.corrcoef(light, seen)[0, 1]
        low, high = {0.0: (-0.15, 0.15), 0.5: (0.5, 0.9), 1.0: (0.999, 1.0)}[link]
        assert low < correlation <= high + 1e-9, (colour, correlation)
        assert seen.min() >= 0.05
        assert seen.max() <= 0.92


def test_the_link_changes_nothing_else_of_a_person(levels: Levels):
    plain, linked = (draw_person(replace(levels, infrared_link=link), SEED, 3) for link in (0.0, 0.7))
    assert (plain.body, plain.gait) == (linked.body, linked.gait)
    assert plain.outfit.upper.colour == linked.outfit.upper.colour
    assert (plain.outfit.cut, plain.outfit.bag_kind) == (linked.outfit.cut, linked.outfit.bag_kind)


def test_skin_is_the_hottest_part_in_infrared(levels: Levels):
    for identity in range(1, 20):
        table = paint(draw_person(levels, SEED, identity).outfit, "infrared")
        assert table.shape == (PARTS, 1)
        assert table[Part.FACE] == table.max()
        assert table[Part.HAND_L] > max(table[p] for p in (Part.TORSO, Part.HIPS, Part.BAG, Part.HAIR))


def test_patterns_show_in_infrared_only_where_two_materials_meet(levels: Levels):
    for share, expected in ((0.0, False), (1.0, True)):
        drawn = [draw_person(replace(levels, infrared_patterns=share), SEED, i).outfit.upper for i in range(1, 30)]
        differs = [g.second_brightness != g.brightness for g in drawn]
        assert any(differs) == expected
        assert all(g.second_colour != g.colour for g in drawn)


@pytest.mark.parametrize("camera", [0, 1, 2, 3])
def test_true_joints_lie_on_the_drawn_person(levels: Levels, camera: int):
    on, total, hidden = 0, 0, 0
    for identity in range(1, 9):
        recording = film(levels, identity, camera)
        cells = np.rint(recording.true_joints).astype(int)
        x, y = cells[..., 0], cells[..., 1]
        inside = (x >= 1) & (y >= 1) & (x < levels.width - 1) & (y < levels.height - 1)
        assert inside.mean() > 0.9
        near = np.stack([_dilated(frame) for frame in recording.cover])
        rows = np.broadcast_to(np.arange(len(cells))[:, None], x.shape)[inside]
        on += int((near[rows, y[inside], x[inside]] > 0.2).sum())
        total += int(inside.sum())
        hidden += int(recording.hidden.sum())
    assert on / total > 0.99
    assert 0.05 < hidden / total < 0.6


def _dilated(cover: np.ndarray) -> np.ndarray:
    padded = np.pad(cover, 1)
    height, width = cover.shape
    return np.max([padded[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)


def test_the_body_leaves_its_mark_on_the_frames(levels: Levels):
    """What changes the skeleton changes the pixels: same clothes and draws, other body or gait."""
    for level in ("body_variation", "gait_variation"):
        plain, varied = (film(replace(levels, **{level: amount}), 4, 1) for amount in (0.0, 1.0))
        moved = np.linalg.norm(plain.true_joints - varied.true_joints, axis=-1).mean()
        changed = np.abs(plain.cover - varied.cover).mean() / plain.cover.mean()
        assert moved > 0.5, level
        assert changed > 0.05, level


def test_the_size_of_the_noise_does_not_depend_on_the_identity(levels: Levels):
    levels = replace(levels, low_resolution=1.0, blur=0.0, joint_swap=0.0, joint_dropout=0.0)
    scores = []
    for identity in range(1, 11):
        of_walks = []
        for tracklet in range(1, 7):
            seen = film(levels, identity, 0, tracklet)
            shift = np.linalg.norm(seen.joints[..., :2] - seen.true_joints, axis=-1)
            of_walks.append(shift[:, 5:7][~seen.hidden[:, 5:7]].mean())
        scores.append(of_walks)
    values = np.array(scores)
    between = values.mean(axis=1).var(ddof=1) * values.shape[1]
    within = values.var(axis=1, ddof=1).mean()
    assert between / within < 3.0  # F(9, 50): 3.0 is exceeded with probability 0.006 by equal noise


def _estimate(levels: Levels, hidden: np.ndarray, joints: np.ndarray, modality: Modality = "visible"):
    return estimate(joints.copy(), hidden, levels, modality, Quality(1.0, 0.0), np.random.default_rng(0))


@pytest.fixture
def still(levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """400 frames of one standing posture in the middle of the frame, nothing hidden."""
    middle = np.array([levels.width, levels.height]) / 2
    posture = middle + np.random.default_rng(0).uniform(-0.25, 0.25, (17, 2)) * [levels.width, levels.height]
    return np.tile(posture, (400, 1, 1)), np.zeros((400, 17), bool)


def test_the_estimator_without_any_level_reports_the_truth(levels: Levels, still):
    joints, hidden = still
    clean = replace(levels, joint_noise=0.0, joint_swap=0.0, joint_dropout=0.0, skeleton_missing=0.0)
    found, present = _estimate(clean, hidden, joints)
    np.testing.assert_allclose(found[..., :2], joints, atol=1e-4)
    assert present.all()
    assert found[..., 2].min() > 0.7


def test_noise_grows_with_its_level_in_infrared_and_where_joints_are_hidden(levels: Levels, still):
    joints, hidden = still
    calm = replace(levels, joint_swap=0.0, joint_dropout=0.0)

    def error(levels: Levels, hidden: np.ndarray, modality: Modality = "visible") -> tuple[float, float]:
        found, _ = _estimate(levels, hidden, joints, modality)
        return np.linalg.norm(found[..., :2] - joints, axis=-1).mean(), found[..., 2].mean()

    base, sure = error(calm, hidden)
    assert error(replace(calm, joint_noise=2 * calm.joint_noise), hidden)[0] == pytest.approx(2 * base, rel=0.05)
    assert error(calm, hidden, "infrared")[0] == pytest.approx(calm.joint_noise_infrared * base, rel=0.05)
    worse, unsure = error(calm, ~hidden)
    assert worse == pytest.approx(calm.joint_noise_hidden * base, rel=0.1)
    assert unsure < 0.6 * sure


def test_confidence_tells_good_joints_from_bad_ones(levels: Levels, still):
    joints, hidden = still
    found, _ = _estimate(replace(levels, joint_dropout=0.1, joint_noise=0.03), hidden, joints)
    error = np.linalg.norm(found[..., :2] - joints, axis=-1)
    assert np.corrcoef(error.ravel(), found[..., 2].ravel())[0, 1] < -0.5


def test_drop_outs_and_missing_skeletons_come_as_often_as_asked(levels: Levels, still):
    joints, hidden = still
    found, present = _estimate(replace(levels, joint_dropout=0.2, joint_swap=0.0, skeleton_missing=0.1), hidden, joints)
    assert np.mean(found[..., 2] < 0.13) == pytest.approx(0.2, abs=0.02)
    assert np.mean(~present) == pytest.approx(0.1, abs=0.04)


def test_a_swap_exchanges_left_and_right_and_lowers_confidence(levels: Levels, still):
    joints, hidden = still
    kept, _ = _estimate(replace(levels, joint_swap=0.0), hidden, joints)
    swapped, _ = _estimate(replace(levels, joint_swap=1.0), hidden, joints)
    for left, right in LEFT_RIGHT[2:]:
        np.testing.assert_array_equal(swapped[:, left, :2], kept[:, right, :2])
        np.testing.assert_array_equal(swapped[:, right, :2], kept[:, left, :2])
    assert swapped[:, 5:, 2].mean() < 0.8 * kept[:, 5:, 2].mean()
    np.testing.assert_array_equal(swapped[:, :5], kept[:, :5])
