"""Speech that others made, as shards for the recogniser: the neural voice's clips, the voice's flite corpus, and
speech as it comes out of the codec."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voxduct_training.code_lm_data import load
from voxduct_training.codec_dsp import FRAME
from voxduct_training.corpus import DATA
from voxduct_training.shards import ShardWriter, Utterance, read_shard
from voxduct_training.synthesiser import RATE
from voxduct_training.texts import sentences, shown_form, split_of, written_form
from voxduct_training.voice_generate import Stateful

FASTEST_NEURAL = 34.0  # characters a second
SEVERAL_READINGS = re.compile(r"[0-9]|\b[A-Z]{2,}|\b[A-Z]\.|\b[DMS][rst]s?\.")


def write_neural(out: Path, data: Path) -> None:
    """One shard of the neural voice; `batches` slows it down."""
    writer = ShardWriter(out, "neural-000")
    for _, text, samples in neural_clips(data):
        scaled = samples * (0.6 / np.abs(samples).max())
        writer.add((scaled * 32767).astype(np.int16), written_form(text), "neural", [], shown=shown_form(text))
    writer.close()
    print(f"neural: {writer.samples / RATE / 3600:.2f} h", flush=True)


def neural_clips(data: Path) -> Iterator[tuple[Path, str, NDArray[np.float32]]]:
    """File, text and samples of the neural voice's clips that are learnt from: speakable, and not far too fast."""
    folder = data / "speech" / "neural"
    for line in (folder / "transcripts.tsv").read_text(encoding="utf8").splitlines():
        name, _, text = line.partition("\t")
        written = written_form(text)
        path = folder / f"{name}.opus"
        if any(c.isdigit() for c in text) or split_of(written) != "train" or not path.exists():
            continue
        samples, rate = soundfile.read(path, dtype="float32")
        samples = soxr.resample(samples, rate, RATE) if rate != RATE else samples
        loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
        seconds = (loud[-1] - loud[0]) / RATE
        if seconds >= 0.4 and 6 < len(written) / seconds < FASTEST_NEURAL:
            yield path, text, samples


def guess_cuts(written: str, phone_ends: list[int]) -> list[tuple[int, int]]:
    """Where words end, were every letter worth the same number of phones."""
    words = written.split()
    letters = np.cumsum([len(word) for word in words])
    phones = np.round(letters / letters[-1] * len(phone_ends)).astype(int)
    return [(n, phone_ends[max(0, p - 1)]) for n, p in enumerate(phones[:-1], start=1)]


def write_flite(out: Path, data: Path, source: Path) -> None:
    """One shard from the flite corpus that `voice_speech` made for the voice, without the texts of our tests."""
    lines = [
        json.loads(line) for line in (source / "index.jsonl").read_text(encoding="utf8").splitlines(True) if "}" in line
    ]
    free = _fit_for_training([line["text"] for line in lines], data)
    audio = np.memmap(source / "audio.i16", dtype=np.int16, mode="r")
    writer = ShardWriter(out, "neighbour-000")
    for line in lines:
        ends = [end for phone, end in line["phones"] if phone != "pau"]
        first = line["phones"][0][1] if line["phones"][0][0] == "pau" else 0
        if not ends or line["text"] not in free:
            continue
        written = written_form(line["text"])
        start = max(0, first - 800)
        samples = audio[line["at"] + start : line["at"] + min(line["samples"], ends[-1] + 800)]
        cuts = [[n, at - start] for n, at in guess_cuts(written, ends)]
        writer.add(
            np.asarray(samples), written, f"flite-{line['speaker']}", cuts, guessed=True, shown=shown_form(line["text"])
        )
    writer.close()
    print(f"borrowed: {writer.samples / RATE / 3600:.2f} h", flush=True)


def _fit_for_training(texts: list[str], data: Path) -> frozenset[str]:
    """Those of `texts` that have one reading and share no sentence with our validation and test."""
    kept_back = [s.written for s in sentences(data / "text", made=25_000) if split_of(s.written) != "train"]
    kept_back = [f" {text} " for text in kept_back if len(text.split()) > 3]
    everything = "\n".join(f" {written_form(text)} " for text in texts)
    kept_back = [text for text in kept_back if text in everything]

    def fits(text: str) -> bool:
        written = written_form(text)
        return (
            not SEVERAL_READINGS.search(text)
            and split_of(written) == "train"
            and not any(t in f" {written} " for t in kept_back)
        )

    return frozenset(text for text in texts if fits(text))


def write_vocoded(out: Path, data: Path, codes: Path, codec: Path, hours: float) -> None:
    """One shard of utterances decoded from the codec's codes, so that the recogniser knows how our own voices sound."""
    found = load(codes)
    free = _fit_for_training([one.text for one in found], data)
    random.Random(5).shuffle(found)
    decoder, writer = Stateful(codec / "onnx/decoder.onnx"), ShardWriter(out, f"neighbour-{codes.stem}")
    for one in found:
        if writer.samples > hours * 3600 * RATE:
            break
        ends = [int(end) * FRAME for end in np.flatnonzero(np.diff(one.phones, append=-1)) + 1]
        if one.text in free and len(ends) > 2:
            decoder.reset()
            samples = decoder(one.codes[None].astype(np.int64))[0, 0]
            written = written_form(one.text)
            cuts = [[n, at] for n, at in guess_cuts(written, ends[1:-1] or ends)]
            scaled = samples * (0.6 / max(float(np.abs(samples).max()), 1e-3))
            writer.add(
                (scaled * 32767).astype(np.int16),
                written,
                f"codec-{one.speaker}",
                cuts,
                guessed=True,
                shown=shown_form(one.text),
            )
    writer.close()
    print(f"vocoded: {writer.samples / RATE / 3600:.2f} h", flush=True)


def write_long(out: Path, hours: float) -> None:
    """One shard of whole passages: utterances of one voice after each other, 9 to 20 s, with short pauses between."""
    rng = random.Random(9)
    by_voice: dict[str, list[tuple[NDArray[np.int16], Utterance]]] = defaultdict(list)
    for path in sorted(out.glob("[nt]*-*.jsonl")):
        audio, rows = read_shard(path)
        for row in rows:
            by_voice[row.voice if path.name.startswith("neighbour") else f"{path.stem} {row.voice}"].append(
                (audio, row)
            )
    voices = [pool for pool in by_voice.values() if len(pool) >= 4]
    writer = ShardWriter(out, "neighbour-long")
    while writer.samples < hours * 3600 * RATE:
        writer.add(*_passage(rng.choice(voices), rng), guessed=True)
    writer.close()
    print(f"long: {writer.samples / RATE / 3600:.2f} h", flush=True)


def _passage(
    pool: list[tuple[NDArray[np.int16], Utterance]], rng: random.Random
) -> tuple[NDArray[np.int16], str, str, list[list[int]]]:
    """Samples, text, voice and cuts of one passage."""
    pieces: list[NDArray[np.int16]] = []
    words, cuts, size, voice = list[str](), list[list[int]](), 0, ""
    wanted = rng.uniform(9, 18) * RATE
    while size < wanted:
        audio, row = rng.choice(pool)
        if size + row.length > 20 * RATE:
            break
        cuts += [[len(words) + n, size + at] for n, at in row.cuts]
        words, voice = words + row.text.split(), row.voice
        pause = np.zeros(int(rng.uniform(0.02, 0.5) * RATE), np.int16)
        pieces += [audio[row.start : row.start + row.length], pause]
        size += row.length + len(pause)
        cuts.append([len(words), size])
    return np.concatenate(pieces), " ".join(words), f"{voice} long", cuts[:-1]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--flite", type=Path, help="a corpus of voice_speech; without it, the neural voice is read")
    parser.add_argument("--codes", type=Path, help="a file of code_lm_data, to be decoded by the codec in --codec")
    parser.add_argument("--codec", type=Path, default=Path("models_onnx/voxduct-codec-16k"))
    parser.add_argument("--long", action="store_true", help="join utterances that are there already to whole passages")
    parser.add_argument("--hours", type=float, default=3.0, help="of decoded speech")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.long:
        write_long(options.out, options.hours)
    elif options.codes:
        write_vocoded(options.out, options.data, options.codes, options.codec, options.hours)
    elif options.flite:
        write_flite(options.out, options.data, options.flite)
    else:
        write_neural(options.out, options.data)


if __name__ == "__main__":
    main()
