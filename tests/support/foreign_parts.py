"""Parts as a user might write them in a package of his own: right ones, and ones with one mistake each.

Every class is named in configurations as `support.foreign_parts.<class>`, so for star it is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds
from star.models.initial import constant, normal
from star.models.resnet import ResNet
from star.types import ALONE, Share


class SignedTrunk(nn.Cell):
    """One convolution without ReLU: its features may be negative, and it is one stage."""

    def __init__(self, width: Annotated[int, Bounds(minimum=1)] = 8) -> None:
        super().__init__()
        self.out_channels = width
        self.convolution = nn.Conv2d(3, width, 3, stride=4, pad_mode="same", weight_init="normal")

    def construct(self, frames: Tensor) -> Tensor:
        """[m 3 h w] -> [m width h/4 w/4]."""
        return self.convolution(frames)


class PositiveTrunk(SignedTrunk):
    """The same behind a ReLU."""

    non_negative = True

    def construct(self, frames: Tensor) -> Tensor:
        """[m 3 h w] -> [m width h/4 w/4]."""
        return ops.relu(self.convolution(frames))


class StarTrunk(ResNet):
    """STAR's trunk, made somewhere else."""


class SizedTrunk(PositiveTrunk):
    """Wants to know the size of the frames."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__(8)
        self.frame_size = (height, width)


class WideTrunk(PositiveTrunk):
    """Names the width alone, which is its own number of channels."""

    def __init__(self, width: int = 8) -> None:
        super().__init__(width)


class Weighted(nn.Cell):
    """An aggregation with a mean over the frames in it, which guided pooling can replace."""

    reads = ("frames",)
    gives = ("clip_features",)

    def __init__(self, pooling: nn.Cell, factor: float = 1.0) -> None:
        super().__init__()
        self.pooling = pooling
        self.factor = Parameter(Tensor([factor], ms.float32), name="factor")

    def construct(self, frames: Tensor, *guide: Tensor) -> Tensor:
        """Frames [b t d] and what guidance reads -> [b d]."""
        return self.pooling(frames, *guide) * self.factor


class Doubled(nn.Cell):
    """An aggregation that changes the width, reads joints and has no mean that could be replaced."""

    reads = ("frames", "joints")
    gives = ("clip_features",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_channels = 2 * channels

    def construct(self, frames: Tensor, joints: Tensor) -> Tensor:
        """[b t d], [b t j 3] -> [b 2d]."""
        first = ops.mean(frames, 1)
        return ops.cat((first, first * ops.mean(joints[:, :, :, 2], (1, 2)).reshape(-1, 1)), 1)


class Classifier(nn.Cell):
    """A branch: logits of what it reads; its values come from its constructor."""

    reads = ("clip_features",)
    gives = ("own_logits",)
    training_only = True

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.out_channels = identities
        self.dense = nn.Dense(channels, identities, weight_init="normal")

    def construct(self, features: Tensor) -> Tensor:
        """[n d] -> [n k]."""
        return self.dense(features)


class InitialisedClassifier(Classifier):
    """Says the first values of its weight alone."""

    initial = {r"dense\.weight$": constant(0.25), r"never\.": normal(0.0, 1.0)}


class Miscounted(Classifier):
    """Names two tensors and returns one."""

    gives = ("first", "second")


class OneName(Classifier):
    """Reads one tensor, whose name stands alone."""

    reads = "clip_features"


class Widths(nn.Cell):
    """A branch that wants every width known so far."""

    reads = ("frame_features",)
    gives = ("narrow", "wide")
    training_only = True

    def __init__(self, channels: int, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.channels, self.widths = channels, widths
        self.out_channels = {"narrow": 3, "wide": 5}

    def construct(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[m d] -> [m 3], [m 5]."""
        return features[:, :3], features[:, :5]


class Options(Classifier):
    """A branch with arguments of every type a configuration can hold."""

    def __init__(
        self,
        channels: int,
        identities: int,
        needed: str,
        kind: Literal["mean", "sum"] = "mean",
        sizes: Sequence[int] = (1, 2),
        share_kept: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.5,
        powers: Annotated[Sequence[float], Bounds(above=0, length=2)] = (1.0, 2.0),
        limit: int | None = None,
        name: str = "own",
        flag: bool = False,
    ) -> None:
        super().__init__(channels, identities)


class Anything(Classifier):
    """A branch whose arguments have no types."""

    def __init__(self, channels, identities, option=None, **more: Any) -> None:
        super().__init__(channels, identities)


class NeedsPairsPlainly(Classifier):
    """A branch that needs two tracklets of every identity, by somebody who does not know `ConfigError`."""

    def __init__(self, channels: int, identities: int, tracklets: int) -> None:
        super().__init__(channels, identities)
        if tracklets != 2:
            raise ValueError(f"needs pairs, not {tracklets}")


class LooksUp(Classifier):
    """Its constructor raises a KeyError."""

    def __init__(self, channels: int, identities: int, kind: str = "none") -> None:
        super().__init__(channels, identities)
        self.kind = {"mean": 1}[kind]


class TakesJoints(Classifier):
    """Gives what is the batch's."""

    gives = ("joints",)


class InEvaluation(Classifier):
    """Reads labels and runs in evaluation as well, where there are none."""

    reads = ("clip_features", "identities")
    training_only = False

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """[n d], [n] -> [n k]."""
        return self.dense(features)


class Noisy(Classifier):
    """A branch with random inputs of its own."""

    reads = ("clip_features", "noise")

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__(channels, identities)
        self.channels = channels

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """Noise for every clip."""
        return {"noise": rng.standard_normal((clips, self.channels), np.float32)}

    def construct(self, features: Tensor, noise: Tensor) -> Tensor:
        """Two [n d] -> [n k]."""
        return self.dense(features + noise)


class NoisyInEvaluation(Noisy):
    """Runs in evaluation as well, without its noise."""

    training_only = False

    def construct(self, features: Tensor, *noise: Tensor) -> Tensor:
        """One or two [n d] -> [n k]."""
        return self.dense(features + noise[0] if noise else features)


class BadDraw(Noisy):
    """Its draw raises."""

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """Never."""
        raise IndexError("no such row")


class AcrossRows(Classifier):
    """A branch that looks at other rows and cannot be told of those of other processes."""

    across_rows = True


class AcrossRowsTold(Classifier):
    """A branch that is."""

    across_rows = True

    def __init__(self, channels: int, identities: int, share: Share = ALONE) -> None:
        super().__init__(channels, identities)
        self.share = share


class PairedRows(Classifier):
    """A branch that needs a visible and an infrared half."""

    paired_rows = True


class Centres(nn.Cell):
    """A loss with parameters."""

    reads: ClassVar[tuple[str, ...]] = ("clip_features", "identities")

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.centres = Parameter(Tensor(np.ones((identities, channels), np.float32)), name="centres")

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """[n d], [n] -> scalar."""
        return ops.mean(ops.square(features - ops.gather(self.centres, identities, 0)))


class Spread(nn.Cell):
    """A loss without parameters or arguments."""

    reads = ("clip_features",)

    def construct(self, features: Tensor) -> Tensor:
        """[n d] -> scalar."""
        return ops.mean(ops.square(features))


class JointsLoss(Spread):
    """A loss of joints."""

    reads = ("joints",)


class SpreadAcross(Spread):
    """Looks at other rows and cannot be told of those of other processes."""

    across_rows = True


class SpreadAcrossTold(SpreadAcross):
    """Can be told."""

    def __init__(self, share: Share = ALONE) -> None:
        super().__init__()
        self.share = share


class RaisingLoss(Spread):
    """Its constructor raises."""

    def __init__(self, table: str = "nowhere.csv") -> None:
        super().__init__()
        raise FileNotFoundError(2, "No such file or directory", table)


class NoCell:
    """Has what a loss has, but is no cell."""

    reads = ("clip_features",)


def build(channels: int = 3) -> nn.Cell:
    """A function and no class."""
    return nn.ReLU()


class TooFew(Classifier):
    """Reads two tensors and takes one."""

    reads = ("clip_features", "joints")


class NeedsNoise(NoisyInEvaluation):
    """Runs in evaluation as well, but cannot be called without its noise."""

    def construct(self, features: Tensor, noise: Tensor) -> Tensor:
        """Two [n d] -> [n k]."""
        return self.dense(features + noise)


class Unguided(Weighted):
    """Has a mean that guided pooling can replace, but takes nothing that guides it."""

    def construct(self, frames: Tensor) -> Tensor:
        """[b t d] -> [b d]."""
        return self.pooling(frames)


class TextWidth(Classifier):
    """Tells a width that is no number."""

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__(channels, identities)
        self.out_channels = "wide"


class WidthByName(Weighted):
    """An aggregation that gives two tensors of different widths."""

    gives = ("clip_features", "first_frame")

    def __init__(self, channels: int, pooling: nn.Cell) -> None:
        super().__init__(pooling)
        self.out_channels = {"first_frame": 3}

    def construct(self, frames: Tensor, *guide: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [b t d] and what guidance reads -> [b d], [b 3]."""
        return self.pooling(frames, *guide), frames[:, 0, :3]


class OneTensorLoss(Spread):
    """Reads two tensors and takes one."""

    reads = ("clip_features", "identities")


class LabelledHead(Classifier):
    """A clip head that reads labels in training; evaluation calls `embed` without them."""

    reads = ("clip_features", "identities")
    gives = ("clip_logits",)

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__(channels, identities)
        self.embedding_channels = channels

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """[n d], [n] -> [n k]."""
        return self.dense(features) + ops.expand_dims(ops.cast(identities, ms.float32), 1)

    def embed(self, features: Tensor) -> Tensor:
        """Itself."""
        return features


class HostNoise(nn.Cell):
    """A loss that draws on the host while it is compiled."""

    reads = ("clip_features",)

    def construct(self, clip_features: Tensor) -> Tensor:
        """[n d] -> []."""
        return (clip_features * Tensor(np.random.standard_normal(clip_features.shape).astype(np.float32))).mean()
