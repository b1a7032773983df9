import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from star.data.coco_joints import JOINTS
from star.errors import DataError
from star.pose.importers.joint_names import ORDERS, JointOrder, find_joint, map_joints

SPELLINGS = (
    lambda side, part: f"{side}_{part}",
    lambda side, part: f"{side[0].upper()}{part.capitalize()}",
    lambda side, part: f"{side.capitalize()} {part}",
    lambda side, part: f"{part}_{side[0]}",
    lambda side, part: f"{side[0]}-{part}",
    lambda side, part: f"{side}{part}".upper(),
)


@pytest.mark.parametrize("spell", SPELLINGS)
def test_usual_spellings_of_every_joint(spell):
    assert find_joint("Nose") == 0
    for number, name in enumerate(JOINTS[1:], 1):
        side, part = name.split("_")
        assert find_joint(spell(side, part)) == number


@pytest.mark.parametrize(
    "name", ["neck", "MidHip", "hip", "LBigToe", "left_eye_1", "left_hand_3", "Rear head", "lefteyeleft", "", "face_0"]
)
def test_other_names_are_none_of_ours(name):
    assert find_joint(name) is None


def test_openpose_orders_are_those_of_its_documentation():
    body_25 = (
        *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee"),
        *("RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
        *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
    )
    coco = (*body_25[:8], *body_25[9:19])
    for documented in (body_25, coco):
        assert [find_joint(name) for name in ORDERS[len(documented)]] == [find_joint(name) for name in documented]
    assert map_joints(body_25, "here").unknown == ("Neck", "MidHip", *body_25[19:])


@pytest.mark.parametrize(("count", "order"), ORDERS.items())
def test_every_known_order_has_its_length_and_each_joint_once(count, order):
    assert len(order) == count == len(set(order))
    found = [find_joint(name) for name in order if find_joint(name) is not None]
    assert len(found) == len(set(found)) == (17 - len(map_joints(order, "here").absent))


@given(st.permutations([*JOINTS, "neck", "pelvis", "left_big_toe"]), st.integers(0, 2**32 - 1))
def test_any_order_of_names_finds_every_joint(order, seed):
    values = np.random.default_rng(seed).random((17, 3))
    source = np.array([values[JOINTS.index(name)] if name in JOINTS else [9, 9, 9] for name in order])
    assert np.array_equal(JointOrder().apply(source, "here", order), values)
    assert np.array_equal(JointOrder(order).apply(source, "here", JOINTS), values)


def test_joints_the_source_does_not_have_are_zero_and_named():
    order = JointOrder()
    joints = order.apply(np.arange(45.0).reshape(15, 3) + 1, "here")
    assert (joints[:5] == 0).all() and (joints[5:] > 0).all()
    assert order.absent == JOINTS[:5] and order.unknown == ("head", "neck", "chest")


@pytest.mark.parametrize("names", [None, JOINTS])
def test_another_number_of_joints_is_damage_and_no_other_order(names):
    order = JointOrder()
    order.apply(np.zeros((17, 3)), "a.json, entry 1", names)
    with pytest.raises(DataError, match=r"a\.json, entry 7: 16 joints, and a\.json, entry 1: 17 joints; expected one"):
        order.apply(np.zeros((16, 3)), "a.json, entry 7")


def test_orders_that_do_not_fit():
    with pytest.raises(DataError, match=r"b\.json: 14 joints, expected 15, 16, 17, 18, 25, .*; give .*joints=\[\.\.\]"):
        JointOrder().apply(np.zeros((14, 3)), "b.json")
    with pytest.raises(DataError, match=r"b\.json: 17 joints, expected 2"):
        JointOrder(("nose", "left_eye")).apply(np.zeros((17, 3)), "b.json")
    with pytest.raises(DataError, match=r"'LEye' and 'left_eye' are both left_eye"):
        map_joints(["LEye", "left_eye"], "here")
    with pytest.raises(DataError, match=r"joints: given 'a', 'b', expected names such as nose"):
        JointOrder(("a", "b")).apply(np.zeros((2, 3)), "here")
