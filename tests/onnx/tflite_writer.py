"""Small TensorFlow Lite files: a graph is built operator by operator, constants and variables included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.onnx.flatbuffer_writer import Scalar, Table, Value, write
from voxduct.onnx.tflite import Op
from voxduct.onnx.tflite.operators import OPTIONS

TYPES = {"float32": 0, "int32": 2, "bool": 6, "int8": 9}
RESOURCE = 13


@dataclass
class GraphWriter:
    """One subgraph in the making; methods return numbers of tensors."""

    file: FileWriter
    name: str = "main"
    tensors: list[Table] = field(default_factory=list)
    operators: list[Table] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def value(self, shape: Sequence[int], kind: str = "float32") -> int:
        return self._tensor(shape, TYPES[kind], 0)

    def input(self, shape: Sequence[int], kind: str = "float32") -> int:
        self.inputs.append(self.value(shape, kind))
        return self.inputs[-1]

    def constant(
        self, array: np.ndarray, scales: Sequence[float] = (), zeros: Sequence[int] = (), axis: int = 0
    ) -> int:
        quantisation: dict[int, Value] = (
            {2: np.array(scales, "<f4"), 3: np.array(zeros, "<i8"), 6: Scalar("i", axis)} if scales else {}
        )
        number = self.file.buffer(array.tobytes())
        return self._tensor(array.shape, TYPES[array.dtype.name], number, quantisation)

    def add(self, op: Op | int, inputs: Sequence[int], shapes: Sequence[Sequence[int]], **options: object) -> list[int]:
        """An operator; its outputs are floats of these shapes."""
        outputs = [self.value(shape) for shape in shapes]
        self._operator(op, inputs, outputs, options)
        return outputs

    def variable(self, name: str) -> int:
        handle = self._tensor((), RESOURCE, 0)
        self._operator(Op.VAR_HANDLE, [], [handle], {"name": name})
        return handle

    def table(self) -> Table:
        numbers = {1: np.array(self.inputs, "<i4"), 2: np.array(self.outputs, "<i4")}
        return Table({0: self.tensors, **numbers, 3: self.operators, 4: self.name})

    def _tensor(
        self, shape: Sequence[int], code: int, buffer: int, quantisation: Mapping[int, Value] | None = None
    ) -> int:
        fields: dict[int, Value] = {0: np.array(shape, "<i4"), 1: Scalar("b", code), 2: Scalar("I", buffer)}
        fields[3] = f"t{len(self.tensors)}"
        if quantisation:
            fields[4] = Table(quantisation)
        self.tensors.append(Table(fields))
        return len(self.tensors) - 1

    def _operator(
        self, op: Op | int, inputs: Sequence[int], outputs: Sequence[int], options: Mapping[str, object]
    ) -> None:
        known = OPTIONS.get(op, {}) if isinstance(op, Op) else {}
        fields: dict[int, Value] = {}
        for name, given in options.items():
            spec = known[name]
            fields[spec.number] = str(given) if spec.kind == "s" else Scalar(spec.kind, given)  # type: ignore[arg-type]
        kind = Scalar("I", self.file.code(int(op)))
        numbers = {1: np.array(inputs, "<i4"), 2: np.array(outputs, "<i4")}
        self.operators.append(Table({0: kind, **numbers, 4: Table(fields)}))


@dataclass
class FileWriter:
    """A whole file."""

    graphs: list[GraphWriter] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    signatures: list[Table] = field(default_factory=list)

    def graph(self, name: str = "main") -> GraphWriter:
        self.graphs.append(GraphWriter(self, name))
        return self.graphs[-1]

    def sign(self, key: str, subgraph: int, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        maps = [
            [Table({0: name, 1: Scalar("I", number)}) for name, number in names.items()] for names in (inputs, outputs)
        ]
        self.signatures.append(Table({0: maps[0], 1: maps[1], 2: key, 4: Scalar("I", subgraph)}))

    def buffer(self, data: bytes) -> int:
        self.buffers.append(data)
        return len(self.buffers) - 1

    def code(self, code: int) -> int:
        if code not in self.codes:
            self.codes.append(code)
        return self.codes.index(code)

    def bytes(self, version: int = 3, identifier: bytes = b"TFL3") -> bytes:
        codes = [Table({0: Scalar("b", min(code, 127)), 3: Scalar("i", code)}) for code in self.codes]
        fields: dict[int, Value] = {0: Scalar("I", version), 1: codes, 2: [graph.table() for graph in self.graphs]}
        fields[4] = [Table({0: data} if data else {}) for data in self.buffers]
        fields[7] = self.signatures
        return write(Table(fields), identifier)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.bytes())
        return path
