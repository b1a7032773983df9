"""Gradient accumulation: a batch goes through the network in parts, and the weights move once."""

from collections.abc import Iterator

from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

from star.types import AnyBatch, Share


class SumOfParts(nn.Cell):
    """Sums of the loss values and the gradients of the parts of a batch.

    Args:
        parameters: whose gradients they are.
        values: number of loss values.
        parts: of every batch.
    """

    def __init__(self, parameters: ParameterTuple, values: int, parts: int) -> None:
        super().__init__(auto_prefix=False)
        self.parts = parts
        self.values = Parameter(ops.zeros(values), name="sum_of_values", requires_grad=False)
        self.gradients = parameters.clone(prefix="sum_of_gradients", init="zeros")

    def construct(self, values: Tensor, gradients: tuple) -> Tensor:
        """Add those of one part."""
        for position in range(len(gradients)):
            ops.assign_add(self.gradients[position], gradients[position])
        return ops.assign_add(self.values, values)

    def means(self) -> tuple[Tensor, tuple]:
        """Loss values and gradients of the mean of the parts' losses."""
        gradients = ()
        for total in self.gradients:
            gradients = gradients + (total / self.parts,)
        return self.values / self.parts, gradients

    def clear(self) -> None:
        """Begin with the next batch."""
        ops.assign(self.values, ops.zeros_like(self.values))
        for total in self.gradients:
            ops.assign(total, ops.zeros_like(total))


def parts_of(batch: AnyBatch, parts: int) -> Iterator[AnyBatch]:
    """Identities 0 to P/parts - 1 of a batch, then the next ones; views of its arrays."""
    for part in range(parts):
        rows = Share(part, parts).of(len(batch.identities))
        yield type(batch)(*(array[rows] for array in batch))
