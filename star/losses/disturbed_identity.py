"""Identity under the style attack; the table of terms is in `star.losses.identity`."""

from typing import ClassVar

from mindspore import Tensor, nn

from star.losses.identity import cross_entropy


class DisturbedIdentity(nn.Cell):
    """Cross entropy of the logits of the attacked frames."""

    requires: ClassVar[tuple[str, ...]] = ("disturbed_logits",)

    def construct(self, output: dict, identities: Tensor) -> Tensor:
        """`ReIDOutput` and identities [n] int32 -> scalar."""
        return cross_entropy(output["disturbed_logits"], identities)
