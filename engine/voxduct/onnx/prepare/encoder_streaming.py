"""An encoder that hears a stream chunk by chunk: every frame is encoded once, and looks back at those before it.

For models that were trained with chunk masks (Zhang et al., "Unified Streaming and Non-streaming Two-pass End-to-end
Model", 2020); any other would hear each chunk as if it began there. The graph has the same weights. What changes:

- the convolutions pad nothing. The caller gives one log-mel frame more on each side, and what the first convolution
  made of the frame before comes back as `past_conv`: the last of `present_conv`, or an earlier one where frames are
  to be heard again;
- positions begin at `position`;
- keys and values of earlier frames come in as `past.N.key` and `past.N.value`, and go out with the new ones behind.

With zeros, no past and position 0 it is the encoder it was made of.
"""

from __future__ import annotations

import onnx
from onnx import helper

from voxduct.onnx.prepare.encoder_length import INPUT
from voxduct.onnx.prepare.graphs import Scope, forget_shapes, insert_after
from voxduct.onnx.prepare.report import NotRewritable
from voxduct.onnx.prepare.shapes import drop_unread
from voxduct.onnx.whisper_streaming import CONV, POSITION

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
FUSED = "MultiHeadAttention"
PAST_KEY = 6  # its place among the inputs of the operation


def make_streaming(model: onnx.ModelProto, *, heads: int, width: int) -> str:
    """Rewrites a prepared encoder in place and says what was done.

    Args:
        model: with positions cut to the window's length and attention fused.
        heads: of the encoder.
        width: of its states.

    Raises:
        NotRewritable: it has another form.
    """
    graph = model.graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    attentions = [node for node in graph.node if node.op_type == FUSED]
    if len(convolutions) != 2 or not attentions:
        raise NotRewritable("no two convolutions, or no fused attention")
    _shift_positions(graph)
    _carry_convolution(graph, *convolutions, width=width)
    for layer, attention in enumerate(attentions):
        _look_back(graph, attention, layer, heads=heads, width=width // heads)
    drop_unread(graph)
    forget_shapes(graph)
    return f"{len(attentions)} layers look back"


def _shift_positions(graph: onnx.GraphProto) -> None:
    """table[:length] becomes table[position : position + length]."""
    cut = next((node for node in graph.node if node.output[0] == "voxduct/positions/cut"), None)
    if cut is None:
        raise NotRewritable("positions were not cut by a step before this one")
    end = helper.make_node("Add", [POSITION, cut.input[2]], ["voxduct/positions/end"], "voxduct/positions/Add")
    insert_after(graph, {cut.input[2]}, [end])
    cut.input[1], cut.input[2] = POSITION, "voxduct/positions/end"
    graph.input.append(helper.make_tensor_value_info(POSITION, INT64, [1]))


def _carry_convolution(graph: onnx.GraphProto, first: onnx.NodeProto, second: onnx.NodeProto, *, width: int) -> None:
    for convolution in (first, second):
        pads = next(attribute for attribute in convolution.attribute if attribute.name == "pads")
        if list(pads.ints) != [1, 1]:
            raise NotRewritable("convolutions that pad by other than one frame")
        pads.CopyFrom(helper.make_attribute("pads", [0, 0]))
    if INPUT not in Scope.of(graph).sources(first.input[0]):
        raise NotRewritable("the first convolution does not come first")
    made = second.input[0]
    prefix = "voxduct/streaming"
    nodes = [
        helper.make_node("Concat", [f"past_{CONV}", made], [f"{prefix}/joined"], f"{prefix}/Concat", axis=2),
        helper.make_node("Identity", [made], [f"present_{CONV}"], f"{prefix}/Identity"),
    ]
    second.input[0] = f"{prefix}/joined"
    insert_after(graph, {made}, nodes)
    graph.input.append(helper.make_tensor_value_info(f"past_{CONV}", FLOAT, [1, width, 1]))
    graph.output.append(helper.make_tensor_value_info(f"present_{CONV}", FLOAT, [1, width, "mel_frames"]))


def _look_back(graph: onnx.GraphProto, attention: onnx.NodeProto, layer: int, *, heads: int, width: int) -> None:
    if len(attention.input) != 3 or len(attention.output) != 1:
        raise NotRewritable(f"{attention.name} has a mask or a past already")
    for kind in ("key", "value"):
        past, present = f"past.{layer}.{kind}", f"present.{layer}.{kind}"
        attention.input.extend([""] * (PAST_KEY - len(attention.input)) + [past])
        attention.output.append(present)
        graph.input.append(helper.make_tensor_value_info(past, FLOAT, [1, heads, "past", width]))
        graph.output.append(helper.make_tensor_value_info(present, FLOAT, [1, heads, "all", width]))
