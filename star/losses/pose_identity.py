"""Identity from the pose descriptor; the table of terms is in `star.losses.identity`."""

from typing import ClassVar

from mindspore import Tensor, nn

from star.losses.identity import cross_entropy


class PoseIdentity(nn.Cell):
    """Cross entropy of the pose logits."""

    requires: ClassVar[tuple[str, ...]] = ("pose_logits",)

    def construct(self, output: dict, identities: Tensor) -> Tensor:
        """`ReIDOutput` and identities [n] int32 -> scalar."""
        return cross_entropy(output["pose_logits"], identities)
