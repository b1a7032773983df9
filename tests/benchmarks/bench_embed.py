"""Time of embedding on the CPU by the exported model, relative to ONNX Runtime on the bare trunk.

`pytest -s tests/benchmarks/bench_embed.py`. Two clips of 12 frames of 288 x 144 through STAR on ResNet-50, in sessions
with all cores. The rows take turns, so that other work on the machine is alike for all; ratios are those of the fastest
rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import onnxruntime
from mindspore import Tensor, nn

from star.config.check import check_overrides
from star.config.schema import Config
from star.engine.build_network import build_model
from star.export.int8 import quantise
from star.export.mindir import trace
from star.export.onnx_model import onnx_model
from star.inference.onnx_file import OnnxNetwork
from star.models.embedder import Embedder
from star.models.network import Network
from star.types import MODALITIES, NUMBER_OF_JOINTS, ClipBatch, Modality

FRAMES, HEIGHT, WIDTH, CLIPS = 12, 288, 144, 2
ROUNDS = 7
LARGEST_RATIO = 1.1
SIZE = (f"dataset.frames={FRAMES}", f"dataset.height={HEIGHT}", f"dataset.width={WIDTH}", "backbone=resnet50")


class Trunk(nn.Cell):
    """Normalised frames [m 3 h w] to the maps of the last stage."""

    def __init__(self, network: Network) -> None:
        super().__init__(auto_prefix=False)
        self.encoder = network.encoder

    def construct(self, frames: Tensor) -> Tensor:
        maps = self.encoder.backbone.stem(frames, False)
        return self.encoder.through(maps, 0, len(self.encoder.stages))


def network_of(experiment: str) -> Network:
    pretrained = ("backbone.pretrained=null", "dataset=synthetic")
    config: Config = check_overrides([f"experiment={experiment}", *pretrained, *SIZE])
    network = build_model(config, identities=5)
    network.set_train(False)
    return network


def clips(number: int) -> ClipBatch:
    rng = np.random.default_rng(number)
    frames = rng.integers(0, 256, (number, FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return ClipBatch(frames, rng.random((number, FRAMES, NUMBER_OF_JOINTS, 3), dtype=np.float32), number)


def exported(network: Network, path: Path) -> Path:
    graphs = [trace(Embedder(network, modality), lambda number: tuple(clips(number)[:2])) for modality in MODALITIES]
    onnx.save(onnx_model(*graphs), path)
    return path


def trunk_alone(network: Network) -> Callable[[], None]:
    frames = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
    graph = trace(Trunk(network), lambda number: (np.repeat(frames, number, 0),))
    session = onnxruntime.InferenceSession(onnx_model(graph, graph).SerializeToString())
    given = {"frames": np.random.default_rng(0).normal(size=(CLIPS * FRAMES, 3, HEIGHT, WIDTH)).astype(np.float32)}
    return lambda: session.run(None, given)


def one_by_one() -> Iterator[tuple[ClipBatch, Modality]]:
    for number in range(2):
        for modality in MODALITIES:
            frames, joints, _ = clips(2)
            yield ClipBatch(frames[number:][:1], joints[number:][:1], 1), modality


def test_the_exported_model_is_as_fast_as_its_trunk(tmp_path: Path):
    batch, network = clips(CLIPS), network_of("star")
    path = exported(network, tmp_path / "model.onnx")
    quantise(path, tmp_path / "int8.onnx", one_by_one())
    whole, small = OnnxNetwork(path), OnnxNetwork(tmp_path / "int8.onnx")
    embedder, given = Embedder(network, "infrared"), (Tensor(batch.frames), Tensor(batch.joints))
    runs: dict[str, Callable[[], object]] = {
        "trunk alone": trunk_alone(network),
        "STAR": lambda: whole(batch, "infrared"),
        "STAR, int8": lambda: small(batch, "infrared"),
        "STAR, MindSpore": lambda: embedder(*given).asnumpy(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 1):  # the first warms up
        for name in list(runs) if number % 2 else reversed(runs):
            begun = time.perf_counter()
            runs[name]()
            if number:
                seconds[name].append(time.perf_counter() - begun)
    fastest = {name: min(found) for name, found in seconds.items()}
    print("\nrow              s, fastest (median)   of the trunk")
    for name, found in seconds.items():
        ratio = fastest[name] / fastest["trunk alone"]
        print(f"{name:16} {fastest[name]:8.2f} ({median(found):.2f}) {ratio:17.2f}")
    assert fastest["STAR"] <= LARGEST_RATIO * fastest["trunk alone"]
    assert fastest["STAR, int8"] < fastest["STAR"]
