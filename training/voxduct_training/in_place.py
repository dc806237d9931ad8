"""An exported language model written anew so that a step costs little more than reading its weights.

The export spells norms, rotary embedding and attention out in hundreds of small operations, and hands all keys and
values in and out at every step. Here each of them is one operation of ONNX Runtime's, and keys and values lie in
buffers that it writes in place (`GroupQueryAttention` with past and present bound to one buffer). What is before the
first attention and behind the last norm stays as it was exported; weights keep their names, however they are stored.

Places in the buffer are what the rotary embedding turns by: it is relative, so whoever moves what is in the buffer
has to turn the keys by as much.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from voxduct.onnx.causal import LENGTHS, ROOM, TOTAL

from .code_lm_model import ROPE_BASE

DOMAIN = "com.microsoft"  # ONNX Runtime's own operations
EPSILON = 1e-6  # of `Norm`


def write_in_place(path: Path, *, layers: int, heads: int, head_dim: int, context: int) -> None:
    """Rewrites an export with `past_key`, `past_value` and `position` in place.

    Afterwards the graph takes, besides what it is fed: `seqlens_k` [batch], steps fed so far and now less one;
    `total_sequence_length`, the same as a number and not less one; `past_key_values.N.key` and `.value`, buffers of
    shape [batch, heads, room, head_dim] with room for `ROOM * context` steps at most. It gives `present.N.key` and
    `.value`, to be bound to the same buffers. A step sees the `context` last ones, its own included.
    """
    model = onnx.load(path)
    _Rewriter(model, layers, heads, head_dim, context).run()
    onnx.checker.check_model(model)  # knows nothing of DOMAIN
    onnx.save(model, path)


class _Rewriter:
    def __init__(self, model: onnx.ModelProto, layers: int, heads: int, head_dim: int, context: int) -> None:
        self.model, self.graph = model, model.graph
        self.layers, self.heads, self.head_dim, self.context = layers, heads, head_dim, context
        self.made: list[onnx.NodeProto] = []

    def run(self) -> None:
        first, last = self._norm("model.layers.0.norm1"), self._norm("model.norm")
        x, end = (self._producer(norm.input[0]).input[0] for norm in (first, last))
        at = list(self.graph.node).index(first) + 1
        self._rotations()
        self._trunk(x, first.output[0])
        # Under these names the rest reads what the last layer says, and its norm.
        names = (last.output[0], end)
        self._producer(end).output[0], last.output[0] = "unread", "unread.normed"
        self.made[-1].output[0], self.made[-1].output[3] = names
        for number, node in enumerate(self.made):
            self.graph.node.insert(at + number, node)
        self._inputs_and_outputs()
        self._drop_unread()
        self.model.opset_import.append(helper.make_opsetid(DOMAIN, 1))

    def _norm(self, name: str) -> onnx.NodeProto:
        """The multiplication by a norm's weights, its last operation."""
        return next(node for node in self.graph.node if node.op_type == "Mul" and f"{name}.weight" in node.input)

    def _producer(self, value: str) -> onnx.NodeProto:
        return next(node for node in self.graph.node if value in node.output)

    def _add(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: object) -> str:
        self.made.append(helper.make_node(kind, inputs, outputs, f"in_place/{outputs[0]}", domain=domain, **attributes))
        return outputs[0]

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _rotations(self) -> None:
        """`cos` and `sin` of every place in a buffer, [room, head_dim / 2]: computed when the graph is loaded."""
        half = np.arange(0, self.head_dim, 2, dtype=np.float32)
        rate = self._constant("rate", np.exp(half * np.float32(-np.log(ROPE_BASE) / self.head_dim)))
        limits = [self._constant(f"places.{n}", np.float32(v)) for n, v in enumerate((0, ROOM * self.context, 1))]
        places = self._add("Range", limits, ["places"])
        column = self._add("Unsqueeze", [places, self._constant("last", np.array([1]))], ["places.column"])
        angle = self._add("Mul", [column, rate], ["angle"])
        for kind in ("Cos", "Sin"):
            self._add(kind, [angle], [kind.lower()])

    def _matrix(self, names: list[str], output: str) -> str:
        """Weights [out, in] one after the other, as one matrix [in, all outs]; constant, so done when loading."""
        joined = names[0] if len(names) == 1 else self._add("Concat", names, [f"{output}.joined"], axis=0)
        return self._add("Transpose", [joined], [output], perm=[1, 0])

    def _trunk(self, x: str, normed: str) -> None:
        for number in range(self.layers):
            name = f"model.layers.{number}"
            mixed = self._product(self._attention(normed, name, number), [f"{name}.out"], f"{name}.mixed")
            x, normed = self._residual(x, mixed, f"{name}.norm2", f"{name}.middle")
            wide = self._product(normed, [f"{name}.up"], f"{name}.wide")
            bent = self._add("FastGelu", [wide], [f"{name}.bent"], DOMAIN)  # the tanh form
            narrow = self._product(bent, [f"{name}.down"], f"{name}.narrow")
            following = f"model.layers.{number + 1}.norm1" if number + 1 < self.layers else "model.norm"
            x, normed = self._residual(x, narrow, following, f"{name}.end")

    def _product(self, x: str, weights: list[str], output: str) -> str:
        matrix = self._matrix([f"{weight}.weight" for weight in weights], f"{output}.matrix")
        return self._add("MatMul", [x, matrix], [output])

    def _residual(self, x: str, added: str, norm: str, output: str) -> tuple[str, str]:
        """The sum of both, and its norm."""
        total, normed = f"{output}.sum", f"{output}.normed"
        inputs = [x, added, f"{norm}.weight"]
        self._add("SkipSimplifiedLayerNormalization", inputs, [normed, "", "", total], DOMAIN, epsilon=EPSILON)
        return total, normed

    def _attention(self, x: str, name: str, number: int) -> str:
        packed = self._product(x, [f"{name}.{part}" for part in ("query", "key", "value")], f"{name}.qkv")
        past = [f"past_key_values.{number}.{part}" for part in ("key", "value")]
        present = [f"present.{number}.{part}" for part in ("key", "value")]
        return self._add(
            "GroupQueryAttention",
            [packed, "", "", *past, LENGTHS, TOTAL, "cos", "sin"],
            [f"{name}.seen", *present],
            DOMAIN,
            num_heads=self.heads,
            kv_num_heads=self.heads,
            scale=self.head_dim**-0.5,
            do_rotary=1,
            local_window_size=self.context,
        )

    def _inputs_and_outputs(self) -> None:
        info, gone = helper.make_tensor_value_info, ("position", "past_", "present_")
        for values in (self.graph.input, self.graph.output):
            kept = [value for value in values if not value.name.startswith(gone)]
            del values[:]
            values.extend(kept)
        self.graph.input.append(info(LENGTHS, TensorProto.INT32, ["batch"]))
        self.graph.input.append(info(TOTAL, TensorProto.INT32, []))
        shape = ["batch", self.heads, "room", self.head_dim]
        for number in range(self.layers):
            for part in ("key", "value"):
                past, present = f"past_key_values.{number}.{part}", f"present.{number}.{part}"
                self.graph.input.append(info(past, TensorProto.FLOAT, shape))
                self.graph.output.append(info(present, TensorProto.FLOAT, shape))

    def _drop_unread(self) -> None:
        makers = {name: node for node in self.graph.node for name in node.output if name}
        read, waiting = set(), [value.name for value in self.graph.output]
        while waiting:
            name = waiting.pop()
            if name and name not in read:
                read.add(name)
                waiting += makers[name].input if name in makers else []
        kept = [node for node in self.graph.node if read.intersection(node.output)]
        stored = [weight for weight in self.graph.initializer if weight.name in read]
        for values, wanted in ((self.graph.node, kept), (self.graph.initializer, stored)):
            del values[:]
            values.extend(wanted)
        del self.graph.value_info[:]
