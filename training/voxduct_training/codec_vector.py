"""voxduct-codec-16k as shipped: a source-filter vocoder whose parameters are residual-vector-quantised.

The analysis network (codec_model) splits sound into pitch, voiced and noise envelopes. What is quantised is not its
latent but the parameters themselves: mel-cepstra of two 10 ms sub-frames, pitch, and voicing in four bands. k-means
over those converges in seconds, where a learnt latent space of the same bit rate needs hours, and every code vector
means something. Four books of 1024, each on what the ones before it left (SoundStream, arXiv 2107.03312). What they
leave out is guessed by a network (codec_refiner) while the sound is made.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import codec_dsp as dsp
from .codec_model import MELS, NOISE, PROFILES, VOICED, Codec, Source, constant
from .codec_refiner import PROFILES as REFINERS
from .codec_refiner import Refiner

CEPSTRA, BANDS = 24, 4
BOOKS, SIZE = 4, 1024
PITCH_WEIGHT, BAND_WEIGHT = 30.0, 5.0
WIDTH = 2 * (CEPSTRA + 1 + BANDS)  # values per code frame


def cosines() -> np.ndarray:
    """[MELS, CEPSTRA]: orthonormal DCT-II."""
    angle = np.pi * np.outer(np.arange(MELS) + 0.5, np.arange(CEPSTRA)) / MELS
    matrix = np.cos(angle) * np.sqrt(2.0 / MELS)
    matrix[:, 0] /= np.sqrt(2.0)
    return matrix


def spread(count: int, offset: float) -> np.ndarray:
    """[count, BINS]: linear interpolation from `count` mel-spaced centres to bins, flat beyond the ends."""
    mel = dsp.hertz_to_mel(np.arange(dsp.BINS) * dsp.RATE / dsp.FFT) / dsp.hertz_to_mel(dsp.RATE / 2)
    place = np.clip(mel * (count + 2 * offset - 1) - offset, 0, count - 1.0001)
    low = place.astype(int)
    matrix = np.zeros((count, dsp.BINS))
    matrix[low, np.arange(dsp.BINS)] = 1 - (place - low)
    matrix[low + 1, np.arange(dsp.BINS)] += place - low
    return matrix


def fade() -> np.ndarray:
    """[FFT]: lets a filter's tail end softly instead of being cut where the transform ends."""
    taper, size = np.ones(dsp.FFT), dsp.FFT // 2
    taper[size:] = 0.5 + 0.5 * np.cos(np.pi * np.arange(size) / size)
    return taper


class Analyser(nn.Module):
    """Audio -> parameter vectors [B, N, WIDTH], by the trained network and fixed cepstra."""

    def __init__(self, profile: str = "full") -> None:
        super().__init__()
        self.net = Codec(*PROFILES[profile])
        self.depth = len(self.net.encoder.state_shapes)
        self.state_shapes = [*self.net.encoder.state_shapes, *self.net.decoder.stack.state_shapes]
        self.register_buffer("cosines", constant(cosines()), persistent=False)

    def forward(self, audio: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        encoder, decoder = self.net.encoder, self.net.decoder
        features, first = encoder.features(audio, states[0])
        x, blocks = encoder.stack(encoder.enter(features).transpose(1, 2), states[1 : self.depth])
        # Through its own quantizer: the network's decoder knows no other latents.
        latents = self.net.quantizer.decode(self.net.quantizer.encode(encoder.leave(encoder.norm(x.transpose(1, 2)))))
        voiced, noise, pitch, rest = decoder.steer(latents, states[self.depth :])
        batch = audio.shape[0]
        mel = features[:, :, : 2 * MELS].reshape(batch, -1, MELS) * 4.0  # Features scales its logarithm by 1/4
        ratio = voiced.reshape(batch, -1, BANDS, VOICED // BANDS).mean(3) - noise.reshape(
            batch, -1, BANDS, NOISE // BANDS
        ).mean(3)
        parts = [mel @ self.cosines, pitch[:, :, None] * PITCH_WEIGHT, torch.tanh(0.5 * ratio) * BAND_WEIGHT]
        return torch.cat(parts, 2).reshape(batch, -1, WIDTH), [first, *blocks, *rest]


class Books(nn.Module):
    """Residual vector quantizer over parameter vectors, plain nearest neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(BOOKS, SIZE, WIDTH))

    def encode(self, x: Tensor) -> Tensor:
        """[B, N, WIDTH] -> [B, BOOKS, N]."""
        found = []
        for book in range(BOOKS):
            codes = self.codes[book]
            index = (x @ codes.T - 0.5 * codes.square().sum(1)).argmax(-1)
            x = x - F.embedding(index, codes)
            found.append(index)
        return torch.stack(found, 1)

    def decode(self, codes: Tensor) -> Tensor:
        out = F.embedding(codes[:, 0], self.codes[0])
        for book in range(1, BOOKS):
            out = out + F.embedding(codes[:, book], self.codes[book])
        return out

    @torch.no_grad()
    def learn(self, x: Tensor, rounds: int = 12) -> list[float]:
        """k-means book by book over [M, WIDTH]; returns what is left after each, as a share of the variance."""
        whole, left = float((x - x.mean(0)).square().sum(1).mean()), x
        kept = []
        for book in range(BOOKS):
            codes = left[torch.randperm(len(left))[:SIZE]].clone()
            for _ in range(rounds):
                index = (left @ codes.T - 0.5 * codes.square().sum(1)).argmax(1)
                count = torch.bincount(index, minlength=SIZE).float()
                total = torch.zeros_like(codes).index_add_(0, index, left)
                codes = total / count.clamp(min=1)[:, None]
                dead = (count < 2).nonzero().flatten()
                codes[dead] = left[torch.randint(len(left), (len(dead),))]
            self.codes[book] = codes
            index = (left @ codes.T - 0.5 * codes.square().sum(1)).argmax(1)
            left = left - codes[index]
            kept.append(float(left.square().sum(1).mean()) / whole)
        return kept


class Synthesis(nn.Module):
    """Parameter vectors -> audio: pulses and noise through minimum-phase and plain filters, overlap-added."""

    def __init__(self, profile: str = "full") -> None:
        super().__init__()
        self.source = Source()
        self.refiner = Refiner(WIDTH, *REFINERS[profile])
        self.state_shapes = [*self.source.state_shapes, (1,), (1, dsp.FFT - dsp.HOP), *self.refiner.state_shapes]
        sharpen = np.ones(CEPSTRA)
        sharpen[2:] = 1.12  # quantised envelopes are flatter than real ones (the HTS post-filter's remedy)
        self.register_buffer("envelope", constant((cosines() * sharpen).T @ spread(MELS, 1.0)), persistent=False)
        self.register_buffer("bands", constant(spread(BANDS, 0.5)), persistent=False)
        self.register_buffer("phase", constant(dsp.minimum_phase()), persistent=False)
        self.register_buffer("noise", constant(dsp.noise_frames()), persistent=False)
        self.register_buffer("inverse", constant(dsp.inverse_kernels() * fade()), persistent=False)
        self.register_buffer("level", torch.zeros(2, 1))  # log gain of pulses, of noise; measured

    def forward(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        more_pulses, more_noise, refined = self.refiner(x, states[5:])
        x = x.reshape(x.shape[0], -1, WIDTH // 2)
        pitch = (x[:, :, CEPSTRA] / PITCH_WEIGHT).clamp(-1.1, 1.8)
        source, after = self.source(pitch, states[:3])
        shape = 0.5 * (x[:, :, :CEPSTRA] @ self.envelope)
        # Cliffs of more than 43 dB would ring longer than the transform is and come back as buzz.
        peak = shape.amax(2, keepdim=True)
        smooth, shape = torch.maximum(shape, peak - 5.0), torch.maximum(shape, peak - 6.5)
        voicing = (x[:, :, CEPSTRA + 1 :] / BAND_WEIGHT).clamp(-0.99, 0.99) @ self.bands
        # tanh(r/2) -> odds e^(3r): the analysis, trained on spectra, leaves more hiss between harmonics than
        # the ear likes.
        up, down = (1 + voicing).pow(3), (1 - voicing).pow(3)
        loud = shape + self.level[0] + 0.5 * (up / (up + down)).log() + more_pulses
        hiss = (shape + self.level[1] + 0.5 * (down / (up + down)).log() + more_noise).exp()
        angle = (smooth + more_pulses) @ self.phase
        number = states[3].long() + torch.arange(x.shape[1], device=x.device)[None]
        noise = F.embedding(number % self.noise.shape[0], self.noise)
        real, imaginary = source[:, : dsp.BINS].transpose(1, 2), source[:, dsp.BINS :].transpose(1, 2)
        cos, sin = loud.exp() * angle.cos(), loud.exp() * angle.sin()
        parts = [real * cos - imaginary * sin + noise[:, :, : dsp.BINS] * hiss]
        parts.append(real * sin + imaginary * cos + noise[:, :, dsp.BINS :] * hiss)
        waves = F.conv_transpose1d(torch.cat(parts, 2).transpose(1, 2), self.inverse, stride=dsp.HOP)
        size = waves.shape[2] - states[4].shape[2]
        waves = waves + F.pad(states[4], (0, size))
        later = (number[:, -1:] + 1).remainder(self.noise.shape[0]).float()
        return waves[:, :, :size], [*after, later, waves[:, :, size:], *refined]


class VectorCodec(nn.Module):
    def __init__(self, profile: str = "full") -> None:
        super().__init__()
        self.analyser, self.books, self.synthesis = Analyser(profile), Books(), Synthesis(profile)

    @staticmethod
    def zeros(shapes: list[tuple[int, ...]], batch: int) -> list[Tensor]:
        return [torch.zeros(batch, *shape) for shape in shapes]

    def analyse(self, audio: Tensor, pitch: Tensor | None = None) -> Tensor:
        """Parameter vectors; a better pitch (log2 of 120 Hz, [B, 2N], NaN where unknown) may replace the network's."""
        x = self.analyser(audio, self.zeros(self.analyser.state_shapes, len(audio)))[0]
        if pitch is None:
            return x
        halves = x.reshape(len(x), -1, WIDTH // 2).clone()
        halves[:, :, CEPSTRA] = torch.where(pitch.isnan(), halves[:, :, CEPSTRA], pitch * PITCH_WEIGHT)
        return halves.reshape(x.shape)

    def synthesise(self, x: Tensor) -> Tensor:
        return self.synthesis(x, self.zeros(self.synthesis.state_shapes, len(x)))[0]

    def encode(self, audio: Tensor, pitch: Tensor | None = None) -> Tensor:
        return self.books.encode(self.analyse(audio, pitch))

    def decode(self, codes: Tensor) -> Tensor:
        return self.synthesise(self.books.decode(codes))
