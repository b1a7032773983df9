"""The builder of a network's parts, one after the other; every mistake is collected."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import mindspore as ms
from mindspore.nn.utils import no_init_parameters

from star.errors import ConfigError, Problem
from star.types import ALONE, Share, Slot


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all parts of a network are built for.

    Attributes:
        identities: k, classes of the classifiers.
        frames, height, width: T and size of the frames.
        tracklets: K, of a batch.
        seed: of the first values.
        skeleton: arguments of `Skeleton` but for channels and frames; None: no skeletons.
        pose_classifier, pose_initial, in_pixels: see conf/skeleton_graph.
        style: arguments of an encoder.
        mean, std, channel_order: arguments of `Normalise`.
        mixed: whether batches are blind to the modality.
        share: of every batch.
    """

    identities: int
    frames: int
    height: int
    width: int
    tracklets: int
    seed: int
    skeleton: Mapping[str, Any] | None
    pose_classifier: bool
    pose_initial: Literal["normal", "uniform"]
    in_pixels: bool
    style: Mapping[str, Any]
    mean: Sequence[float]
    std: Sequence[float]
    channel_order: str
    mixed: bool = False
    share: Share = ALONE


@dataclass
class Builder:
    """Makes parts one after the other, each with the widths of those before it.

    Args:
        setting: what they are built for.
        initial_values: False leaves the parameters of this package's own parts without values, which saves seconds.

    Attributes:
        widths: of all tensors known so far.
        problems: what was wrong.
    """

    setting: Setting
    initial_values: bool = True
    widths: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def make(self, slot: Slot | None, channels: int | None = None, **more: Any) -> Any:
        """The part of a slot; None for an empty slot, or with a problem."""
        if slot is None:
            return None
        setting = self.setting
        known = {
            "channels": channels,
            "widths": dict(self.widths),
            "identities": setting.identities,
            "frames": setting.frames,
            "height": setting.height,
            "width": setting.width,
            "tracklets": setting.tracklets,
            "share": setting.share,
            **more,
        }
        return self.call(slot.key, slot.target, {**slot.arguments, **{name: known[name] for name in slot.given}})

    def call(self, key: str, target: Any, arguments: Mapping[str, Any]) -> Any:
        """An object of a class; what goes wrong in its constructor becomes a problem with the key."""
        own = target.__module__.partition(".")[0] == "star"
        if not own and not self.initial_values:
            _compute_on_processor()
        if self.initial_values:
            ms.set_seed(zlib.crc32(f"{self.setting.seed} {key}".encode()) % 2**31)
        try:
            with no_init_parameters() if own and not self.initial_values else nullcontext():
                return target(**arguments)
        except ConfigError as error:
            self.problems += error.problems
        except Exception as error:  # a stranger's constructor may raise anything
            said = f"{type(error).__name__}: {error}"
            self.problems.append(
                Problem(key, f"{target.__qualname__}, which raised {said}", "arguments it can be made with")
            )
        return None

    def learn(self, gives: Iterable[str], cell: Any, usual: int | None) -> None:
        """Take note of the widths of what a part gives."""
        widths = getattr(cell, "out_channels", usual)
        for name in gives:
            width = widths.get(name, usual) if isinstance(widths, Mapping) else widths
            if width is not None:
                self.widths[name] = int(width)


def _compute_on_processor() -> None:
    """What a stranger's constructor computes while it is looked at; once it has, no device can be chosen any more."""
    with suppress(RuntimeError):  # something was computed before
        ms.set_device("CPU")
