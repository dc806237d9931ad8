"""A folder with Pocket TTS to a synthesiser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from voxduct.errors import ModelError, UnknownModelError
from voxduct.models import Floats
from voxduct.onnx.pocket.graph import MemoryGraph
from voxduct.onnx.pocket.model import OnnxPocket, PocketSizes, PocketState
from voxduct.onnx.pocket.sentencepiece import read_sentencepiece
from voxduct.onnx.pocket.voices import conditioning_of, read_clip, read_tensors, state_of
from voxduct.onnx.runtime import OrtOptions
from voxduct.onnx.whisper_files import read_json
from voxduct.tts.pocket.synthesiser import PocketSynthesiser
from voxduct.tts.pocket.text import TextRules

BUNDLE = "bundle.json"
PRECISIONS = ("int8", "fp32")  # as a CPU likes them
MOST_TOKENS = 50
_PLACES = (".", "onnx")
Bundle = Mapping[str, Any]


def is_pocket(folder: Path) -> bool:
    """Whether a folder looks as if it held Pocket TTS; does not raise."""
    return (folder / BUNDLE).is_file() or _find(folder, "flow_lm_main", None) is not None


def load_pocket(folder: Path, precision: str | None = None, options: OrtOptions | None = None) -> PocketSynthesiser:
    """Loads the graphs, and hears every voice once.

    Raises:
        ModelError: a file is missing or wrong, or there are no voices.
        UnknownModelError: no such precision.
    """
    if precision not in (None, *PRECISIONS):
        raise UnknownModelError(f"{precision!r} is no precision; choose of {', '.join(PRECISIONS)}", param=precision)
    bundle = read_json(folder / BUNDLE)
    sizes, rules = _sizes(folder, bundle), _rules(folder, bundle)
    states = bundle.get("flow_lm_state_manifest")
    decoder_states = bundle.get("mimi_state_manifest")
    main = MemoryGraph(_need(folder, "flow_lm_main", precision), states, options)
    model = OnnxPocket(
        _tokenizer(folder, bundle),
        MemoryGraph(_need(folder, "text_conditioner", precision), [], options),
        main,
        MemoryGraph(_need(folder, "flow_lm_flow", precision), [], options),
        MemoryGraph(_need(folder, "mimi_decoder", precision), decoder_states, options),
        sizes,
    )
    hearing = _find(folder, "mimi_encoder", precision)
    encoder = None if hearing is None else MemoryGraph(hearing, [], options)
    before = _bos_before_voice(folder, bundle, sizes.conditioning)
    voices: dict[str, object] = {}
    for path in sorted((folder / "voices").glob("*")):
        if path.suffix == ".wav":
            conditioning = read_clip(path, encoder, sizes.sample_rate, sizes.conditioning)
        elif path.suffix == ".safetensors":
            tensors = read_tensors(path)
            found = conditioning_of(tensors, sizes.conditioning)
            if found is None:
                voices[path.stem] = PocketState(state_of(path, tensors, states or [], main.start))
                continue
            conditioning = found
        else:
            continue
        state = model.new_state()
        model.read(conditioning if before is None else np.concatenate([before, conditioning]), state)
        voices[path.stem] = state
    return PocketSynthesiser(model, voices, rules)


def _sizes(folder: Path, bundle: Bundle) -> PocketSizes:
    """English bundles of the first release have no bundle.json; theirs are the defaults."""
    try:
        rate = int(bundle.get("sample_rate", 24_000))
        frame = bundle.get("samples_per_frame") or rate / float(bundle.get("frame_rate", 12.5))
        sizes = PocketSizes(
            sample_rate=rate,
            frame_size=int(frame),
            latent=int(bundle.get("latent_dim", 32)),
            conditioning=int(bundle.get("conditioning_dim", 1024)),
        )
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(f"{folder / BUNDLE} has what is no number: {error}") from error
    if min(sizes.sample_rate, sizes.frame_size, sizes.latent, sizes.conditioning) < 1:
        raise ModelError(f"{folder / BUNDLE} has sizes that cannot be: {sizes}")
    return sizes


def _rules(folder: Path, bundle: Bundle) -> TextRules:
    after = bundle.get("model_recommended_frames_after_eos")
    most = bundle.get("max_token_per_chunk", MOST_TOKENS)
    if not isinstance(most, int) or most < 1 or not (after is None or isinstance(after, int)):
        raise ModelError(f"{folder / BUNDLE} has max_token_per_chunk {most!r} and frames after the end {after!r}")
    return TextRules(
        most_tokens=most,
        remove_semicolons=bool(bundle.get("remove_semicolons")),
        pad_short=bool(bundle.get("pad_with_spaces_for_short_inputs")),
        frames_after_end=after,
    )


def _tokenizer(folder: Path, bundle: Bundle) -> tokenizers.Tokenizer:
    ready = folder / "tokenizer.json"
    if ready.is_file():
        try:
            return tokenizers.Tokenizer.from_file(str(ready))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{ready} is not a tokenizer: {error}; fetch the model again") from error
    return read_sentencepiece(folder / str(bundle.get("tokenizer_file") or "tokenizer.model"))


def _bos_before_voice(folder: Path, bundle: Bundle, conditioning: int) -> Floats | None:
    name = bundle.get("bos_before_voice_file") or "bos_before_voice.npy"
    path = folder / str(name)
    if not bundle.get("insert_bos_before_voice"):
        return None
    try:
        before: Floats = np.load(path, allow_pickle=False).reshape(-1, conditioning).astype(np.float32)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}; fetch it again") from error
    return before


def _need(folder: Path, stem: str, precision: str | None) -> Path:
    found = _find(folder, stem, precision)
    if found is None:
        raise ModelError(f"{folder} has no {stem}.onnx nor {stem}_int8.onnx; fetch all of Pocket TTS' graphs")
    return found


def _find(folder: Path, stem: str, precision: str | None) -> Path | None:
    """Of this precision or else of another; not every graph is published in all."""
    for one in dict.fromkeys((precision or PRECISIONS[0], *PRECISIONS)):
        for place in _PLACES:
            path = folder / place / f"{stem}{'' if one == 'fp32' else f'_{one}'}.onnx"
            if path.is_file():
                return path
    return None
