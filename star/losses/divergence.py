"""Kullback-Leibler divergence between softmaxed rows."""

import mindspore as ms
from mindspore import Tensor, ops


def kl_divergence(target_logits: Tensor, logits: Tensor) -> Tensor:
    """KL( softmax(target) || softmax(logits) ): two [n k] -> scalar, mean over rows."""
    target = ops.log_softmax(ops.cast(target_logits, ms.float32), -1)
    other = ops.log_softmax(ops.cast(logits, ms.float32), -1)
    return ops.mean(ops.sum(ops.exp(target) * (target - other), -1))
