"""A network: an encoder and a table of wires.

| piece    | what it is                                                                                         |
|----------|----------------------------------------------------------------------------------------------------|
| inputs   | names of the tensors a step gets: from the batch, and what parts have drawn                        |
| encoder  | the one part with two faces, for training and for retrieval features                               |
| wires    | the other parts in their order, each with the names it reads and gives; a name can be given anew   |
| head     | the part whose `embed` makes the retrieval feature                                                 |

`joints` and `joints_in_pixels` [n t j 3] are known everywhere: the batch's joints, visible rows first, with x and y in
0..1 of the frame or in its pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.ops import constexpr

from star.models.part import Wire

PICTURES = ("visible", "infrared", "clips")
"""Inputs [b t h w 3] uint8 that are normalised before a part reads them as [b t 3 h w]."""
JOINTS, PIXELS = "joints", "joints_in_pixels"
LABELS = ("identities", "modality")
"""Of the batch, not of the network's making; kept as they are."""
_SMALLEST_SQUARE = 1e-24


@constexpr
def _size(height: int, width: int) -> Tensor:
    return Tensor([float(width), float(height), 1.0], ms.float32)


class Network(nn.Cell):
    """Calls its parts one after the other and hands each the tensors it reads.

    Args:
        inputs: names of the tensors `construct` takes, in their order.
        normalise: what uint8 frames go through.
        encoder: from frames to frame features.
        wires: the other parts.
        head: name of the wire with the retrieval feature.
        outputs: names of the tensors `construct` gives.
        parts: cells by the name their parameters carry, in the order of their parameters; parts without any as well.

    Attributes:
        out_channels: width of a retrieval feature.
    """

    def __init__(
        self,
        *,
        inputs: Sequence[str],
        normalise: nn.Cell,
        encoder: nn.Cell,
        wires: Sequence[Wire],
        head: str,
        outputs: Sequence[str],
        parts: Mapping[str, nn.Cell],
    ) -> None:
        super().__init__(auto_prefix=False)
        self.normalise = normalise
        for name, cell in parts.items():
            cell.update_parameters_name(f"{name}.")
            setattr(self, name, cell)
        self.encoder = encoder
        self.named_parts = dict(parts)
        self.parts = {"encoder": encoder, **{w.name: w.cell for w in wires}}
        self.wires = tuple(wires)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.is_picture = tuple(name in PICTURES for name in self.inputs)
        self.encoder_reads, self.encoder_gives = tuple(encoder.reads), tuple(encoder.gives)
        self.embed_gives = tuple(encoder.embed_gives)
        self.cells_in_order = [w.cell for w in wires]
        self.reads = tuple(w.reads for w in wires)
        self.gives = tuple(w.gives for w in wires)
        self.miscounted = tuple(f"{w.key}: its construct does not return a tensor for each of {w.gives}" for w in wires)
        self.training_only = tuple(w.training_only for w in wires)
        self.is_late = (False,) * len(self.wires)
        read = {name for w in wires for name in w.reads} | set(outputs)
        self.reads_joints = JOINTS in read or PIXELS in read
        self.reads_pixels = PIXELS in read
        position = [w.name for w in wires].index(head)
        self.head, self.head_reads = wires[position].cell, wires[position].reads
        self.out_channels = int(getattr(self.head, "embedding_channels", 0))
        self.unit_length = bool(getattr(self.head, "unit_length", True))

    def construct(self, *tensors: Tensor) -> dict:
        """`inputs` -> {name: tensor} of `outputs`, float32 but for labels."""
        prepared = ()
        for position in range(len(tensors)):
            if self.is_picture[position]:
                prepared = prepared + (self.normalise(tensors[position]),)
            else:
                prepared = prepared + (tensors[position],)
        return self.train_normalised(*prepared)

    def train_normalised(self, *tensors: Tensor) -> dict:
        """As `construct`, with normalised frames [b t 3 h w] float32. Random inputs at the end may be left out."""
        known = {}
        height, width = 0, 0
        for position in range(len(tensors)):
            known[self.inputs[position]] = tensors[position]
            if self.is_picture[position]:
                height, width = tensors[position].shape[3], tensors[position].shape[4]
        if self.reads_joints and "visible_joints" in known:
            known[JOINTS] = ops.cat((known["visible_joints"], known["infrared_joints"]), 0)
        if self.reads_pixels:
            known[PIXELS] = known[JOINTS] * _size(height, width)
        given = self.encoder(*self.chosen(known, self.encoder_reads))
        for position in range(len(self.encoder_gives)):
            known[self.encoder_gives[position]] = given[position]
        return self.wanted(self.follow(known, True))

    def wanted(self, known: dict) -> dict:
        """`outputs`, float32 but for labels."""
        result = {}
        for name in self.outputs:
            if name in LABELS:
                result[name] = known[name]
            else:
                result[name] = ops.cast(known[name], ms.float32)
        return result

    def embed(self, frames: Tensor, joints: Tensor, infrared: bool) -> Tensor:
        """Retrieval features; the cell must be in evaluation mode (`set_train(False)`).

        Args:
            frames: [b t h w 3] uint8, RGB, one modality.
            joints: [b t j 3], x and y in 0..1 of the frame, confidence.
            infrared: which modality; a constant, so each has its own graph.

        Returns:
            [b out_channels] float32, length 1 unless the head says otherwise.
        """
        return self.embed_normalised(self.normalise(frames), joints, infrared)

    def embed_normalised(self, frames: Tensor, joints: Tensor, infrared: bool) -> Tensor:
        """As `embed`, with normalised frames [b t 3 h w] float32."""
        known = {JOINTS: joints}
        if self.reads_pixels:
            known[PIXELS] = joints * _size(frames.shape[3], frames.shape[4])
        given = self.encoder.embed(frames, infrared)
        for position in range(len(self.embed_gives)):
            known[self.embed_gives[position]] = given[position]
        known = self.follow(known, False)
        x = ops.cast(self.head.embed(*self.chosen(known, self.head_reads)), ms.float32)
        if not self.unit_length:
            return x
        return x / ops.sqrt(ops.maximum(ops.sum(x * x, 1, True), _SMALLEST_SQUARE))

    def follow(self, known: dict, training: bool) -> dict:
        """Call the parts in their order, but for those that are called late."""
        for position in range(len(self.cells_in_order)):
            if (training or not self.training_only[position]) and not self.is_late[position]:
                known = self.call(position, known)
        return known

    def call(self, position: int, known: dict) -> dict:
        """Call one part."""
        given = self.cells_in_order[position](*self.chosen(known, self.reads[position]))
        names = self.gives[position]
        if not isinstance(given, (tuple, list)):
            given = (given,)
        if len(given) != len(names):
            raise ValueError(self.miscounted[position])
        for place in range(len(names)):
            known[names[place]] = given[place]
        return known

    def call_late(self, known: dict) -> dict:
        """Call the parts that `follow` leaves out, in their order."""
        for position in range(len(self.cells_in_order)):
            if self.is_late[position]:
                known = self.call(position, known)
        return known

    def cut(self, late: Collection[str]) -> None:
        """Leave parts to `call_late`, and with them every part behind that reads what they give.

        `outputs` are then what these parts and the losses read of the others.

        Args:
            late: names of parts, none of which the retrieval feature needs.
        """
        given: set[str] = set()
        flags = []
        for row in self.wires:
            flags.append(row.name in late or not given.isdisjoint(row.reads))
            if flags[-1]:
                given |= set(row.gives)
        self.is_late = tuple(flags)
        read = [name for row, flag in zip(self.wires, flags, strict=True) if flag for name in row.reads]
        self.outputs = tuple(dict.fromkeys(name for name in (*self.outputs, *read) if name not in given))

    def chosen(self, known: dict, names: tuple) -> tuple:
        """The tensors of some names; what a step alone has is passed over in evaluation."""
        tensors = ()
        for name in names:
            if name in known:
                tensors = tensors + (known[name],)
        return tensors


def open_names(encoder: Any, wires: Sequence[Wire], outputs: Sequence[str]) -> list[str]:
    """Names that are read and that no part has given before, in the order they are first read."""
    needed: list[str] = []
    known: set[str] = set()
    rows = [(encoder.reads, encoder.gives), *((w.reads, w.gives) for w in wires), (outputs, ())]
    for reads, gives in rows:
        needed += [name for name in reads if name not in known and name not in needed]
        known |= set(gives)
    return needed
