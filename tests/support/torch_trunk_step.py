# pyright: reportMissingImports=false
"""Training steps of STAR's trunk alone in PyTorch, one at a time: what any PyTorch code of STAR does at least.

Called as a program by tests/benchmarks/bench_torch_step.py with a Python that has torch: `torch_trunk_step.py FRAMES
HEIGHT WIDTH` makes a step for every line it reads, and prints the seconds of each as JSON.
"""

from __future__ import annotations

import json
import sys
import time

import torch
from torch import nn

IDENTITIES = 200
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 1))
"""Width, blocks and stride; the last stride is 1, as in the methods."""


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


def trunk() -> tuple[nn.Module, nn.Module]:
    """ResNet-50 before and behind its second stage; the style attack goes through the latter a second time."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    layers.append(nn.MaxPool2d(3, 2, 1))
    before = 64
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            layers.append(Bottleneck(before, width, stride if block == 0 else 1))
            before = 4 * width
    deep = 4 + STAGES[0][1] + STAGES[1][1]
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, IDENTITIES))
    return nn.Sequential(*layers[:deep]), nn.Sequential(*layers[deep:], *head)


def main(frames: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    (shallow, deep), given = trunk(), torch.randn(frames, 3, height, width)
    identities = torch.arange(frames) % IDENTITIES
    optimiser = torch.optim.SGD([*shallow.parameters(), *deep.parameters()], 1e-4, momentum=0.9, weight_decay=5e-4)
    while True:
        start = time.perf_counter()
        optimiser.zero_grad()
        maps = shallow(given)
        clean, attacked = (nn.functional.cross_entropy(deep(x), identities) for x in (maps, maps.roll(1, 0)))
        (clean + attacked).backward()
        optimiser.step()
        print(json.dumps([time.perf_counter() - start]), flush=True)
        if not sys.stdin.readline():
            break


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
