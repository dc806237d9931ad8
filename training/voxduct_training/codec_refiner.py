"""The learned half of the codec's decoder: what the sound had and its code vectors have not.

A code vector says the envelope in 24 numbers every 10 ms, the same for pulses and for noise. A causal ConvNeXt hears
the frames so far and corrects both envelopes, point by point; pitch, pulses, noise and overlap-add stay signal
processing, so that it learns from spectra (NSF, DDSP) and codes mean what they meant without it.
"""

from __future__ import annotations

from torch import Tensor, nn

from . import codec_dsp as dsp
from .codec_layers import Stack
from .codec_model import NOISE, VOICED, constant

MOST = 4.0  # nepers that a correction may add or take
PROFILES = {"full": (192, 5), "tiny": (32, 1)}  # width and depth


class Refiner(nn.Module):
    """Parameter vectors of code frames -> corrections of two log envelopes at every bin, two per frame."""

    def __init__(self, inputs: int, width: int = 192, depth: int = 5) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, width)
        self.stack = Stack(width, depth)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2 * (VOICED + NOISE))
        nn.init.zeros_(self.head.weight)  # untrained it corrects nothing
        nn.init.zeros_(self.head.bias)
        self.state_shapes = self.stack.state_shapes
        self.register_buffer("voiced_points", constant(dsp.envelope_points(VOICED)), persistent=False)
        self.register_buffer("noise_points", constant(dsp.envelope_points(NOISE)), persistent=False)

    def forward(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """[B, N, inputs] -> nepers of pulses and of noise, [B, 2N, BINS] each, and the next states."""
        y, after = self.stack(self.enter(0.1 * x).transpose(1, 2), states)
        y = MOST * (self.head(self.norm(y.transpose(1, 2))) / MOST).tanh()
        y = y.reshape(y.shape[0], -1, VOICED + NOISE)
        return y[:, :, :VOICED] @ self.voiced_points, y[:, :, VOICED:] @ self.noise_points, after
