"""Dynamic loss scale for gradients in float16: small ones do not vanish, and a step that overflows is left out."""

import mindspore as ms
from mindspore import Parameter, Tensor, amp, nn, ops

FACTOR = 2


class LossScale(nn.Cell):
    """The loss is multiplied by a scale, its gradients divided by it again.

    After an overflow the scale is halved, after `window` steps without any it is doubled; it stays at 1 or above.

    Args:
        first: scale of the first step, at least 1.
        window: steps without overflow until the scale is doubled.
    """

    def __init__(self, first: float, window: int) -> None:
        super().__init__()
        self.scaler = amp.DynamicLossScaler(float(first), FACTOR, window)
        self.scale, self.counter = self.scaler.scale_value, self.scaler.counter
        self.skipped = Parameter(Tensor(0, ms.int32), name="skipped", requires_grad=False)

    def construct(self, loss: Tensor) -> Tensor:
        """The scaled loss."""
        return self.scaler.scale(loss)

    def unscale(self, gradients: tuple) -> tuple:
        """Gradients of the scaled loss -> of the loss."""
        return self.scaler.unscale(gradients)

    def finite(self, gradients: tuple) -> Tensor:
        """Whether all gradients are, [] bool."""
        return amp.all_finite(gradients)

    def points(self) -> dict[str, float]:
        """The present scale and the number of steps left out, as the tracker names them."""
        scale, skipped = self.scale.asnumpy(), self.skipped.asnumpy()
        return {"precision/loss_scale": float(scale), "precision/skipped_steps": float(skipped)}

    def adjust(self, finite: Tensor) -> None:
        """Choose the next scale and count the step if it was left out."""
        self.scaler.adjust(finite)
        ops.assign_add(self.skipped, ops.cast(ops.logical_not(finite), ms.int32))
