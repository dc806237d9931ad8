"""Spectrograms of several sounds on one sheet, to be looked at side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.audio import SAMPLE_RATE, Samples
from voxduct.bench.pictures import pyplot, save
from voxduct.bench.pitch import HOP
from voxduct.dsp import Doubles

OPTION = "--sheet"
TOP_HZ, TOP_PITCH_HZ = 5000, 500
QUIETEST_DB, LOUDEST_DB = -130, -40
CELL = 5.5, 7 / 3  # inches


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One sound."""

    title: str
    samples: Samples
    """At 16 kHz."""
    mark_s: float | None = None
    """Where a line is drawn."""
    pitch_hz: Doubles | None = None
    """Drawn over it on a scale of its own, from 0 to TOP_PITCH_HZ; as `voxduct.bench.pitch.track` gives it."""


def draw_sheet(path: Path, panels: Sequence[Panel], columns: int = 2) -> None:
    """Draws them row by row, all on the scale of the longest.

    Raises:
        ExtraError: matplotlib is not installed.
        ServerError: the file cannot be written, or is of a kind that matplotlib does not know.
    """
    rows = -(-len(panels) // columns)
    size = CELL[0] * columns, CELL[1] * rows
    figure, axes = pyplot(OPTION).subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        how = {"NFFT": 512, "noverlap": 352, "cmap": "magma", "vmin": QUIETEST_DB, "vmax": LOUDEST_DB}
        axis.specgram(panel.samples + 1e-6, Fs=SAMPLE_RATE, **how)
        axis.set_title(panel.title, fontsize=8)
        axis.set_ylim(0, TOP_HZ)
        if panel.mark_s is not None:
            axis.axvline(panel.mark_s, color="white", linewidth=1)
        if panel.pitch_hz is not None:
            over = axis.twinx()
            over.plot(np.arange(len(panel.pitch_hz)) * HOP / SAMPLE_RATE, panel.pitch_hz, color="cyan", linewidth=1.5)
            over.set_ylim(0, TOP_PITCH_HZ)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    figure.supxlabel("seconds")
    figure.supylabel("Hz")
    save(figure, path, dpi=60, pil_kwargs={"optimize": True})
