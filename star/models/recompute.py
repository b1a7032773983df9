"""Activation checkpointing: stages forget most of what is inside them and compute it again for the gradient."""

from mindspore import nn


def recompute_stages(backbone: nn.Cell) -> None:
    """Compute what is inside the trunk's stages once more in the backward pass; for graph mode only.

    Outputs of batch norms are kept all the same: computed again, they would move their running statistics again.

    Args:
        backbone: changed in place, before it is compiled; without `stages` it is one itself.
    """
    for stage in getattr(backbone, "stages", (backbone,)):
        for _, cell in stage.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):
                cell.bn_train.recompute(False)
        stage.recompute()
