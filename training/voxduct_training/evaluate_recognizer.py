"""Word error rates of a checkpoint or an exported model, by the decoder and by the CTC head, condition by condition."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from voxduct.asr.decode.fallback import search
from voxduct.asr.decode.greedy import Request
from voxduct.asr.decode.rules import text_rules
from voxduct.bench.scoring import normalise
from voxduct.onnx.runtime import OrtOptions
from voxduct.onnx.whisper import OnnxWhisper, load_recogniser
from voxduct_training.export_recognizer import load_recognizer
from voxduct_training.figures import with_figures
from voxduct_training.heldout import Row, read_rows, synthesise
from voxduct_training.mel import HOP, RATE, log_mel
from voxduct_training.recognizer import Recognizer
from voxduct_training.synthesiser import ESPEAK_RATE, FLITE_STRETCH, Voice
from voxduct_training.texts import written_form
from voxduct_training.tokenizer import CHARACTERS, load_tokenizer

Array = NDArray[np.float32]
LONGEST = 120  # tokens
NOISY_DB = 12.0
ACCENTED = ("awb", "en-gb-x-rp", "en-us-nyc")  # Scottish, old-fashioned English, New York
PACES = {
    "espeak": (min(ESPEAK_RATE), max(ESPEAK_RATE)),  # words a minute
    "flite": (max(FLITE_STRETCH), min(FLITE_STRETCH)),  # stretches
    "festival": (max(FLITE_STRETCH), min(FLITE_STRETCH)),
}
"""Slowest and fastest of each synthesiser."""
NOT_TEXT = slice(707, None)  # everything behind <|endoftext|>


@dataclass(frozen=True)
class Case:
    """One utterance to be recognised; `conditions` are the groups it counts in."""

    samples: Array
    text: str
    conditions: tuple[str, ...]


Backend = Callable[[Array], tuple[list[int], NDArray[np.int64]]]  # features to token ids and best CTC class per frame


def torch_backend(model: Recognizer, prompt: list[int]) -> Backend:
    """Greedy decoding with the training network."""

    @torch.inference_mode()
    def recognise(features: Array) -> tuple[list[int], NDArray[np.int64]]:
        states, _ = model.encode(torch.from_numpy(features[None]))
        best = model.characters(states)[0].argmax(-1).numpy()
        tokens = torch.tensor([prompt])
        for _ in range(LONGEST):
            scores = model.decode(tokens, states)[0, -1]
            scores[NOT_TEXT] = -torch.inf
            tokens = torch.cat([tokens, scores.argmax()[None, None]], dim=1)
            if tokens[0, -1] == prompt[0] - 1:
                break
        return tokens[0, len(prompt) : -1].tolist(), best

    return recognise


def onnx_backend(folder: Path, precision: str) -> Backend:
    """Decoding of whole utterances as the engine does it, with shipped files; nothing is doubted or stopped early."""
    recogniser = load_recogniser(folder, OrtOptions(), precision=precision)
    model, tokenizer = recogniser.model, recogniser.tokenizer
    if not isinstance(model, OnnxWhisper):
        raise TypeError(f"{folder} was loaded as {type(model).__name__}")
    rules = text_rules(tokenizer, recogniser.decoding)
    request = Request(
        prompt=tokenizer.prompt(None), rules=rules, limit=LONGEST, start=tokenizer.start, end=tokenizer.end,
        stop_at_loops=False,
    )  # fmt: skip

    def recognise(features: Array) -> tuple[list[int], NDArray[np.int64]]:
        encoding = model.encode(features)
        characters = encoding.outputs["ctc_logits"].numpy()[0]
        decoded = search(model, encoding, request, recogniser.decoding, recogniser.joint(encoding))
        return list(decoded.tokens), characters.argmax(-1)

    return recognise


def compared(text: str) -> str:
    """A text as its spoken words, however it was written: 504, five hundred four or five hundred and four."""
    return " ".join(normalise(" ".join(word.text for word in with_figures(text))))


def ctc_text(best: NDArray[np.int64]) -> str:
    """Collapse repeats, drop blanks."""
    kept = [int(c) for i, c in enumerate(best) if c and (i == 0 or c != best[i - 1])]
    return "".join(CHARACTERS[c - 1] for c in kept)


def synthetic_cases(rows: Iterable[Row]) -> list[Case]:
    """The rows of a held-out table, in the groups of `conditions`; a missing festival's fall out."""
    if shutil.which("text2wave") is None:
        rows = [row for row in rows if not row.voice.startswith("festival")]
        print("festival is not installed: its rows are left out")
    return [Case(synthesise(row), row.text, conditions(row)) for row in rows]


def conditions(row: Row) -> tuple[str, ...]:
    """The groups that a row of the table counts in."""
    voice = Voice.parse(row.voice)
    found = ["all", voice.engine, row.source]
    found.append("noisy" if row.snr else "reverberant" if row.room else "clean")
    if row.snr and float(row.snr) <= NOISY_DB:
        found.append(f"noise of {NOISY_DB:g} dB or worse")
    if any(accent in voice.name for accent in ACCENTED):
        found.append("accented")
    slowest, fastest = PACES[voice.engine]
    found += [name for name, pace in (("slow", slowest), ("fast", fastest)) if voice.pace == pace]
    return tuple(found)


def folder_cases(folder: Path) -> list[Case]:
    """A folder of clips with a transcripts.tsv."""
    cases = []
    for line in (folder / "transcripts.tsv").read_text(encoding="utf8").splitlines():
        name, _, text = line.partition("\t")
        path = next(folder.glob(f"{name}.*"))
        samples, rate = soundfile.read(path, dtype="float32")
        samples = soxr.resample(samples, rate, RATE) if rate != RATE else samples
        cases.append(Case(samples.astype(np.float32), written_form(text), ("all",)))
    return cases


def recognise_all(
    backend: Backend, cases: list[Case], tokenizer: Tokenizer, show: int = 0
) -> dict[str, dict[str, float]]:
    """Word and character error rates by condition."""
    heard = []
    for case in cases:
        padded = np.pad(case.samples, (0, -len(case.samples) % (2 * HOP)))
        tokens, best = backend(log_mel(padded))
        heard.append((case, " ".join(tokenizer.decode(tokens).split()), " ".join(ctc_text(best).split())))
    for case, decoded, spelt in heard[:show]:
        print(f"  said    {case.text}\n  decoder {decoded}\n  ctc     {spelt}")
    table: dict[str, dict[str, float]] = {}
    for condition in sorted({c for case in cases for c in case.conditions}):
        chosen = [h for h in heard if condition in h[0].conditions]
        said, decoded, spelt = [h[0].text for h in chosen], [h[1] for h in chosen], [h[2] for h in chosen]
        table[condition] = {
            "utterances": len(chosen),
            "decoder_wer": round(jiwer.wer([*map(compared, said)], [*map(compared, decoded)]), 4),
            "ctc_wer": round(jiwer.wer(said, spelt), 4),
            "ctc_cer": round(jiwer.cer(said, spelt), 4),
        }
    return table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--newest", action="store_true", help="the newest weights, not their running average")
    parser.add_argument("--onnx", type=Path, help="an exported model directory")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--rows", type=Path, help="a held-out table")
    parser.add_argument("--quick", action="store_true", help="only the table's quick rows")
    parser.add_argument("--folder", type=Path, help="a folder of clips with a transcripts.tsv")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(options.tokenizer)
    prompt = [tokenizer.token_to_id("<|startoftranscript|>"), tokenizer.token_to_id("<|notimestamps|>")]
    if options.onnx:
        backend = onnx_backend(options.onnx, options.precision)
    else:
        model = load_recognizer(options.checkpoint, options.tokenizer, average=not options.newest)
        backend = torch_backend(model, prompt)
    cases = (
        synthetic_cases(read_rows(options.rows, quick=options.quick)) if options.rows else folder_cases(options.folder)
    )
    started = time.monotonic()
    table = recognise_all(backend, cases[: options.limit], tokenizer, options.show)
    print(json.dumps(table, indent=1), f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
