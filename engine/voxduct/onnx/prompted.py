"""Folders with a published codec language model: Orpheus with SNAC, OuteTTS with WavTokenizer.

    config.json  tokenizer.json  onnx/model*.onnx     the language model, as published
    codec/                                            the codec, as published; only its decoder is needed
    speakers/NAME.json                                of OuteTTS: one voice each
    voice.json                                        ours; may be missing

`voice.json` may say `voices` (names that the model learnt), `codec` (another folder), and of sampling `temperature`,
`top_p`, `top_k` and `repetition_penalty`. The family is known by the vocabulary; names of inputs and outputs are read
from the graphs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from voxduct.errors import ModelError
from voxduct.onnx.codecs.codec import ExportedCodec
from voxduct.onnx.codecs.families import CodecFacts, Family, read_facts
from voxduct.onnx.prompted_layout import choose_codec, choose_lm
from voxduct.onnx.runtime import OrtOptions
from voxduct.onnx.token_lm import OnnxTokenLm
from voxduct.onnx.whisper_files import read_json
from voxduct.tts.prompted import orpheus, outetts
from voxduct.tts.prompted.frames import TokenSampling
from voxduct.tts.prompted.orpheus import Orpheus
from voxduct.tts.prompted.outetts import OuteTts, Speaker, SpeakerWord
from voxduct.tts.prompted.synthesiser import PromptedFamily, PromptedSynthesiser
from voxduct.tts.prompted.vocabulary import Vocabulary
from voxduct.tts.prompted.window import Windows

logger = logging.getLogger(__name__)
VOICE = "voice.json"
SNAC_24K = CodecFacts(Family.SNAC, 24_000, 2048, 4096, (1, 2, 4), 0, "encoder_model", "decoder_model")
WAVTOKENIZER_75 = CodecFacts(Family.WAVTOKENIZER, 24_000, 320, 4096, (1,), 0, "encoder_model", "model")


def is_prompted(folder: Path) -> bool:
    """Whether a folder looks as if it held a language model with a vocabulary; does not raise."""
    return (folder / "tokenizer.json").is_file() and (folder / "config.json").is_file()


def load_prompted(folder: Path, precision: str | None = None, options: OrtOptions | None = None) -> PromptedSynthesiser:
    """Loads the language model and its codec.

    Raises:
        ModelError: a file is missing or wrong, or the model is of no family that is known.
        UnknownModelError: no such precision.
    """
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    own = read_json(folder / VOICE)
    if Orpheus.recognises(vocabulary):
        facts, sampling, windows = SNAC_24K, orpheus.SAMPLING, orpheus.WINDOWS
    elif OuteTts.recognises(vocabulary):
        facts, sampling, windows = WAVTOKENIZER_75, outetts.SAMPLING, outetts.WINDOWS
    else:
        raise ModelError(
            f"{folder} holds a language model whose vocabulary has no codes that are known: neither those of Orpheus "
            "(<custom_token_10>) nor of OuteTTS 0.2 (<|code_start|>)"
        )
    codec = _load_codec(folder, own, facts, options)
    family = _family(folder, vocabulary, codec, own)
    graph = choose_lm(str(folder), _sizes(folder), precision).graph
    lm = OnnxTokenLm(folder / graph, options)
    if not lm.caches:
        logger.warning("%s has no key-value cache, so each token costs as much as all before it", folder / graph)
    return PromptedSynthesiser(lm, family, codec, _sampling(folder, own, sampling), _windows(codec, windows))


def _load_codec(folder: Path, own: Mapping[str, Any], usual: CodecFacts, options: OrtOptions | None) -> ExportedCodec:
    place = folder / str(own.get("codec", "codec"))
    if not place.is_dir():
        raise ModelError(
            f"{folder} has no folder `codec` with {usual.family}'s decoder, and {VOICE} names no other; put it there"
        )
    chosen = choose_codec(str(place), _sizes(place))
    try:
        facts = read_facts(place)
    except ModelError:  # published configurations of these two say little
        stem = Path(chosen.graph).stem.removesuffix(f"_{chosen.precision}")
        facts = replace(usual, decoder=stem)
    if facts.family != usual.family:
        raise ModelError(f"{place} holds {facts.family}, but the language model writes codes of {usual.family}")
    return ExportedCodec(place, options=options, facts=facts)


def _family(folder: Path, vocabulary: Vocabulary, codec: ExportedCodec, own: Mapping[str, Any]) -> PromptedFamily:
    frame_s = codec.frame_size / codec.sample_rate
    if Orpheus.recognises(vocabulary):
        voices = own.get("voices", orpheus.VOICES)
        if not isinstance(voices, list | tuple) or not voices or not all(isinstance(name, str) for name in voices):
            raise ModelError(f"{folder / VOICE} has no list of names as `voices`")
        return Orpheus.of(vocabulary, cardinality=codec.cardinality, frame_s=frame_s, voices=voices)
    return OuteTts.of(vocabulary, cardinality=codec.cardinality, frame_s=frame_s, speakers=read_speakers(folder))


def read_speakers(folder: Path) -> dict[str, Speaker]:
    """OuteTTS' voices by name, from `speakers/NAME.json`; raises ModelError."""
    return {path.stem: _read_speaker(path) for path in sorted((folder / "speakers").glob("*.json"))}


def _read_speaker(path: Path) -> Speaker:
    try:
        words = read_json(path)["words"]
        speaker = tuple(
            SpeakerWord(str(word["word"]), float(word["duration"]), tuple(int(code) for code in word["codes"]))
            for word in words
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is no speaker of OuteTTS 0.2: {type(error).__name__} {error}") from error
    if not speaker:
        raise ModelError(f"{path} has no words; make the speaker again")
    return speaker


def _sampling(folder: Path, own: Mapping[str, Any], usual: TokenSampling) -> TokenSampling:
    try:
        top_k = own.get("top_k", usual.top_k)
        found = TokenSampling(
            float(own.get("temperature", usual.temperature)),
            float(own.get("top_p", usual.top_p)),
            None if top_k is None else int(top_k),
            float(own.get("repetition_penalty", usual.repetition_penalty)),
        )
    except (TypeError, ValueError) as error:
        raise ModelError(f"{folder / VOICE} has what is no number: {error}") from error
    if found.temperature < 0 or not 0 < found.top_p <= 1 or found.repetition_penalty <= 0 or (found.top_k or 1) < 1:
        raise ModelError(f"{folder / VOICE} has a number that is out of range: {found}")
    return found


def _windows(codec: ExportedCodec, windows: Windows) -> Windows | None:
    """None where the codec streams; what fades is no longer than what a window looks ahead."""
    if codec.decoder_streams:
        return None
    return replace(windows, fade=min(windows.fade, windows.after * codec.frame_size))


def _sizes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
