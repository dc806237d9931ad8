"""Who makes a tensor and who reads it, past casts: here all are floats, and QUANTIZE and DEQUANTIZE do nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from voxduct.onnx.prepare.lyra.shapes import TIME
from voxduct.onnx.tflite import Op, Operator, Subgraph

CASTS = (Op.QUANTIZE, Op.DEQUANTIZE)


class Links:
    """The way from operator to operator in a graph."""

    def __init__(self, graph: Subgraph) -> None:
        self.graph = graph
        self._makers = {number: operator for operator in graph.operators for number in operator.outputs}
        self._readers: defaultdict[int, list[Operator]] = defaultdict(list)
        for operator in graph.operators:
            for number in operator.inputs:
                self._readers[number].append(operator)

    def maker(self, number: int) -> Operator | None:
        """What computes a tensor; None where it is given or constant."""
        made = self._makers.get(number)
        while made is not None and made.op in CASTS:
            made = self._makers.get(made.inputs[0])
        return made

    def readers(self, number: int) -> list[Operator]:
        """All that read it; the graph's outputs are read by none of them."""
        found = []
        for reader in self._readers[number]:
            found += self.readers(reader.outputs[0]) if reader.op in CASTS else [reader]
        return found

    def end_of(self, number: int) -> int | None:
        """The value that a tensor is the last moments of."""
        cut = self.maker(number)
        return cut.inputs[0] if cut is not None and self.is_end(cut) else None

    def is_end(self, operator: Operator) -> bool:
        """Whether it takes the last moments of a value."""
        if operator.op is not Op.STRIDED_SLICE or not int(operator.options["end_mask"]) >> TIME & 1:
            return False
        return 0 < self.time(operator.outputs[0]) < self.time(operator.inputs[0])

    def is_start(self, operator: Operator) -> bool:
        """Whether it takes the first moments of a value."""
        if operator.op is not Op.STRIDED_SLICE or int(operator.options["end_mask"]) >> TIME & 1:
            return False
        begin, end = (self.graph.tensors[number].data for number in operator.inputs[1:3])
        if begin is None or end is None or (begin[TIME] and not int(operator.options["begin_mask"]) >> TIME & 1):
            return False
        return 0 < int(end[TIME]) == self.time(operator.outputs[0])

    def needed(self, wanted: Iterable[int], instead: Mapping[int, int]) -> set[int]:
        """All tensors on the way to those that are wanted, where some are made of one other in a way of their own."""
        found: set[int] = set()
        waiting = list(wanted)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                maker = self._makers.get(number)
                waiting += [instead[number]] if number in instead else maker.inputs if maker is not None else ()
        return found

    def time(self, number: int) -> int:
        """Moments of [1, time, 1, channels]; 0 of another shape."""
        shape = self.graph.tensors[number].shape
        return shape[TIME] if len(shape) == 4 else 0
