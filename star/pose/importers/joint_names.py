"""Joint names of other programs and the joints they are here.

Orders, by the number of joints: OpenPose's documentation (doc/02_output.md: BODY_25; COCO; MPI), AlphaPose's
(doc/output.md: COCO, MPII and the two orders of `--format cmu` and `open`), Halpe-FullBody (26, 68 and 136 joints) and
COCO-WholeBody (133), whose first 17 are COCO's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from star.data.coco_joints import JOINTS
from star.errors import DataError

_PARTS = "eye|ear|shoulder|elbow|wrist|hip|knee|ankle"
_NAME = re.compile(rf"(?P<before>left|right|l|r)?(?P<part>{_PARTS})(?P<after>left|right|l|r)?")
_SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(count))


_FACE_AND_HANDS = _numbered("face", 68) + _numbered("left_hand", 21) + _numbered("right_hand", 21)
_HALPE_26 = (
    *JOINTS,
    *("head", "neck", "mid_hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe"),
    *("left_heel", "right_heel"),
)
_WHOLE_BODY = (
    *JOINTS,
    *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
    *_FACE_AND_HANDS,
)
_MPII = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax", "neck"),
    *("head", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
)
_LIMBS_OF_OPENPOSE = (
    *("neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
)
_LEGS_OF_OPENPOSE = ("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle")
_FACE_OF_OPENPOSE = ("right_eye", "left_eye", "right_ear", "left_ear")

ORDERS: Mapping[int, tuple[str, ...]] = {
    15: ("head", *_LIMBS_OF_OPENPOSE, *_LEGS_OF_OPENPOSE, "chest"),
    16: _MPII,
    17: JOINTS,
    18: ("nose", *_LIMBS_OF_OPENPOSE, *_LEGS_OF_OPENPOSE, *_FACE_OF_OPENPOSE),
    25: (
        *("nose", *_LIMBS_OF_OPENPOSE, "mid_hip", *_LEGS_OF_OPENPOSE, *_FACE_OF_OPENPOSE),
        *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
    ),
    26: _HALPE_26,
    68: _HALPE_26 + _FACE_AND_HANDS[68:],
    133: _WHOLE_BODY,
    136: _HALPE_26 + _FACE_AND_HANDS,
}
"""Joint order of models by their number of joints: OpenPose (15, 18, 25), MPII (16), COCO (17), Halpe (26, 68, 136),
COCO-WholeBody (133); the same in every format, for programs write each other's."""


class JointMap(NamedTuple):
    """Where each of our joints stands among those of a source.

    Attributes:
        columns: [j] int, position in the source; -1 where the source has no such joint.
        unknown: names in the source that are none of ours.
        absent: ours that the source does not have.
    """

    columns: np.ndarray
    unknown: tuple[str, ...]
    absent: tuple[str, ...]

    def apply(self, joints: np.ndarray) -> np.ndarray:
        """[j 3] from the source's [k 3]; absent joints are 0 with confidence 0."""
        return np.where((self.columns >= 0)[:, None], joints[self.columns], 0)


def find_joint(name: str) -> int | None:
    """Position in `JOINTS` of a joint under another spelling (`LShoulder`, `left shoulder`, `shoulder_l`)."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain == "nose":
        return JOINTS.index("nose")
    found = _NAME.fullmatch(plain)
    if found is None or (found["before"] is None) == (found["after"] is None):
        return None
    return JOINTS.index(f"{_SIDES[found['before'] or found['after']]}_{found['part']}")


def map_joints(names: Sequence[str], where: str) -> JointMap:
    """Find our joints in a source's list of names.

    Args:
        names: in the order of the source.
        where: the list comes from, for messages.

    Raises:
        DataError: two names mean the same joint, or none is one of ours.
    """
    columns = np.full(len(JOINTS), -1)
    unknown = []
    for position, name in enumerate(names):
        joint = find_joint(name)
        if joint is None:
            unknown.append(name)
        elif columns[joint] >= 0:
            raise DataError(f"{where}: {names[columns[joint]]!r} and {name!r} are both {JOINTS[joint]}, expected one")
        else:
            columns[joint] = position
    if (columns < 0).all():
        raise DataError(
            f"{where}: given {', '.join(map(repr, names[:10]))}, expected names such as {', '.join(JOINTS)}"
        )
    return JointMap(columns, tuple(unknown), tuple(JOINTS[j] for j in np.flatnonzero(columns < 0)))


class JointOrder:
    """Finds the joint map of each entry of a source, which all have one number of joints, and what did not fit.

    Args:
        names: given by the user; they go before all others.
    """

    def __init__(self, names: Sequence[str] | None = None):
        self._given = None if names is None else tuple(names)
        self._maps: dict[tuple[str, ...], JointMap] = {}
        self._first: tuple[int, str] | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Joint names met that are none of ours, in order of appearance."""
        return tuple(dict.fromkeys(name for found in self._maps.values() for name in found.unknown))

    @property
    def absent(self) -> tuple[str, ...]:
        """Joints of ours that some entry's source does not have."""
        lacking = {name for found in self._maps.values() for name in found.absent}
        return tuple(name for name in JOINTS if name in lacking)

    def apply(self, joints: np.ndarray, where: str, names: Sequence[str] | None = None) -> np.ndarray:
        """Put the joints of one person into our order.

        Args:
            joints: [k 3].
            where: file and entry, for messages.
            names: of the k joints as the source states them.

        Returns:
            [j 3]; joints the source does not have are 0 with confidence 0.

        Raises:
            DataError: an earlier person had another number of joints, no order of k joints is known, or the names do
                not fit.
        """
        self._first = self._first or (len(joints), where)
        if self._first[0] != len(joints):
            raise DataError(
                f"{where}: {len(joints)} joints, and {self._first[1]}: {self._first[0]} joints; expected one number in "
                "the whole import, for it says which joints they are: one of them is damaged, or of another model"
            )
        order = self._given or (None if names is None else tuple(names)) or ORDERS.get(len(joints))
        if order is None:
            known = ", ".join(map(str, ORDERS))
            raise DataError(
                f"{where}: {len(joints)} joints, expected {known}; give the names of the joints in joints=[..]"
            )
        if len(order) != len(joints):
            raise DataError(
                f"{where}: {len(joints)} joints, expected {len(order)}, as many as there are names of joints"
            )
        if order not in self._maps:
            self._maps[order] = map_joints(order, "joints" if self._given else where)
        return self._maps[order].apply(joints)
