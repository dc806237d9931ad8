"""transformers on PyTorch's CPU kernels: windows of 30 s, fp32, greedy `generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.serve import Recognised, Samples, Stopwatch, serve
from voxduct.asr.tokenizer import Tokenizer
from voxduct.bench.peer_protocol import Load, Run

RATE = 16_000


class TransformersEngine:
    """Loads a checkpoint."""

    package = "transformers"
    _model: Any
    _features: Any
    _tokenizer: Tokenizer

    def load(self, order: Load) -> None:
        import torch
        from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

        torch.set_num_threads(order.threads)
        self._torch = torch
        self._model = WhisperForConditionalGeneration.from_pretrained(order.folder, local_files_only=True).eval()
        self._features = WhisperFeatureExtractor.from_pretrained(order.folder, local_files_only=True)
        self._tokenizer = Tokenizer.load(Path(order.folder) / "tokenizer.json")
        generation = self._model.generation_config
        generation.forced_decoder_ids = None
        multilingual = getattr(generation, "is_multilingual", False)
        self._asked = {"language": "en", "task": "transcribe"} if multilingual else {}

    def recognise(self, samples: Samples, order: Run) -> Recognised:
        watch, end = Stopwatch(), self._tokenizer.end
        features = self._features(samples, sampling_rate=RATE, return_tensors="pt").input_features
        features_s = watch.lap()
        with self._torch.inference_mode():
            encoded = self._model.get_encoder()(features)
            encode_s = watch.lap()
            made = self._model.generate(
                encoder_outputs=encoded, num_beams=1, do_sample=False, return_timestamps=False,
                force_unique_generate_call=True, **self._asked, **self._budget(order.budget),
            )  # fmt: skip
        row = made[0].tolist()
        said = row[row.index(self._tokenizer.no_timestamps) + 1 :]
        said = said[: said.index(end)] if end in said else said
        return Recognised(tokens=len(said), text=self._tokenizer.decode(said), features_s=features_s, encode_s=encode_s)

    def _budget(self, budget: int | None) -> dict[str, Any]:
        if budget is None:
            return {}
        return {"max_new_tokens": budget, "min_new_tokens": budget}


if __name__ == "__main__":
    serve(TransformersEngine())
