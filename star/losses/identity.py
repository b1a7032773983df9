"""Identity classification terms (STAR, arXiv 2411.11069, loss functions; SAADG, ACM MM 2023).

| paper / method        | here                 | logits                                             |
|-----------------------|----------------------|----------------------------------------------------|
| identity loss on X    | `Identity`           | `clip_logits` [n k]                                |
| frame identity loss   | `FrameIdentity`      | `frame_logits` [n*t k], every frame counts the same |
| disturbed identity    | `DisturbedIdentity`  | `disturbed_logits` [n*t k]                         |
| release's option      | `PoseIdentity`       | `pose_logits` [n k]                                |

No label smoothing, as in the authors' code. `on:` gives any of them other logits.
"""

import mindspore as ms
from mindspore import Tensor, nn, ops


def cross_entropy(logits: Tensor, identities: Tensor) -> Tensor:
    """Mean over rows: logits [m k], identities [n] int32 with m a multiple of n (rows of a clip follow each other).

    Not `ops.cross_entropy`: its logarithm on the CPU differs in the last digit in the first calls of a process, so that
    a resumed run would log other losses.
    """
    rows = logits.shape[0] // identities.shape[0]
    labels = ops.reshape(ops.tile(ops.expand_dims(identities, 1), (1, rows)), (-1,))
    return ops.nll_loss(ops.log_softmax(ops.cast(logits, ms.float32), 1), ops.cast(labels, ms.int32))


class Identity(nn.Cell):
    """Cross entropy of the clip logits."""

    reads: tuple[str, ...] = ("clip_logits", "identities")

    def construct(self, logits: Tensor, identities: Tensor) -> Tensor:
        """Logits [m k] and identities [n] int32 -> scalar."""
        return cross_entropy(logits, identities)


class FrameIdentity(Identity):
    """Cross entropy of the logits of the clean frames."""

    reads = ("frame_logits", "identities")


class DisturbedIdentity(Identity):
    """Cross entropy of the logits of the attacked frames."""

    reads = ("disturbed_logits", "identities")


class PoseIdentity(Identity):
    """Cross entropy of the logits of the pose descriptor."""

    reads = ("pose_logits", "identities")
