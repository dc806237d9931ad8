"""Pitch of the training audio: normalised autocorrelation with a Viterbi path over log-spaced lags.

Runs over one long file cut into parallel strips; pitch is carried through unvoiced stretches so that the decoder's
pulse train never jumps, and voicing is kept beside it as the loss weight.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .codec_dsp import HOP, RATE

WINDOW, FFT = 1024, 2048
LOW, HIGH, STATES = 60.0, 400.0, 132
GRID = RATE / (LOW * (HIGH / LOW) ** (np.arange(STATES) / (STATES - 1)))  # lag in samples of every state


def correlate(frames: Tensor) -> Tensor:
    """[M, WINDOW] -> [M, lags] autocorrelation divided by that of the window and by the energy."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.fft.rfft((frames - frames.mean(1, keepdim=True)) * window, FFT)
    lags = torch.fft.irfft(spectrum.abs().square())[:, : RATE // int(LOW) + 3]
    shape = torch.fft.irfft(torch.fft.rfft(window, FFT).abs().square())[: lags.shape[1]]
    return lags / (lags[:, :1] + 1e-3) / (shape / shape[0])


def scores(strip: np.ndarray, block: int = 4096) -> tuple[np.ndarray, np.ndarray]:
    """Per frame: the correlation at every state, and the refined lag at every state."""
    padded = torch.from_numpy(np.pad(strip, WINDOW // 2).astype(np.float32) / 32768)
    frames = padded.unfold(0, WINDOW, HOP)
    low = torch.from_numpy(GRID).floor().long()
    part = torch.from_numpy(GRID).float() - low
    out, refined = [], []
    for begin in range(0, len(frames), block):
        lags = correlate(frames[begin : begin + block])
        value = lags[:, low] * (1 - part) + lags[:, low + 1] * part
        near = torch.from_numpy(GRID).round().long()
        left, middle, right = lags[:, near - 1], lags[:, near], lags[:, near + 1]
        bend = left - 2 * middle + right
        shift = torch.where(bend < -1e-6, 0.5 * (left - right) / bend, torch.zeros_like(bend)).clamp(-0.6, 0.6)
        out.append(value.half().numpy())
        refined.append((near + shift).float().numpy())
    return np.concatenate(out), np.concatenate(refined)


def best_path(value: np.ndarray) -> np.ndarray:
    """[strips, frames, STATES] correlations -> [strips, frames] states; moves of up to 4 states are cheap."""
    strips, count, _ = value.shape
    # A small preference for short lags keeps the path off sub-octaves.
    bonus = 0.08 * np.arange(STATES) / STATES
    back = np.zeros((count, strips, STATES), np.int16)
    total = value[:, 0] + bonus
    here = np.arange(STATES)
    for t in range(1, count):
        best, source = total.copy(), np.broadcast_to(here, total.shape).copy()
        for move in (-4, -3, -2, -1, 1, 2, 3, 4):
            moved = np.full_like(total, -1e9)
            if move > 0:
                moved[:, move:] = total[:, :-move]
            else:
                moved[:, :move] = total[:, -move:]
            moved -= 0.015 * abs(move)
            better = moved > best
            best = np.where(better, moved, best)
            source = np.where(better, here - move, source)
        jump = total.max(1) - 0.45
        far = jump[:, None] > best
        best = np.where(far, jump[:, None], best)
        source = np.where(far, total.argmax(1)[:, None], source)
        back[t] = source
        total = best + np.maximum(value[:, t], 0) + bonus
        total -= total.max(1, keepdims=True)
    path = np.zeros((strips, count), np.int64)
    path[:, -1] = total.argmax(1)
    for t in range(count - 1, 0, -1):
        path[:, t - 1] = back[t][np.arange(strips), path[:, t]]
    return path


def track(audio: np.ndarray, strips: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """int16 audio -> log2(f0/120) and voicing in [0, 1] every HOP samples."""
    size = len(audio) // strips // HOP * HOP
    found = [scores(audio[k * size : (k + 1) * size]) for k in range(strips)]
    count = size // HOP
    value = np.stack([v[:count] for v, _ in found]).astype(np.float32)
    path = best_path(value)
    strip, frame = np.indices(path.shape)
    lag = np.stack([r[:count] for _, r in found])[strip, frame, path]
    strength = value[strip, frame, path].reshape(-1)
    energy = np.sqrt((audio[: size * strips].reshape(-1, HOP).astype(np.float32) ** 2).mean(1)) / 32768
    voiced = (strength > 0.5) & (energy > 0.004)
    pitch = np.log2(RATE / lag.reshape(-1) / 120.0)
    if voiced.any():
        where = np.arange(len(pitch))
        pitch = np.interp(where, where[voiced], pitch[voiced])
    return pitch.astype(np.float32), voiced.astype(np.uint8)


def write(folder: Path, limit_hours: float) -> None:
    """pitch.npz beside audio.i16, for at most `limit_hours`."""
    audio = np.memmap(folder / "audio.i16", np.int16, "r")[: int(limit_hours * 3600 * RATE)]
    pitch, voiced = track(audio)
    np.savez(folder / "pitch.npz", pitch=pitch, voiced=voiced)
