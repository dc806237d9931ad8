"""WebRTC's voice activity detector as a `VadModel`: no neural network, almost free, easily fooled by noise."""

from __future__ import annotations

import numpy as np
import webrtcvad

from voxduct.audio import SAMPLE_RATE, float_to_pcm16
from voxduct.models import Floats

FRAME_SIZE = 480  # samples: 30 ms
SUB_FRAME = 160  # samples: 10 ms, the shortest the detector takes
AGGRESSIVENESS = 2  # 0 to 3: how readily a frame is called silence


class WebrtcVad:
    """A frame's probability is the part of its 10-ms sub-frames that are voiced: 0, 1/3, 2/3 or 1."""

    def __init__(self, aggressiveness: int = AGGRESSIVENESS) -> None:
        self._aggressiveness = aggressiveness

    @property
    def frame_size(self) -> int:
        """Samples of one frame at 16 kHz."""
        return FRAME_SIZE

    def new_state(self) -> object:
        """The state of a stream that has heard nothing: a detector of its own."""
        return webrtcvad.Vad(self._aggressiveness)

    def probabilities(self, frames: Floats, state: object) -> Floats:
        """Frames of shape [n, 480] to probabilities of shape [n]; advances `state` in place."""
        if not isinstance(state, webrtcvad.Vad):
            raise TypeError(f"expected webrtcvad.Vad, not {type(state).__name__}")
        pcm = float_to_pcm16(frames.reshape(-1, SUB_FRAME))
        voiced = [state.is_speech(sub_frame.tobytes(), SAMPLE_RATE) for sub_frame in pcm]
        voiced_parts: Floats = np.array(voiced, np.float32).reshape(len(frames), -1).mean(axis=1, dtype=np.float32)
        return voiced_parts
