"""Sound to semantic tokens: a frozen recogniser's encoder, and the nearest of its cluster centres (AudioLM).

The encoder hears a window as a whole, two of its frames (40 ms) become one token. Its output is first projected to
the directions in which speech differs most, the widest of them damped: clusters then follow the phones as well as
twice as many would without.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxduct.audio import Samples
from voxduct.dsp import LogMel
from voxduct.errors import InferenceError, ModelError
from voxduct.models import Floats, Ints
from voxduct.onnx.files import check_names
from voxduct.onnx.runtime import OrtOptions, open_session

ENCODER = "onnx/semantic_encoder_int8.onnx"
CENTRES = "semantic.npz"
NUM_MELS = 80
TOKEN_SAMPLES = 640
PAIR = 2  # encoder frames of one token


class SemanticEncoder:
    """The frozen encoder alone: what clusters are found in, and what tokens are made from."""

    def __init__(self, path: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when the graph is missing or another."""
        self._session = open_session(path, options)
        check_names(self._session, path, ["input_features"], ["last_hidden_state"])
        self._log_mel = LogMel(NUM_MELS)

    def features(self, samples: Samples) -> Floats:
        """Samples of shape [n] at 16 kHz, up to 30 s, to one vector a token, shape [n // 640, width].

        Raises:
            InferenceError: the graph failed.
        """
        whole = samples[: len(samples) // TOKEN_SAMPLES * TOKEN_SAMPLES]
        mel = self._log_mel.compute(whole)
        try:
            (hidden,) = self._session.run(["last_hidden_state"], {"input_features": mel[None]})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise InferenceError(f"the semantic encoder failed: {str(error).splitlines()[0][:200]}") from error
        found: Floats = hidden[0].reshape(-1, PAIR, hidden.shape[2]).mean(axis=1, dtype=np.float32)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Cluster centres in a projection of the encoder's output."""

    projection: Floats
    """Shape [width, kept]."""
    offset: Floats
    """Shape [kept]: the mean, projected."""
    centres: Floats
    """Shape [clusters, kept]."""

    @classmethod
    def read(cls, path: Path) -> Clusters:
        """Raises ModelError when the file is missing or another."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                parts = [stored[name].astype(np.float32) for name in ("projection", "offset", "centres")]
        except Exception as error:  # zip, key and value errors alike mean a wrong file
            raise ModelError(f"{path} holds no cluster centres: {type(error).__name__} {error}") from error
        return cls(*parts)

    def project(self, features: Floats) -> Floats:
        """Features of shape [n, width] to what distances are measured in, shape [n, kept]."""
        return features @ self.projection - self.offset

    def nearest(self, features: Floats) -> Ints:
        """Features of shape [n, width] to the number of the nearest centre, shape [n]."""
        likeness = self.project(features) @ self.centres.T - 0.5 * np.square(self.centres).sum(axis=1)
        numbers: Ints = likeness.argmax(axis=1).astype(np.int64)
        return numbers


class OnnxSemanticTokenizer:
    """Implements `voxduct.models.SemanticTokenizer` on a continuation model's folder."""

    token_samples = TOKEN_SAMPLES

    def __init__(self, folder: Path, options: OrtOptions | None = None) -> None:
        """Raises ModelError when a file is missing or wrong."""
        self._encoder = SemanticEncoder(folder / ENCODER, options)
        self._clusters = Clusters.read(folder / CENTRES)

    def tokens(self, samples: Samples) -> Ints:
        """Samples of shape [n] at 16 kHz to tokens of shape [n // 640]."""
        return self._clusters.nearest(self._encoder.features(samples))
