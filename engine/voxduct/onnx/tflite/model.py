"""What a TensorFlow Lite file says: graphs of operators over tensors, some of them constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxduct.onnx.tflite.operators import Op

ABSENT = -1
"""Number of an optional input that is not given."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantisation:
    """A stored integer q stands for `scale * (q - zero_point)`."""

    scales: npt.NDArray[np.float32]
    """One, or one for each index on `axis`."""
    zero_points: npt.NDArray[np.int64]
    """As many."""
    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value of a graph."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic] | None
    """None is a handle of a variable."""
    data: npt.NDArray[np.generic] | None
    """Shape `shape`; None where it is no constant."""
    quantisation: Quantisation | None

    def values(self) -> npt.NDArray[np.generic]:
        """The constant as it is meant: integers with a scale as float32, others as they are; ValueError if none."""
        if self.data is None:
            raise ValueError(f"{self.name} is no constant")
        if self.quantisation is None:
            return self.data
        spread = [1] * self.data.ndim
        if len(self.quantisation.scales) > 1:
            spread[self.quantisation.axis] = -1
        scales, zeros = (array.reshape(spread) for array in (self.quantisation.scales, self.quantisation.zero_points))
        return ((self.data.astype(np.int64) - zeros) * scales.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One step of a graph; tensors by their number in the subgraph."""

    op: Op
    inputs: tuple[int, ...]
    """`ABSENT` where an optional one is not given."""
    outputs: tuple[int, ...]
    options: Mapping[str, int | float | str]


@dataclass(frozen=True, slots=True, eq=False)
class Subgraph:
    """Operators in the order in which they run."""

    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]

    def variables(self) -> dict[str, int]:
        """Variables that the graph handles, in order of their handles: name to the tensor that is the handle."""
        handles = (operator for operator in self.operators if operator.op is Op.VAR_HANDLE)
        return {str(operator.options["name"]): operator.outputs[0] for operator in handles}


@dataclass(frozen=True, slots=True)
class Signature:
    """A graph's inputs and outputs by name."""

    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """A whole file."""

    subgraphs: tuple[Subgraph, ...]
    signatures: Mapping[str, Signature]
