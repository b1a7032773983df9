"""Time of embedding on the CPU by the exported model, relative to ONNX Runtime on the bare trunk.

`pytest -s tests/benchmarks/bench_embed.py`. Clips of 12 frames of 288 x 144, ResNet-50, two of them, through sessions
with all cores; the rows take turns, so that other work on the machine is alike for all, and each is the median of its
rounds. The figures are in docs/use_a_model.md.
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
            yield ClipBatch(*(array[number:][:1] for array in clips(2)[:2]), 1), modality


def test_the_exported_model_is_as_fast_as_its_trunk(tmp_path: Path):
    batch = clips(CLIPS)
    star, baseline = network_of("star"), network_of("baseline")
    star_file, baseline_file = (
        exported(network, tmp_path / f"{name}.onnx") for name, network in (("star", star), ("baseline", baseline))
    )
    quantise(star_file, tmp_path / "int8.onnx", one_by_one())
    files = {"STAR": star_file, "baseline": baseline_file, "STAR, int8": tmp_path / "int8.onnx"}
    sessions = {name: OnnxNetwork(path) for name, path in files.items()}
    runs: dict[str, Callable[[], object]] = {"trunk alone": trunk_alone(baseline)}
    for name, session in sessions.items():
        runs[name] = lambda session=session: session(batch, "infrared")
    embedder, given = Embedder(star, "infrared"), (Tensor(batch.frames), Tensor(batch.joints))
    runs["STAR, MindSpore"] = lambda: embedder(*given).asnumpy()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 1):  # the first warms up
        order = list(runs) if number % 2 else list(reversed(runs))
        for name in order:
            begun = time.perf_counter()
            runs[name]()
            if number:
                seconds[name].append(time.perf_counter() - begun)
    of_trunk = median(seconds["trunk alone"])
    print("\nrow                s, median (range)      of the trunk")
    for name, found in seconds.items():
        print(f"{name:18} {median(found):.2f} ({min(found):.2f} to {max(found):.2f}) {median(found) / of_trunk:14.2f}")
    for name in ("STAR", "baseline"):
        ratios = [own / trunk for own, trunk in zip(seconds[name], seconds["trunk alone"], strict=True)]
        assert median(ratios) <= LARGEST_RATIO, name
    assert median(seconds["STAR, int8"]) < median(seconds["STAR"])
