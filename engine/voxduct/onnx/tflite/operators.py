"""The operators that are read, with the options that matter of each.

Codes and field numbers: tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Op(IntEnum):
    """BuiltinOperator of the schema; others are refused."""

    ADD = 0
    CONCATENATION = 2
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEQUANTIZE = 6
    MUL = 18
    RESHAPE = 22
    GATHER = 36
    SUB = 41
    STRIDED_SLICE = 45
    SPLIT = 49
    CAST = 53
    MAXIMUM = 55
    ARG_MAX = 56
    LESS = 58
    TRANSPOSE_CONV = 67
    NOT_EQUAL = 72
    SUM = 74
    ARG_MIN = 79
    PACK = 83
    ONE_HOT = 85
    LEAKY_RELU = 98
    SQUARED_DIFFERENCE = 99
    QUANTIZE = 114
    CALL_ONCE = 129
    VAR_HANDLE = 142
    READ_VARIABLE = 143
    ASSIGN_VARIABLE = 144


class Padding(IntEnum):
    """How a convolution treats the edges."""

    SAME = 0
    VALID = 1


@dataclass(frozen=True, slots=True)
class Field:
    """Where an option lies in its table."""

    number: int
    kind: str = "i"
    """As in `struct`; `s` is a string."""
    default: int = 0


_BINARY = {"activation": Field(0, "b")}
_ARG = {"output_type": Field(0, "b")}

OPTIONS: Mapping[Op, Mapping[str, Field]] = {
    Op.ADD: _BINARY,
    Op.SUB: _BINARY,
    Op.MUL: _BINARY,
    Op.CONCATENATION: {"axis": Field(0), "activation": Field(1, "b")},
    Op.CONV_2D: {
        "padding": Field(0, "b"),
        "stride_w": Field(1),
        "stride_h": Field(2),
        "activation": Field(3, "b"),
        "dilation_w": Field(4, default=1),
        "dilation_h": Field(5, default=1),
    },
    Op.DEPTHWISE_CONV_2D: {
        "padding": Field(0, "b"),
        "stride_w": Field(1),
        "stride_h": Field(2),
        "depth_multiplier": Field(3),
        "activation": Field(4, "b"),
        "dilation_w": Field(5, default=1),
        "dilation_h": Field(6, default=1),
    },
    Op.TRANSPOSE_CONV: {
        "padding": Field(0, "b"),
        "stride_w": Field(1),
        "stride_h": Field(2),
        "activation": Field(3, "b"),
    },
    Op.LEAKY_RELU: {"alpha": Field(0, "f")},
    Op.STRIDED_SLICE: {
        "begin_mask": Field(0),
        "end_mask": Field(1),
        "ellipsis_mask": Field(2),
        "new_axis_mask": Field(3),
        "shrink_axis_mask": Field(4),
    },
    Op.SPLIT: {"parts": Field(0)},
    Op.GATHER: {"axis": Field(0), "batch_dims": Field(1)},
    Op.SUM: {"keep_dims": Field(0, "B")},
    Op.ARG_MAX: _ARG,
    Op.ARG_MIN: _ARG,
    Op.PACK: {"count": Field(0), "axis": Field(1)},
    Op.ONE_HOT: {"axis": Field(0)},
    Op.CALL_ONCE: {"subgraph": Field(0)},
    Op.VAR_HANDLE: {"container": Field(0, "s"), "name": Field(1, "s")},
}
