"""voxduct-codec-16k: causal SoundStream-shaped codec with a source-filter decoder.

Encoder: log-mel and pitch-lag features -> causal ConvNeXt -> residual VQ. Decoder: causal ConvNeXt -> envelopes and
pitch -> a band-limited pulse train and noise, filtered in the STFT domain (minimum phase) and overlap-added.
A network that must invent phase needs an adversary and days (Vocos, SoundStream); one that steers a source and a
filter (NSF, DDSP) learns from spectral losses alone, which is what two CPU cores can pay for. Algorithmic latency:
one frame (20 ms) + one frame of delay, window included.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import codec_dsp as dsp
from .codec_layers import Stack
from .codec_quantizer import Quantizer

MELS, LAGS = 80, 96
LONG, LONG_BINS = 1024, 161  # pitch analysis: 64 ms window, 0-2.5 kHz
VOICED, NOISE = 80, 40  # envelope points
DELAY = 320  # output lags input by this many samples
GRID = float(2**20)  # phase steps are rounded to this, so that sums do not depend on chunking
PROFILES = {"full": (192, 4, 256, 5), "tiny": (64, 2, 64, 2)}  # widths and depths of encoder and decoder
PITCH_ZERO = 120.0  # pitch is carried as log2(f0 / 120 Hz)


def constant(value: np.ndarray) -> Tensor:
    return torch.tensor(np.ascontiguousarray(value), dtype=torch.float32)


class Features(nn.Module):
    """Audio [B, 1, N*320] -> [B, N, 256]; its state is the last 704 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("short", constant(dsp.dft_kernels(dsp.hann(512), 512, 257)), persistent=False)
        self.register_buffer("long", constant(dsp.dft_kernels(dsp.hann(LONG), LONG, LONG_BINS)), persistent=False)
        self.register_buffer("mels", constant(dsp.mel_bands(MELS, 512)), persistent=False)
        self.register_buffer("lags", constant(dsp.pitch_lags(LAGS, LONG, LONG_BINS)), persistent=False)
        self.state_shape = (1, LONG - dsp.FRAME)
        self.width = 2 * MELS + LAGS

    def forward(self, audio: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([state, audio], 2)
        mel = self._mel(joined[:, :, LONG - 512 - dsp.HOP :])
        batch = mel.shape[0]
        mel = mel.transpose(1, 2).reshape(batch, -1, 2 * MELS)
        return torch.cat([mel, self._pitch(joined)], 2), joined[:, :, audio.shape[2] :]

    def _mel(self, audio: Tensor) -> Tensor:
        parts = F.conv1d(audio, self.short, stride=dsp.HOP)
        power = parts[:, :257].square() + parts[:, 257:].square()
        return (self.mels @ power + 1e-4).log() * 0.25

    def _pitch(self, audio: Tensor) -> Tensor:
        parts = F.conv1d(audio, self.long, stride=dsp.FRAME)
        power = (parts[:, :LONG_BINS].square() + parts[:, LONG_BINS:].square() + 1e-3).pow(0.3)
        lags = self.lags @ power / power.mean(1, keepdim=True)
        return lags.transpose(1, 2) * 3.0


class Encoder(nn.Module):
    def __init__(self, width: int = 192, depth: int = 4) -> None:
        super().__init__()
        self.features = Features()
        self.enter = nn.Linear(self.features.width, width)
        self.stack = Stack(width, depth, kernel=5)
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, width)
        self.state_shapes = [self.features.state_shape, *self.stack.state_shapes]

    def forward(self, audio: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """[B, 1, N*320] -> latents [B, N, width]."""
        x, first = self.features(audio, states[0])
        x, rest = self.stack(self.enter(x).transpose(1, 2), states[1:])
        return self.leave(self.norm(x.transpose(1, 2))), [first, *rest]


class Source(nn.Module):
    """Pitch per sub-frame -> DFT frames of a flat, band-limited pulse train of unit power."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernels", constant(dsp.dft_kernels(dsp.hann(dsp.WINDOW), dsp.FFT, dsp.BINS)), False)
        self.register_buffer("ramp", torch.arange(1, dsp.HOP + 1, dtype=torch.float32) / dsp.HOP, persistent=False)
        self.state_shapes = [(1,), (1,), (1, dsp.HOP)]  # last pitch, phase in cycles, last pulses

    def forward(self, pitch: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """pitch [B, 2N] (log2 of 120 Hz) -> [B, 2*BINS, 2N]."""
        last, phase, tail = states
        joined = torch.cat([last, pitch], 1)
        hertz = PITCH_ZERO * (joined * math.log(2.0)).exp()  # exp2 has no ONNX form
        begin, end = hertz[:, :-1], hertz[:, 1:]
        step = ((begin + end) * (GRID * dsp.HOP / 2 / dsp.RATE)).round().double()
        total = phase.double() * GRID + step.cumsum(1)
        total = total - (total / GRID).floor() * GRID
        phases = torch.cat([phase, (total / GRID).float()], 1)
        pulses = self._pulses(begin, end, phases[:, :-1])
        joined_pulses = torch.cat([tail, pulses.reshape(pulses.shape[0], 1, -1)], 2)
        frames = F.conv1d(joined_pulses, self.kernels, stride=dsp.HOP)
        return frames, [joined[:, -1:], phases[:, -1:], joined_pulses[:, :, -dsp.HOP :]]

    def _pulses(self, begin: Tensor, end: Tensor, phase: Tensor) -> Tensor:
        """Sum of cos(2 pi k phase) below 7.8 kHz in closed form (Dirichlet kernel), [B, 2N, HOP]."""
        ramp = self.ramp
        turn = (begin[:, :, None] * ramp + (end - begin)[:, :, None] * ramp.square() * 0.5) * (dsp.HOP / dsp.RATE)
        cycle = phase[:, :, None] + turn
        cycle = cycle - cycle.round()
        count = (7800.0 / end).floor()[:, :, None]
        below = torch.sin(math.pi * cycle)
        near = below.abs() < 1e-5
        ratio = torch.sin((2 * count + 1) * math.pi * cycle) / torch.where(near, torch.ones_like(below), below)
        total = torch.where(near, 2 * count + 1 + torch.zeros_like(ratio), ratio)
        return (total - 1.0) * 0.5 / (count * 0.5).sqrt()


class Decoder(nn.Module):
    def __init__(self, latent: int = 192, width: int = 256, depth: int = 5) -> None:
        super().__init__()
        self.enter = nn.Linear(latent, width)
        self.stack = Stack(width, depth)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2 * (VOICED + NOISE + 1))
        self.source = Source()
        tail = dsp.FFT - dsp.HOP
        self.state_shapes = [*self.stack.state_shapes, *self.source.state_shapes, (1,), (1, tail)]
        self.register_buffer("voiced_points", constant(dsp.envelope_points(VOICED)), persistent=False)
        self.register_buffer("noise_points", constant(dsp.envelope_points(NOISE)), persistent=False)
        phase = dsp.envelope_points(VOICED) @ dsp.minimum_phase()
        self.register_buffer("phase_points", constant(phase), persistent=False)
        self.register_buffer("noise", constant(dsp.noise_frames()), persistent=False)
        self.register_buffer("inverse", constant(dsp.inverse_kernels()), persistent=False)
        with torch.no_grad():
            self.head.weight.mul_(0.3)
            self.head.bias.fill_(-4.0)
            self.head.bias[-2:] = 0.5

    def steer(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Latents [B, N, latent] -> voiced [B, 2N, 80], noise [B, 2N, 40] log envelopes, pitch [B, 2N]."""
        y, after = self.stack(self.enter(x).transpose(1, 2), states)
        y = self.head(self.norm(y.transpose(1, 2)))
        batch = y.shape[0]
        voiced = y[:, :, : 2 * VOICED].reshape(batch, -1, VOICED)
        noise = y[:, :, 2 * VOICED : 2 * (VOICED + NOISE)].reshape(batch, -1, NOISE)
        pitch = y[:, :, 2 * (VOICED + NOISE) :].reshape(batch, -1)
        return voiced.clamp(-12, 6), noise.clamp(-12, 6), pitch.clamp(-1.2, 1.9), after

    def sound(self, voiced: Tensor, noise: Tensor, pitch: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Envelopes and pitch -> audio [B, 1, N*320]; states: three of the source, frame number, overlap tail."""
        source, after = self.source(pitch, states[:3])
        level = (voiced @ self.voiced_points).exp()
        angle = voiced @ self.phase_points
        real, imaginary = source[:, : dsp.BINS].transpose(1, 2), source[:, dsp.BINS :].transpose(1, 2)
        cos, sin = level * angle.cos(), level * angle.sin()
        hiss, number = self._hiss(noise, states[3])
        spectrum = torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], 2) + hiss
        waves = F.conv_transpose1d(spectrum.transpose(1, 2), self.inverse, stride=dsp.HOP)
        tail = states[4]
        size = waves.shape[2] - tail.shape[2]
        waves = waves + F.pad(tail, (0, size))
        return waves[:, :, :size], [*after, number, waves[:, :, size:]]

    def _hiss(self, noise: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        count = noise.shape[1]
        rows = number.long() + torch.arange(count, device=noise.device)[None]
        frames = F.embedding(rows % self.noise.shape[0], self.noise)
        level = (noise @ self.noise_points).exp()
        return frames * torch.cat([level, level], 2), (rows[:, -1:] + 1).remainder(self.noise.shape[0]).float()

    def forward(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        depth = len(self.stack.blocks)
        voiced, noise, pitch, first = self.steer(x, states[:depth])
        audio, rest = self.sound(voiced, noise, pitch, states[depth:])
        return audio, [*first, *rest]


class Codec(nn.Module):
    def __init__(self, width: int = 192, encoder_depth: int = 4, decoder_width: int = 256, depth: int = 5) -> None:
        super().__init__()
        self.encoder = Encoder(width, encoder_depth)
        self.quantizer = Quantizer(width)
        self.decoder = Decoder(width, decoder_width, depth)

    @staticmethod
    def zeros(shapes: list[tuple[int, ...]], batch: int) -> list[Tensor]:
        return [torch.zeros(batch, *shape) for shape in shapes]

    def encode(self, audio: Tensor) -> Tensor:
        """[B, 1, N*320] -> codes [B, 4, N]."""
        latents, _ = self.encoder(audio, self.zeros(self.encoder.state_shapes, len(audio)))
        return self.quantizer.encode(latents)

    def decode(self, codes: Tensor) -> Tensor:
        latents = self.quantizer.decode(codes)
        return self.decoder(latents, self.zeros(self.decoder.state_shapes, len(codes)))[0]
