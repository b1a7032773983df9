"""Identity of every frame; the table of terms is in `star.losses.identity`."""

from typing import ClassVar

from mindspore import Tensor, nn

from star.losses.identity import cross_entropy


class FrameIdentity(nn.Cell):
    """Cross entropy of the logits of the clean frames."""

    requires: ClassVar[tuple[str, ...]] = ("frame_logits",)

    def construct(self, output: dict, identities: Tensor) -> Tensor:
        """`ReIDOutput` and identities [n] int32 -> scalar."""
        return cross_entropy(output["frame_logits"], identities)
