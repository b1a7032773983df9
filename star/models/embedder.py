"""The network in evaluation: retrieval features of one modality."""

from mindspore import Tensor, nn

from star.models.network import Network
from star.types import Modality


class Embedder(nn.Cell):
    """Retrieval features of clips of one modality.

    Args:
        model: its parameters keep their names. It must be in evaluation mode when this cell is called.
        modality: "visible" or "infrared".
    """

    def __init__(self, model: Network, modality: Modality) -> None:
        super().__init__(auto_prefix=False)
        self.model = model
        self.infrared = modality == "infrared"

    def construct(self, frames: Tensor, joints: Tensor) -> Tensor:
        """Frames [b t h w 3] uint8 and joints [b t j 3] -> [b d] float32, length 1."""
        return self.model.embed(frames, joints, self.infrared)
