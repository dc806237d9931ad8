"""CTranslate2 itself, int8, greedy, over our log-mel of our window: what its kernels do with equal work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.serve import Recognised, Samples, Stopwatch, serve
from voxduct.asr.tokenizer import Tokenizer
from voxduct.bench.peer_protocol import Load, Run
from voxduct.dsp import LogMel

MEL_FRAMES = 2  # log-mel frames per encoder frame
POSITIONS = 448
HALF = 2  # CTranslate2 chooses at most half of `max_length` tokens


class CTranslate2Engine:
    """Loads a folder that CTranslate2's converter made."""

    package = "ctranslate2"
    _model: Any
    _tokenizer: Tokenizer
    _prompt: list[int]

    def load(self, order: Load) -> None:
        import ctranslate2

        self._view = ctranslate2.StorageView.from_array
        self._model = ctranslate2.models.Whisper(
            order.folder, device="cpu", compute_type="int8", intra_threads=order.threads, inter_threads=1
        )
        multilingual = self._model.is_multilingual
        self._tokenizer = Tokenizer.load(Path(order.folder) / "tokenizer.json", multilingual=multilingual)
        self._prompt = list(self._tokenizer.prompt("en" if multilingual else None))
        self._log_mel = LogMel(self._model.n_mels)

    def recognise(self, samples: Samples, order: Run) -> Recognised:
        watch = Stopwatch()
        features = self._log_mel.compute(np.pad(samples, (0, max(0, order.window - samples.size))))
        features = np.pad(features, ((0, 0), (0, features.shape[1] % MEL_FRAMES)), mode="edge")
        features_s = watch.lap()
        encoding = self._model.encode(self._view(np.ascontiguousarray(features[None])))
        encode_s = watch.lap()
        tokenizer, prompt = self._tokenizer, self._prompt
        forced = [] if order.budget is None else [tokenizer.end]
        limit = POSITIONS if order.budget is None else HALF * order.budget
        never = sorted({*forced, *(tokenizer.specials - {tokenizer.end})})
        made = self._model.generate(encoding, [prompt], beam_size=1, max_length=limit, suppress_tokens=never)
        tokens = [token for token in made[0].sequences_ids[0] if token != tokenizer.end]
        return Recognised(tokens=len(tokens), text=tokenizer.decode(tokens), features_s=features_s, encode_s=encode_s)


if __name__ == "__main__":
    serve(CTranslate2Engine())
