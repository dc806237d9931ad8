"""Where a state is the end of a value that is computed anyway, so that nothing need cut it out.

A layer joins what it remembers with what is new, and keeps the last moments of that. Whoever runs the graph can read
those where they lie, so the graph gives out the whole value. Behind a transposed convolution something more is done:
what hangs over is kept without the bias, since the convolution of the next frame adds its own. The bias is a constant,
so the convolution can leave it away there from the start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxduct.onnx.prepare.lyra.shapes import TIME
from voxduct.onnx.tflite import Op, Operator, Subgraph

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """One such state."""

    source: int
    """The tensor whose last moments are the state."""
    unneeded: tuple[Operator | None, ...]
    """Operators that only cut the state out."""
    convolution: Operator | None = None
    """The transposed convolution that this hangs over from."""
    without: Array | None = None
    """What `convolution` has to subtract from the moments that hang over."""


def find_carried(graph: Subgraph) -> dict[int, Carried]:
    """By the tensor that a variable is assigned."""
    finder = _Finder(graph)
    assigned = [operator.inputs[1] for operator in graph.operators if operator.op is Op.ASSIGN_VARIABLE]
    return {number: found for number in assigned for found in finder.carried(number)}


class _Finder:
    def __init__(self, graph: Subgraph) -> None:
        self._graph = graph
        self._makers = {number: operator for operator in graph.operators for number in operator.outputs}
        self._uses = Counter(number for operator in graph.operators for number in operator.inputs)
        self._uses.update(graph.outputs)

    def carried(self, number: int) -> Iterator[Carried]:
        """At most one."""
        *casts, maker = self._makers_of(number)
        if maker is None:
            return
        if self._is_end(maker):
            yield Carried(maker.inputs[0], (maker, *casts))
        elif maker.op is Op.SUB and (cut := self._alone(maker.inputs[0])) is not None and self._is_end(cut):
            convolution = self._overlapped(cut.inputs[0], self._time(number))
            bias = self._graph.tensors[maker.inputs[1]]
            if convolution is not None and bias.data is not None:
                yield Carried(cut.inputs[0], (cut, maker, *casts), convolution, bias.values())

    def _alone(self, number: int) -> Operator | None:
        """What makes a tensor that is used once."""
        return self._makers.get(number) if self._uses[number] == 1 else None

    def _time(self, number: int) -> int:
        shape = self._graph.tensors[number].shape
        return shape[TIME] if len(shape) == 4 else 0

    def _is_end(self, operator: Operator) -> bool:
        """Whether it takes the last moments of a value."""
        if operator.op is not Op.STRIDED_SLICE or not int(operator.options["end_mask"]) >> TIME & 1:
            return False
        return 0 < self._time(operator.outputs[0]) < self._time(operator.inputs[0])

    def _overlapped(self, summed: int, tail: int) -> Operator | None:
        """The transposed convolution in a sum of which nobody else uses the last `tail` moments."""
        add = self._makers.get(summed)
        if add is None or add.op is not Op.ADD:
            return None
        kept = self._time(summed) - tail
        for reader in self._graph.operators:
            if summed in reader.inputs and not self._is_end(reader) and not self._is_start(reader, kept):
                return None
        makers = [self._makers_of(number)[-1] for number in add.inputs]
        found = [one for one in makers if one is not None and one.op is Op.TRANSPOSE_CONV]
        return found[0] if len(found) == 1 else None

    def _is_start(self, operator: Operator, kept: int) -> bool:
        """Whether it takes none but the first `kept` moments."""
        if operator.op is not Op.STRIDED_SLICE or int(operator.options["end_mask"]) >> TIME & 1:
            return False
        end = self._graph.tensors[operator.inputs[2]].data
        return end is not None and 0 < int(end[TIME]) <= kept

    def _makers_of(self, number: int) -> list[Operator | None]:
        """What makes a tensor that is used once, after the casts behind it: here all are floats already."""
        casts: list[Operator | None] = []
        maker = self._alone(number)
        while maker is not None and maker.op in (Op.DEQUANTIZE, Op.QUANTIZE):
            casts.append(maker)
            maker = self._alone(maker.inputs[0])
        return [*casts, maker]
