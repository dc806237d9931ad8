"""An encoder that looks back (see `prepare.encoder_streaming`), as one that remembers a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from voxduct.asr.listening import MEL_FRAMES
from voxduct.models import Floats
from voxduct.onnx.graph import Graph, as_value
from voxduct.onnx.whisper_encoding import FRAMES, Encoding, checked

POSITION, CONV, PAST = "position", "conv", "past."  # names of its inputs


@dataclass(frozen=True, slots=True, eq=False)
class EncoderMemory:
    """What a stream's next frames depend on. Never changed: a pass whose result nobody wants leaves no trace."""

    frames: int
    """Encoded so far."""
    feeds: dict[str, ort.OrtValue]
    """Keys and values of the frames that are looked back at, and what the convolution needs."""


class StreamingEncoder:
    """Runs such a graph, chunk by chunk or whole windows; remembers nothing itself."""

    def __init__(self, graph: Graph, left_frames: int) -> None:
        """`left_frames` is how far back the model looks, which is what it was trained with."""
        self._graph = graph
        self._left = left_frames
        self._past = [name for name in graph.inputs if name.startswith(PAST)]
        width = graph.inputs[f"past_{CONV}"].shape[1]
        feeds = {name: graph.empty(name, 1) for name in self._past}
        feeds[f"past_{CONV}"] = as_value(np.zeros((1, width, 1), np.float32))
        self._start = EncoderMemory(0, feeds)

    def encode(self, log_mel: Floats) -> Encoding:
        """A whole window by itself: log-mel of shape [num_mels, 2 * frames]."""
        return self.encode_next(np.pad(log_mel, ((0, 0), (1, 1))), None)[0]

    def encode_next(
        self, log_mel: Floats, memory: object | None, keep: int | None = None
    ) -> tuple[Encoding, EncoderMemory]:
        """See `StreamingWhisperModel`."""
        before = self._start if memory is None else checked(memory, EncoderMemory)
        feeds = before.feeds | {
            "input_features": as_value(log_mel[None]),
            POSITION: as_value(np.array([before.frames], np.int64)),
        }
        outputs = self._graph.run(feeds)
        frames = log_mel.shape[1] // MEL_FRAMES - 1
        keep = frames if keep is None else keep
        present = {name: outputs.pop(name.replace("past", "present", 1)) for name in self._past}
        kept = {name: self._looked_back_at(value, frames - keep) for name, value in present.items()}
        convolved = outputs.pop(f"present_{CONV}").numpy()
        kept[f"past_{CONV}"] = as_value(np.ascontiguousarray(convolved[..., [MEL_FRAMES * keep - 1]]))
        return Encoding(outputs, frames), EncoderMemory(before.frames + keep, kept)

    def _looked_back_at(self, value: ort.OrtValue, forget: int) -> ort.OrtValue:
        """Of keys or values, those that the frame after all but the last `forget` ones looks back at."""
        end = value.shape()[FRAMES] - forget
        if end <= self._left and not forget:
            return value
        return as_value(np.ascontiguousarray(value.numpy()[..., max(end - self._left, 0) : end, :]))
