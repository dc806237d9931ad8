"""Transposed convolutions that hang over into the next frame, found as the one layer that they are.

There each adds up what it makes of a frame and what hung over from the frame before, gives out a frame's length and
keeps the rest without the bias, which the next frame brings again; and where channels are in groups, each group does so
by itself. The same sound is an ordinary convolution over the moments that were heard, in as many groups, so those
moments are the state here: for several frames at once as well, and with nothing to add, to cut or to join.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxduct.onnx.prepare.lyra.links import Links
from voxduct.onnx.prepare.lyra.shapes import CHANNELS, UnsupportedError
from voxduct.onnx.tflite import Op, Operator
from voxduct.onnx.tflite.operators import Padding

Array = npt.NDArray[np.generic]
NO_ACTIVATION = 0


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One transposed convolution, and what carries its overhang."""

    convolution: Operator
    variable: int
    """The handle that is read and assigned."""
    without: int
    """The bias that the overhang is kept without."""


@dataclass(frozen=True, slots=True, eq=False)
class Upsampling:
    """All groups of one layer."""

    source: int
    """Tensor of all channels before it."""
    result: int
    """Tensor of all channels behind it, a frame long."""
    groups: tuple[Group, ...]

    def kernels(self, links: Links) -> Array:
        """Shape [groups, out, kernel, in]."""
        return np.stack([_constant(links, group.convolution.inputs[1])[:, :, 0] for group in self.groups])

    def biases(self, links: Links) -> Array:
        """Shape [groups, out]."""
        return np.stack([_constant(links, group.convolution.inputs[3]) for group in self.groups])

    def late(self, links: Links) -> Array:
        """What a moment that the frame before reaches has beside one bias, shape [groups, out].

        Two roundings of the same bias are apart: the one of the convolution's integers and the one that is subtracted.
        """
        return self.biases(links) - np.stack([_constant(links, group.without) for group in self.groups])

    @property
    def variables(self) -> list[int]:
        """Handles of what is not kept any more."""
        return [group.variable for group in self.groups]

    @property
    def stride(self) -> int:
        """Moments behind it for each before it."""
        return int(self.groups[0].convolution.options["stride_h"])


def find_overhanging(links: Links) -> dict[int, Upsampling]:
    """By the tensor behind it.

    Raises:
        UnsupportedError: a transposed convolution is not part of such a layer.
    """
    found: dict[int, Upsampling] = {}
    for operator in links.graph.operators:
        if operator.op is Op.TRANSPOSE_CONV:
            sliced, group = _group(links, operator)
            joined = _joined(links, sliced)
            if joined is None:
                found[sliced] = Upsampling(operator.inputs[2], sliced, (group,))
            elif joined.outputs[0] not in found:
                groups = [_group(links, _summed(links, number)) for number in joined.inputs]
                found[joined.outputs[0]] = _together(links, joined, [group for _, group in groups])
    return found


def _group(links: Links, convolution: Operator) -> tuple[int, Group]:
    """A convolution with its overhang, and the tensor of the first moments of what it makes."""
    _require_plain(convolution)
    adding = _only(links.readers(convolution.outputs[0]), Op.ADD)
    late = [maker for number in adding.inputs if (maker := links.maker(number)) is not convolution]
    reading = links.maker(late[0].inputs[0]) if len(late) == 1 and late[0] and late[0].op is Op.CONCATENATION else None
    if reading is None or reading.op is not Op.READ_VARIABLE:
        raise UnsupportedError("nothing hangs over into a transposed convolution")
    readers = links.readers(adding.outputs[0])
    starts, ends = ([one for one in readers if test(one)] for test in (links.is_start, links.is_end))
    if len(starts) != 1 or len(ends) != 1 or len(readers) != 2:
        raise UnsupportedError("a transposed convolution is not cut into a frame and what hangs over")
    subtracting = _only(links.readers(ends[0].outputs[0]), Op.SUB)
    assigning = _only(links.readers(subtracting.outputs[0]), Op.ASSIGN_VARIABLE)
    if assigning.inputs[0] != reading.inputs[0]:
        raise UnsupportedError("what hangs over is kept elsewhere than it is read")
    return starts[0].outputs[0], Group(convolution, reading.inputs[0], subtracting.inputs[1])


def _joined(links: Links, sliced: int) -> Operator | None:
    """What joins groups of channels again, where there are several."""
    readers = links.readers(sliced)
    if len(readers) != 1 or readers[0].op is not Op.CONCATENATION:
        return None
    return readers[0] if int(readers[0].options["axis"]) % 4 == CHANNELS else None


def _summed(links: Links, sliced: int) -> Operator:
    """Back from a tensor of first moments to its transposed convolution."""
    cut = links.maker(sliced)
    adding = links.maker(cut.inputs[0]) if cut is not None else None
    makers = [links.maker(number) for number in adding.inputs] if adding is not None else []
    found = [maker for maker in makers if maker is not None and maker.op is Op.TRANSPOSE_CONV]
    if len(found) != 1:
        raise UnsupportedError("transposed convolutions are joined with something else")
    return found[0]


def _together(links: Links, joined: Operator, groups: list[Group]) -> Upsampling:
    parts = [group.convolution.inputs[2] for group in groups]
    splitting = {id(maker): maker for part in parts if (maker := links.maker(part)) is not None}
    split = next(iter(splitting.values()))
    if len(splitting) != 1 or split.op is not Op.SPLIT or list(split.outputs) != parts:
        raise UnsupportedError("transposed convolutions are joined that are not of the parts of one value")
    return Upsampling(split.inputs[1], joined.outputs[0], tuple(groups))


def _only(operators: list[Operator], op: Op) -> Operator:
    if len(operators) != 1 or operators[0].op is not op:
        names = ", ".join(operator.op.name for operator in operators) or "nothing"
        raise UnsupportedError(f"{names} where a transposed convolution needs {op.name}")
    return operators[0]


def _require_plain(convolution: Operator) -> None:
    stride = convolution.options["stride_h"]
    if convolution.options["padding"] != Padding.VALID or convolution.options["stride_w"] not in (1, stride):
        raise UnsupportedError("a transposed convolution that pads, or goes across")
    if convolution.options["activation"] != NO_ACTIVATION:
        raise UnsupportedError("an activation inside TRANSPOSE_CONV")


def _constant(links: Links, number: int) -> Array:
    tensor = links.graph.tensors[number]
    if tensor.data is None:
        raise UnsupportedError(f"{tensor.name} is computed, and must be a constant")
    return tensor.values()
