"""Spectral losses of the codec: multi-resolution log-mel L1 and log-STFT L1 (DAC's mel loss, without the adversary)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import codec_dsp as dsp

RESOLUTIONS = ((512, 160, 60), (1024, 320, 80))  # FFT size, hop, mel bands


class SpectralLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for fft, _, mels in RESOLUTIONS:
            self.register_buffer(f"mel{fft}", torch.tensor(dsp.mel_bands(mels, fft), dtype=torch.float32))
            self.register_buffer(f"window{fft}", torch.hann_window(fft))

    def forward(self, made: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T] twice -> mel loss, STFT loss."""
        mel, linear = made.new_zeros(()), made.new_zeros(())
        for fft, hop, _ in RESOLUTIONS:
            bands = getattr(self, f"mel{fft}")
            a = self._power(made, fft, hop)
            with torch.no_grad():
                b = self._power(wanted, fft, hop)
                mel_b, linear_b = (bands @ b + 1e-6).log(), (b + 1e-6).log()
            mel = mel + ((bands @ a + 1e-6).log() - mel_b).abs().mean()
            linear = linear + ((a + 1e-6).log() - linear_b).abs().mean()
        return mel / (2 * len(RESOLUTIONS)), linear / (2 * len(RESOLUTIONS))

    def _power(self, audio: Tensor, fft: int, hop: int) -> Tensor:
        """Squared magnitudes over the FFT size, so that one floor fits every resolution."""
        window = getattr(self, f"window{fft}")
        return (
            torch.view_as_real(torch.stft(audio, fft, hop, window=window, return_complex=True)).square().sum(-1) / fft
        )


def mel_distance(made: Tensor, wanted: Tensor) -> float:
    """Mean absolute difference of 80 log10-mel bands (1024/256), in dB / 10 units of log10 amplitude."""
    bands = torch.tensor(dsp.mel_bands(80, 1024), dtype=torch.float32)
    window = torch.hann_window(1024)

    def logs(x: Tensor) -> Tensor:
        power = torch.stft(x, 1024, 256, window=window, return_complex=True).abs().square() / 1024
        return 0.5 * (bands @ power + 1e-6).log10()

    return float((logs(made) - logs(wanted)).abs().mean())
