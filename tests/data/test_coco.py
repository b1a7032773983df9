from star.data.coco_joints import BONES, JOINTS, LEFT_RIGHT, MIRRORED


def test_mirror_swaps_exactly_left_and_right():
    assert [JOINTS[m].replace("left", "right") for m in MIRRORED] == [j.replace("left", "right") for j in JOINTS]
    assert [MIRRORED[m] for m in MIRRORED] == list(range(17))
    moved = {(joint, other) for joint, other in enumerate(MIRRORED) if joint < other}
    assert moved == set(LEFT_RIGHT)
    assert all(JOINTS[a].startswith("left") and JOINTS[b].startswith("right") for a, b in LEFT_RIGHT)


def test_bones_are_symmetric_and_connect_all_joints():
    bones = {frozenset(bone) for bone in BONES}
    assert len(bones) == len(BONES) == 19
    assert {frozenset(MIRRORED[joint] for joint in bone) for bone in bones} == bones
    reached = {0}
    for _ in JOINTS:
        reached |= {joint for bone in bones if bone & reached for joint in bone}
    assert reached == set(range(17))
