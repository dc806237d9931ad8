"""Three model folders to a synthesiser."""

from __future__ import annotations

from pathlib import Path

from voxduct.onnx.code_lm import OnnxCodeLm, read_voice_config, read_voices
from voxduct.onnx.code_vectors import read_code_vectors
from voxduct.onnx.codec import OnnxCodec
from voxduct.onnx.g2p import OnnxG2p, read_lexicon
from voxduct.onnx.runtime import OrtOptions
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text_to_speech import TtsOptions


def load_synthesiser(
    voice: Path,
    codec: Path,
    g2p: Path,
    ort_options: OrtOptions | None = None,
    options: TtsOptions | None = None,
) -> Synthesiser:
    """Loads and primes everything that speech needs; takes about a second.

    Args:
        voice: folder of the codec language model and its voices.
        codec: folder of the codec it was trained on.
        g2p: folder of the lexicon and the grapheme-to-phoneme graph.
        ort_options: how graphs run; one thread each when not given.
        options: how requests are spoken.

    Raises:
        ModelError: a file is missing or wrong, or the models do not fit each other.
    """
    own = OnnxCodec(codec, ort_options)
    return Synthesiser(
        lm=OnnxCodeLm(voice, ort_options),
        codec=own,
        g2p=OnnxG2p(g2p, ort_options),
        lexicon=read_lexicon(g2p),
        voices=read_voices(voice),
        config=read_voice_config(voice),
        options=options,
        code_vectors=read_code_vectors(codec, own.num_codebooks, own.cardinality),
    )
