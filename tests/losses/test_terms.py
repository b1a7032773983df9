from typing import get_type_hints

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from scipy.special import log_softmax, softmax

import star.losses
from star.losses import (
    CrossModalityConsistency,
    Defence,
    DisturbedIdentity,
    FrameIdentity,
    Identity,
    JointsBonesConsistency,
    PoseIdentity,
)
from star.models.reid import ReIDOutput

RNG = np.random.default_rng(0)
OF_OTHER_METHODS = (
    *("modality", "normalised_frames", "attention_masks", "cross_view_logits", "modality_logits"),
    *("shallow_reconstructed_maps", "shallow_anaglyph_maps", "reconstructed_maps", "anaglyph_maps"),
)
IDENTITIES = np.array([2, 0, 2, 0], np.int32)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def call(loss, arrays: dict) -> float:
    known = {name: Tensor(array) for name, array in arrays.items()} | {"identities": Tensor(IDENTITIES)}
    return float(loss(*(known[name] for name in loss.reads)))


def plain_cross_entropy(logits: np.ndarray) -> float:
    rows = len(logits) // len(IDENTITIES)
    return float(np.mean([-log_softmax(row)[IDENTITIES[i // rows]] for i, row in enumerate(logits)]))


@pytest.mark.parametrize(
    ("loss", "key", "rows"),
    [(Identity, "clip_logits", 1), (PoseIdentity, "pose_logits", 1)]
    + [(FrameIdentity, "frame_logits", 3), (DisturbedIdentity, "disturbed_logits", 3)],
)
def test_identity_terms_are_cross_entropies_with_a_clips_label_on_its_frames(loss, key, rows):
    logits = 3 * floats(4 * rows, 5)
    assert call(loss(), {key: logits}) == pytest.approx(plain_cross_entropy(logits), rel=1e-5)


def test_defence_is_the_mean_distance():
    clean, disturbed = floats(12, 7), floats(12, 7)
    expected = np.linalg.norm(clean - disturbed, axis=1).mean()
    assert call(Defence(), {"frame_features": clean, "disturbed_features": disturbed}) == pytest.approx(expected)


def test_cross_modality_consistency_meets_the_reference(golden):
    z = golden("symmetric_kl")
    assert call(CrossModalityConsistency(), {"pose_logits": z["logits"]}) == pytest.approx(float(z["loss"]), rel=1e-5)


def test_joints_bones_consistency_is_the_divergence_from_bones_to_joints():
    bones, joints = 2 * floats(4, 3, 6), 2 * floats(4, 6)
    p, q = softmax(bones.mean(1), axis=1), softmax(joints, axis=1)
    expected = (p * np.log(p / q)).sum(1).mean()
    arrays = {"bone_features": bones, "joint_features": joints}
    assert call(JointsBonesConsistency(), arrays) == pytest.approx(expected, rel=1e-4)
    assert call(JointsBonesConsistency(detach_target=True), arrays) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("detach", [False, True])
def test_a_detached_target_has_no_gradient(detach):
    loss = JointsBonesConsistency(detach_target=detach)
    bones, joints = ms.grad(loss, (0, 1))(Tensor(floats(4, 3, 6)), Tensor(floats(4, 6)))
    assert np.abs(joints.asnumpy()).max() > 1e-3
    assert (np.abs(bones.asnumpy()).max() > 1e-3) != detach


def test_every_term_reads_what_the_network_gives():
    terms = [getattr(star.losses, name) for name in star.losses.__all__ if name != "WeightedLosses"]
    keys = get_type_hints(ReIDOutput, localns={"Tensor": Tensor}).keys()
    assert len(terms) == 18
    for term in terms:
        assert term.reads and set(term.reads) <= {*keys, *OF_OTHER_METHODS, "identities"}, term
