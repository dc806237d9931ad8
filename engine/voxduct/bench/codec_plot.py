"""Rate against each figure, a point for each codec at each rate; drawn by matplotlib where that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voxduct.bench.pictures import pyplot, save
from voxduct.bench.results import Figures

PANELS = {
    "mel_distance": "mel distance (less is better)",
    "stoi": "STOI (more is better)",
    "pesq": "PESQ wideband (more is better)",
    "encode_ms": "encoding, ms of a core per second",
    "decode_ms": "decoding, ms of a core per second",
    "wer_loss": "WER loss, embedded recogniser",
    "wer_loss_pocketsphinx": "WER loss, PocketSphinx",
}
COLUMNS = 3
OPTION = "--plot"


def families(rows: Sequence[Figures], figure: str) -> dict[str, list[tuple[float, float]]]:
    """(kbps, figure) by codec, `lyra-6` and `lyra-3.2` being one, in order of rate; nothing that was not measured."""
    found: dict[str, list[tuple[float, float]]] = {}
    for one in rows:
        rate, value = one["kbps"], one[figure]
        if isinstance(rate, int | float) and isinstance(value, int | float):
            found.setdefault(str(one["codec"]).partition("-")[0], []).append((rate, value))
    return {name: sorted(points) for name, points in found.items()}


def plot(rows: Sequence[Figures], path: Path) -> None:
    """Writes the picture.

    Raises:
        ExtraError: matplotlib is not installed.
        ServerError: the file cannot be written, or is of a kind that matplotlib does not know.
    """
    panels = [figure for figure in PANELS if families(rows, figure)]
    lines = max(1, -(-len(panels) // COLUMNS))
    picture, axes = pyplot(OPTION).subplots(lines, COLUMNS, figsize=(4.2 * COLUMNS, 3.2 * lines), squeeze=False)
    for axis, figure in zip(axes.flat, panels, strict=False):
        for name, points in families(rows, figure).items():
            axis.plot(*zip(*points, strict=True), marker="o", label=name)
        axis.set_xlabel("kbit/s")
        axis.set_title(PANELS[figure], fontsize=9)
        axis.legend(fontsize=8)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    save(picture, path)
