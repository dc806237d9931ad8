"""A decoder's keys and values in buffers that are allocated once, bound to its inputs and outputs.

    cache = DecoderCache(first, following, encoder_states, capacity=448)
    outputs = cache.run(prompt)          # {"logits": [rows, n, vocabulary], "cross_attentions": ...}
    outputs = cache.run([[token]])       # goes on from there

Each key and value has two buffers: a run reads the past from one and writes past and present to the other. The
encoder's keys and values, its states and everything else that stays is bound once, not handed over for each token.
The graph's own `Concat` still copies the past. On a CPU this was measured to be no faster than handing OrtValues over,
see docs/prepare.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from voxduct.errors import InferenceError

PAST, PRESENT = "past_key_values", "present"
Array = npt.NDArray[np.floating]
TYPES: dict[str, type[np.floating]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class DecoderCache:
    """The cache of one utterance, or of one batch of them; one run at a time, any thread.

    Args:
        first: the decoder that is fed first; a merged one is also `following`.
        following: the one that goes on from a past.
        states: what the encoder said, [rows, frames, width].
        capacity: tokens there is room for; memory is touched only as far as it is used.
    """

    def __init__(
        self, first: ort.InferenceSession, following: ort.InferenceSession, states: ort.OrtValue, capacity: int
    ) -> None:
        self._first, self._following = first, following
        self._states = states
        self._capacity = capacity
        self._rows = int(states.shape()[0])
        self._own = [value for value in following.get_inputs() if value.name.startswith(PAST)]
        self._decoder = [value for value in self._own if ".encoder." not in value.name]
        self._buffers = {value.name: self._two_buffers(value) for value in self._decoder}
        self._past = {value.name: self._view(value.name, 0) for value in self._decoder}
        self._flags = {fed: ort.OrtValue.ortvalue_from_numpy(np.array([fed])) for fed in (False, True)}
        self._binding: ort.IOBinding | None = None
        self._outputs: dict[str, Array] = {}
        self.position = 0
        """Tokens fed so far."""

    def run(self, tokens: npt.NDArray[np.int64]) -> dict[str, Array]:
        """Feeds tokens [rows, n] after those fed before; `logits` and whatever attention the decoder gives.

        After the first run the arrays are the cache's own when n is 1: they hold until the next run, copy what must
        last longer.

        Raises:
            InferenceError: there is no room for the tokens, or the decoder fails; feed nothing more after that.
        """
        end = self.position + tokens.shape[1]
        if end > self._capacity:
            raise InferenceError(f"{end} tokens do not fit into a cache for {self._capacity}; end the utterance")
        given = ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(tokens, np.int64))
        try:
            outputs = self._start(given, end) if self.position == 0 else self._go_on(given, end)
        except Exception as error:  # ONNX Runtime has no common base of its errors
            raise InferenceError(
                f"the decoder failed: {(str(error).splitlines() or ['no reason given'])[0]}"
            ) from error
        self.position = end
        return outputs

    def _start(self, tokens: ort.OrtValue, end: int) -> dict[str, Array]:
        """The first run: everything is computed, and the encoder's keys and values stay."""
        binding = self._first.io_binding()
        names = {value.name for value in self._first.get_inputs()}
        for name, value in self._constants(fed=False).items():
            if name in names:
                binding.bind_ortvalue_input(name, value)
        for value in self._own:
            if value.name in names:
                binding.bind_ortvalue_input(value.name, self._empty(value))
        binding.bind_ortvalue_input("input_ids", tokens)
        outputs = self._bind_present(binding, end)
        free = [output.name for output in self._first.get_outputs() if output.name not in outputs]
        for name in free:
            binding.bind_output(name)
        self._first.run_with_iobinding(binding)
        made = dict(zip([*outputs, *free], binding.get_outputs(), strict=True))
        self._past = outputs_to_past(outputs)
        self._bind_following(outputs_to_past({name: made[name] for name in free if ".encoder." in name}))
        return {name: made[name].numpy() for name in free if not name.startswith(PRESENT)}

    def _bind_following(self, encoder: dict[str, ort.OrtValue]) -> None:
        self._binding = self._following.io_binding()
        names = {value.name for value in self._following.get_inputs()}
        for name, value in (self._constants(fed=True) | encoder).items():
            if name in names:
                self._binding.bind_ortvalue_input(name, value)

    def _go_on(self, tokens: ort.OrtValue, end: int) -> dict[str, Array]:
        """A later run: only tokens, past and present are new to it."""
        binding = self._binding
        assert binding is not None
        binding.bind_ortvalue_input("input_ids", tokens)
        for name, value in self._past.items():
            binding.bind_ortvalue_input(name, value)
        binding.clear_binding_outputs()
        present = self._bind_present(binding, end)
        wanted = [o.name for o in self._following.get_outputs() if not o.name.startswith(PRESENT)]
        own = self._bind_own(binding, wanted) if tokens.shape()[1] == 1 else None
        if own is None:
            for name in wanted:
                binding.bind_output(name)
        self._following.run_with_iobinding(binding)
        self._past = outputs_to_past(present)
        if own is not None:
            return own
        made = {name: value.numpy() for name, value in zip(wanted, binding.get_outputs()[len(present) :], strict=True)}
        if tokens.shape()[1] == 1:
            self._outputs = made  # their shapes do not change any more
        return made

    def _bind_own(self, binding: ort.IOBinding, wanted: list[str]) -> dict[str, Array] | None:
        """Binds the arrays of the last run again; None before there are any."""
        if not self._outputs:
            return None
        for name in wanted:
            binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(self._outputs[name]))
        return self._outputs

    def _bind_present(self, binding: ort.IOBinding, end: int) -> dict[str, ort.OrtValue]:
        """Presents of `end` tokens, in the buffers that the past is not in."""
        present = {name.replace(PAST, PRESENT, 1): self._view(name, end) for name in self._buffers}
        for name, value in present.items():
            binding.bind_ortvalue_output(name, value)
        return present

    def _view(self, name: str, tokens: int) -> ort.OrtValue:
        """[rows, heads, tokens, width] at the front of a buffer; the two take turns."""
        (buffer, other), heads, width = self._buffers[name]
        self._buffers[name] = ((other, buffer), heads, width)
        size = self._rows * heads * tokens * width
        return ort.OrtValue.ortvalue_from_numpy(buffer[:size].reshape(self._rows, heads, tokens, width))

    def _two_buffers(self, value: ort.NodeArg) -> tuple[tuple[Array, Array], int, int]:
        heads, width = int(value.shape[1]), int(value.shape[3])
        size = self._rows * heads * self._capacity * width
        return (np.empty(size, TYPES[value.type]), np.empty(size, TYPES[value.type])), heads, width

    def _empty(self, value: ort.NodeArg) -> ort.OrtValue:
        shape = (self._rows, int(value.shape[1]), 0, int(value.shape[3]))
        return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, TYPES[value.type]))

    def _constants(self, *, fed: bool) -> dict[str, ort.OrtValue]:
        return {"encoder_hidden_states": self._states, "use_cache_branch": self._flags[fed]}


def outputs_to_past(outputs: dict[str, ort.OrtValue]) -> dict[str, ort.OrtValue]:
    """`present.*` under the names of the inputs they become."""
    return {name.replace(PRESENT, PAST, 1): value for name, value in outputs.items()}
