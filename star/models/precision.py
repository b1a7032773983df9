"""Mixed precision by kind of layer.

MindSpore's own `amp.auto_mixed_precision` puts every cell but its batch norms into float16, and with them the powers,
softmaxes and deviations of this network, which overflow or vanish there. Here only the layers that carry the arithmetic
run in float16; everything else keeps float32.
"""

import mindspore as ms
from mindspore import nn

from star.errors import ConfigError, Problem

LEVELS = ("O0", "O2", "O3")
_HEAVY = (nn.Conv2d, nn.Dense)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def set_precision(model: nn.Cell, level: str) -> None:
    """Changes a network in place; its parameters stay float32.

    Args:
        model: any network of this package.
        level: "O0" leaves all in float32; "O2" runs convolutions and linear layers in float16; "O3" also lets batch
            norms take and give float16, without a cast to float32 and back; they calculate in float32 all the same.

    Raises:
        ConfigError: another level.
    """
    if level not in LEVELS:
        raise ConfigError([Problem("hardware.precision", repr(level), " or ".join(map(repr, LEVELS)))])
    if level == "O0":
        return
    for _, cell in model.cells_and_names():
        if isinstance(cell, _HEAVY):
            cell.to_float(ms.float16)
        elif isinstance(cell, _NORMS) and level == "O2":
            cell.to_float(ms.float32)
