"""Networks in ONNX compute what MindSpore computes: every method, and parts that a configuration can put in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
from mindspore import Tensor
from support.methods import EXTRA

from star.config.check import check_overrides
from star.engine.build_network import build_model
from star.export.mindir import trace
from star.export.onnx_model import onnx_model
from star.models.embedder import Embedder
from star.models.network import Network
from star.types import MODALITIES

TRUNK = ("backbone=tiny", "backbone.width=4")
SIZE = ("dataset.frames=3", "dataset.height=64", "dataset.width=32")
NETWORKS = {
    **{name: (f"experiment={name}",) for name in ("baseline", "star")},
    **{name: (f"experiment={name}", *extra) for name, extra in EXTRA.items()},
    "release": ("experiment=star_release", "skeleton_graph=frame", "aggregation=max", "backbone.channel_order=bgr"),
    "joints": ("experiment=joints_only", "skeleton_graph.coordinates=pixels"),
}


def built(name: str) -> tuple[Network, Callable[[int], tuple[np.ndarray, ...]]]:
    """A small network in evaluation, and what it reads for a number of clips."""
    given = NETWORKS[name]
    trunk = () if any(text.startswith("backbone=") for text in given) else TRUNK
    network = build_model(check_overrides(["dataset=synthetic", *SIZE, *trunk, *given]), identities=5)
    network.set_train(False)
    read = 3 * getattr(network.encoder, "streams", 1)

    def batch(clips: int) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(clips)
        frames = rng.integers(0, 256, (clips, read, 64, 32, 3), dtype=np.uint8)
        return frames, rng.random((clips, 3, 17, 3), dtype=np.float32)

    return network, batch


IN_A_HURRY = ("m3reid", "mitml")
"""The others take a minute to compile, or have fewer operators."""


@pytest.mark.parametrize("name", [n if n in IN_A_HURRY else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS])
def test_a_network_has_the_same_features(name: str):
    network, batch = built(name)
    embedders = {modality: Embedder(network, modality) for modality in MODALITIES}
    model = onnx_model(*(trace(embedders[modality], batch) for modality in MODALITIES))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [given.name for given in session.get_inputs()]
    features = []
    for modality in MODALITIES:
        for clips in (1, 4):
            frames, joints = batch(clips)
            given = {"frames": frames, "joints": joints, "infrared": np.array(modality == "infrared")}
            (found,) = session.run(None, {name: given[name] for name in names})
            expected = embedders[modality](Tensor(frames), Tensor(joints)).asnumpy()
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
            features.append(found)
    assert ("joints" in names) == network.reads_joints
    assert ("infrared" in names) == (not np.allclose(features[0], features[2])), "a switch where the stems differ"
