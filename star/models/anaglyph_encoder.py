"""An encoder of two streams, a clip's frames and their anaglyphs, which lead the frames (IBAN, TCSVT 2023).

| release                                        | here                                                               |
|------------------------------------------------|--------------------------------------------------------------------|
| x_t, averages of the frames' maps              | `frames`, behind both cross non-local blocks                       |
| Y, mean over t of the anaglyphs' averages a_t  | `anaglyph_features`                                                |
| anaglyphs' maps after stages 3 and 4           | `shallow_anaglyph_maps`, `anaglyph_maps`                           |

The anaglyphs come with the clips, see `star.data.anaglyph`: a clip is T frames, then the anaglyphs of these T frames.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.encoder import Encoder


class AnaglyphEncoder(Encoder):
    """Both modalities through a trunk for frames and one for anaglyphs (`second_trunk` of a ResNet).

    Args:
        backbone: the trunk, with `anaglyph`, the other one, and a block behind each of the last two stages,
            `cross_shallow` and `cross_deep`.
        frame_pooling: see `Encoder`.
        frames: T of every clip.
        style_augmentation, style_attack: must be off.

    Raises:
        ConfigError: a single trunk, or a change of style.
    """

    streams = 2
    across_rows = False

    def __init__(
        self,
        backbone: nn.Cell,
        frame_pooling: nn.Cell,
        frames: int,
        *,
        style_augmentation: bool = False,
        style_attack: bool = False,
    ) -> None:
        second = getattr(backbone, "anaglyph", None)
        problems = []
        if second is None:
            expected = "a backbone with a second trunk, for anaglyphs (backbone.second_trunk=true)"
            problems.append(Problem("stream", "a single trunk", expected))
        for name, given in (("augmentation", style_augmentation), ("attack", style_attack)):
            if given:
                expected = "false: the style of frames would no longer be that of their anaglyphs"
                problems.append(Problem(f"style.{name}", "true", expected))
        if problems or second is None:
            raise ConfigError(problems)
        super().__init__(backbone, frame_pooling, style_augmentation=False, style_attack=False)
        self.non_negative = False
        self.clip_frames = frames
        self.second_stages = list(second.stages)
        self.gives = (*self.embed_gives, "anaglyph_features", "shallow_anaglyph_maps", "anaglyph_maps")
        self.widths = {
            "shallow_anaglyph_maps": backbone.shallow_channels,
            "anaglyph_maps": backbone.out_channels,
        }

    def construct(self, visible: Tensor, infrared: Tensor, *random: Tensor) -> tuple[Tensor, ...]:
        """Normalised frames and anaglyphs [b 2t 3 h w] of each modality -> `gives`."""
        b, t = visible.shape[0], visible.shape[1] // 2
        visible_x, visible_a = self.behind_stems(visible, False)
        infrared_x, infrared_a = self.behind_stems(infrared, True)
        x, shallow, deep = self.both(ops.cat((visible_x, infrared_x), 0), ops.cat((visible_a, infrared_a), 0))
        anaglyphs = ops.reshape(ops.cast(self.frame_pooling(deep), ms.float32), (2 * b, t, -1))
        return self.features(x, 2 * b, t) + (ops.mean(anaglyphs, 1), shallow, deep)

    def embed(self, frames: Tensor, infrared: bool) -> tuple[Tensor, ...]:
        """Normalised frames and anaglyphs [b 2t 3 h w] of one modality -> `embed_gives`."""
        maps, _, _ = self.both(*self.behind_stems(frames, infrared))
        return self.features(maps, frames.shape[0], frames.shape[1] // 2)

    def behind_stems(self, clips: Tensor, infrared: bool) -> tuple[Tensor, Tensor]:
        """[b 2t 3 h w] of one modality -> two [b*t c h/4 w/4], of frames and of anaglyphs."""
        b, n, c, h, w = clips.shape
        if n != 2 * self.clip_frames:
            raise ValueError("clips for this encoder are T frames and then their anaglyphs, 2T in all")
        size = (b * (n // 2), c, h, w)
        frames, anaglyphs = ops.reshape(clips[:, : n // 2], size), ops.reshape(clips[:, n // 2 :], size)
        return self.backbone.stem(frames, infrared), self.backbone.anaglyph.stem(anaglyphs, infrared)

    def both(self, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the stems give of frames and anaglyphs -> maps of frames, of anaglyphs after stages 3 and 4."""
        deepest = len(self.stages) - 1
        for position in range(deepest):
            x, a = self.stages[position](x), self.second_stages[position](a)
        x = self.stages[deepest](self.backbone.cross_shallow(x, a))
        deep = self.second_stages[deepest](a)
        return self.backbone.cross_deep(x, deep), a, deep
