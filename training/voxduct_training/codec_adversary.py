"""An adversary for envelopes: is this patch of a log-mel spectrogram of speech, or of the codec?

Spectral losses alone end in the average of what could have been there, which sounds muffled. Networks that look at
patches of spectrograms take that away (Kaneko et al. 2017, for parametric synthesis; Isola et al. 2016, section
3.2.2); on mel bands they cost a hundredth of the waveform discriminators of SoundStream.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from . import codec_dsp as dsp

RESOLUTIONS = ((512, 160, 80), (256, 80, 40))  # FFT size, hop, mel bands


class Patches(nn.Module):
    """Log-mel [B, 1, bands, T] -> verdicts per patch, and what every layer saw."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        sizes = [1, width, 2 * width, 4 * width]
        pairs = pairwise(sizes)
        self.layers = nn.ModuleList([nn.Conv2d(a, b, (3, 5), (2, 2), (1, 2)) for a, b in pairs])
        self.verdict = nn.Conv2d(sizes[-1], 1, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        seen = []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.2)
            seen.append(x)
        return self.verdict(x), seen


class Adversary(nn.Module):
    """`Patches` at two resolutions of sound [B, T]."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.ModuleList([Patches() for _ in RESOLUTIONS])
        for fft, _, mels in RESOLUTIONS:
            self.register_buffer(f"mel{fft}", torch.tensor(dsp.mel_bands(mels, fft), dtype=torch.float32))
            self.register_buffer(f"window{fft}", torch.hann_window(fft))

    def forward(self, sound: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        found = []
        for (fft, hop, _), patches in zip(RESOLUTIONS, self.patches, strict=True):
            spectrum = torch.stft(sound, fft, hop, window=getattr(self, f"window{fft}"), return_complex=True)
            power = torch.view_as_real(spectrum).square().sum(-1) / fft
            found.append(patches(0.3 * (getattr(self, f"mel{fft}") @ power + 1e-6).log()[:, None] + 1.5))
        return found

    def against(self, made: Tensor, wanted: Tensor) -> Tensor:
        """The adversary's own loss (least squares)."""
        pairs = zip(self(made.detach()), self(wanted), strict=True)
        return torch.stack([a.square().mean() + (1 - b).square().mean() for (a, _), (b, _) in pairs]).mean()

    def for_codec(self, made: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """How far the codec is from deceiving it, and how differently its layers see the two."""
        with torch.no_grad():
            goals = self(wanted)
        deceived, alike = [], []
        for (verdict, seen), (_, goal) in zip(self(made), goals, strict=True):
            deceived.append((1 - verdict).square().mean())
            alike += [(a - b).abs().mean() / (b.abs().mean() + 1e-3) for a, b in zip(seen, goal, strict=True)]
        return torch.stack(deceived).mean(), torch.stack(alike).mean()
