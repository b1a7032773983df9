# pyright: reportMissingImports=false
"""Training steps in PyTorch, one at a time: of STAR as its authors wrote it, or of its trunk alone.

Called as a program by tests/benchmarks/bench_torch_step.py with a Python that has torch: `torch_step.py CLIPS FRAMES
HEIGHT WIDTH [FOLDER]` makes a step for every line it reads, and prints the seconds of each as JSON. FOLDER has the
authors' `model_poseGaided.py` (github.com/jwj1342/SDTG); without it the steps are those of the trunk, which is what
any PyTorch code of STAR does at least.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from unittest.mock import MagicMock

import torch
from torch import nn
from torch.nn import functional

IDENTITIES = 200
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 1))
"""Width, blocks and stride; the last stride is 1, as in the methods."""
UNUSED = (
    *("matplotlib", "matplotlib.pyplot", "mpl_toolkits", "mpl_toolkits.mplot3d"),
    *("scipy", "scipy.interpolate", "scipy.stats", "sklearn", "sklearn.decomposition"),
)
"""What the authors' file imports and their network does not use; SciPy's `interp2d` among it is gone."""


class Bottleneck(nn.Module):
    """A residual block, with its stride in the 3 x 3 convolution."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1, bias=False),
            nn.BatchNorm2d(4 * width),
        )
        self.skip = nn.Identity()
        if stride != 1 or before != 4 * width:
            self.skip = nn.Sequential(nn.Conv2d(before, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(maps) + self.skip(maps))


class ResNet50(nn.Module):
    """The trunk, its parts under torchvision's names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        before = 64
        for number, (width, blocks, stride) in enumerate(STAGES, 1):
            stage = [Bottleneck(before, width, stride)]
            before = 4 * width
            stage += [Bottleneck(before, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*stage))


Losses = Callable[[], torch.Tensor]


def trunk_losses(clips: int, frames: int, height: int, width: int) -> tuple[list[nn.Module], Losses]:
    """The trunk and the function that gives its loss: its last two stages run twice, as for the style attack."""
    trunk = ResNet50()
    shallow = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool, trunk.layer1, trunk.layer2)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * STAGES[-1][0], IDENTITIES))
    deep = nn.Sequential(trunk.layer3, trunk.layer4, *head)
    given = torch.randn(clips * frames, 3, height, width)
    identities = torch.arange(clips * frames) % IDENTITIES

    def loss() -> torch.Tensor:
        maps = shallow(given)
        clean, attacked = (functional.cross_entropy(deep(x), identities) for x in (maps, maps.roll(1, 0)))
        return clean + attacked

    return [shallow, deep], loss


def authors_losses(folder: str, clips: int, frames: int, height: int, width: int) -> tuple[list[nn.Module], Losses]:
    """The authors' network and the function that gives the sum of their losses, on the CPU.

    Their `resnet` is not in their repository; the one here has its structure. Their triplet loss, on a handful of
    vectors, is PyTorch's own with the hardest clips.
    """
    import torch_geometric.nn  # noqa: F401  before the stand-ins, since it looks for scikit-learn

    stand_ins = {name: MagicMock() for name in UNUSED} | {"resnet": MagicMock(resnet50=lambda **_: ResNet50())}
    sys.modules.update(stand_ins)
    sys.path.insert(0, folder)
    from model_poseGaided import embed_net

    for name in stand_ins:
        del sys.modules[name]
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor
    network = embed_net(class_num=IDENTITIES)
    half = clips // 2
    visible, infrared = (torch.randn(half, 3 * frames, height, width) for _ in range(2))
    joints = [torch.rand(half, frames, 17, 3) for _ in range(2)]
    identities = torch.arange(half).repeat(2)
    of_frames = identities.repeat_interleave(frames)
    same = identities[:, None] == identities[None]

    def loss() -> torch.Tensor:
        clip, _, logits, frame_logits, attacked_logits, defence, pose = network(
            visible, infrared, *joints, seq_len=frames
        )
        distances = torch.cdist(clip, clip)
        furthest = distances.masked_fill(~same, 0).max(1).values
        nearest = distances.masked_fill(same, torch.inf).min(1).values
        triplet = functional.margin_ranking_loss(nearest, furthest, torch.ones(clips), margin=0.3)
        classified = functional.cross_entropy(logits, identities) + sum(
            functional.cross_entropy(found, of_frames) for found in (frame_logits, attacked_logits)
        )
        first, second = pose[:half], pose[half:]
        poses = sum(
            functional.kl_div(functional.log_softmax(a, -1), functional.softmax(b, -1), reduction="batchmean")
            for a, b in ((first, second), (second, first))
        )
        return classified + triplet + defence + poses

    return [network], loss


def main(clips: int, frames: int, height: int, width: int, folder: str | None) -> None:
    torch.manual_seed(0)
    size = clips, frames, height, width
    networks, loss = trunk_losses(*size) if folder is None else authors_losses(folder, *size)
    parameters = [parameter for network in networks for parameter in network.parameters()]
    optimiser = torch.optim.SGD(parameters, 1e-4, momentum=0.9, weight_decay=5e-4, nesterov=True)
    while True:
        start = time.perf_counter()
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        print(json.dumps([time.perf_counter() - start]), flush=True)
        if not sys.stdin.readline():
            break


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), folder=sys.argv[5] if len(sys.argv) > 5 else None)
