"""The held-out synthetic test: sentences and voices that training never uses, spoken again from a table.

The table is benchmarks/data/heldout_synthetic.tsv, so a benchmark needs the synthesisers but no data of ours:
`synthesise(row)` gives the same 16 kHz samples wherever the same espeak-ng, flite and festival are installed.
"""

from __future__ import annotations

import argparse
import csv
import random
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxduct_training.augment import mu_law, with_noise, with_room, with_tilt
from voxduct_training.corpus import DATA
from voxduct_training.synthesiser import RATE, Speech, Voice, draw_voice
from voxduct_training.synthesiser import synthesise as speak
from voxduct_training.texts import Sentence, sentences, split_of

TABLE = Path(__file__).parents[2] / "benchmarks" / "data" / "heldout_synthetic.tsv"
SHARES = {"made": 0.4, "vctk": 0.25, "libritts": 0.2, "lj": 0.15}
QUICK = 100  # rows of the short version


@dataclass(frozen=True)
class Row:
    """One utterance of the test. `snr` and `room` are empty where there is no noise or reverberation."""

    id: str
    quick: int
    text: str
    spoken: str
    source: str
    voice: str
    snr: str
    room: str
    tilt: str
    seed: int


def synthesise(row: Row) -> NDArray[np.float32]:
    """The samples of one row: speech with a quarter second of silence around it, through its acoustic path."""
    return synthesise_timed(row)[0]


def synthesise_timed(row: Row) -> tuple[NDArray[np.float32], Speech, int]:
    """The samples of one row, the clean speech in it with its known times, and the sample at which that begins."""
    rng = np.random.default_rng(row.seed)
    timed = speak(row.spoken, Voice.parse(row.voice))
    speech = timed.samples
    lead, trail = (int(RATE * s) for s in rng.uniform(0.1, 0.4, 2))
    samples = np.concatenate([np.zeros(lead, np.float32), speech, np.zeros(trail, np.float32)])
    if row.room:
        samples = with_room(samples, float(row.room), rng.uniform(1.5, 8.0), rng)
    if row.tilt:
        samples = with_tilt(samples, float(row.tilt))
    samples = samples * np.float32(rng.uniform(0.2, 0.8) / np.abs(samples).max())
    if row.snr:
        samples = with_noise(samples, float(row.snr), rng)
    if rng.random() < 0.04:
        samples = mu_law(samples)
    return np.clip(samples, -1, 1).astype(np.float32), timed, lead


def draw_rows(data: Path, count: int, part: str, seed: int) -> list[Row]:
    """`count` rows of texts from `part` in held-out voices; a third noisy, a fifth reverberant."""
    rng = random.Random(seed)
    pool = [s for s in sentences(data / "text", made=25_000) if split_of(s.written) == part]
    by_source = {source: [s for s in pool if s.source == source and 2 <= len(s.words) <= 16] for source in SHARES}
    sources = rng.choices(list(SHARES), list(SHARES.values()), k=count)
    return [
        _draw_row(f"{part}-{number:04d}", number, by_source[source].pop(), rng) for number, source in enumerate(sources)
    ]


def _draw_row(name: str, number: int, sentence: Sentence, rng: random.Random) -> Row:
    return Row(
        id=name,
        quick=int(number < QUICK),
        text=sentence.written,
        spoken=sentence.spoken,
        source=sentence.source,
        voice=str(draw_voice(rng, held_out=True)),
        snr=f"{rng.uniform(10, 30):.1f}" if rng.random() < 1 / 3 else "",
        room=f"{rng.uniform(0.08, 0.3):.3f}" if rng.random() < 1 / 5 else "",
        tilt=f"{rng.uniform(-0.4, 0.4):.2f}" if rng.random() < 0.3 else "",
        seed=rng.randrange(1 << 31),
    )


def read_rows(path: Path = TABLE, *, quick: bool = False) -> list[Row]:
    """The rows of a table, or only its quick ones."""
    with path.open(encoding="utf8", newline="") as file:
        rows = [
            Row(**{**r, "quick": int(r["quick"]), "seed": int(r["seed"])}) for r in csv.DictReader(file, delimiter="\t")
        ]
    return [row for row in rows if row.quick or not quick]


def write_rows(rows: list[Row], path: Path) -> None:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf8", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def write_clips(rows: list[Row], folder: Path) -> None:
    """Render rows as Opus clips with a transcripts.tsv, for benchmarks on machines without synthesisers."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for row in rows:
        soundfile.write(folder / f"{row.id}.opus", synthesise(row), RATE, format="OGG", subtype="OPUS")
        lines.append(f"{row.id}\t{row.text}\n")
    (folder / "transcripts.tsv").write_text("".join(lines), encoding="utf8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, nargs="?", default=TABLE)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--clips", type=Path, help="also render the first rows here")
    options = parser.parse_args()
    rows = draw_rows(options.data, options.count, options.part, seed=2026)
    write_rows(rows, options.table)
    if options.clips:
        write_clips(rows[:24], options.clips)


if __name__ == "__main__":
    main()
