"""Token times against transformers' `return_token_timestamps`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from transformers.modeling_outputs import BaseModelOutput

from tests.asr.families import CLIPS, NEW_TOKENS, Pair
from voxduct.asr.decode.greedy import greedy
from voxduct.asr.times.alignment import token_frames
from voxduct.onnx.whisper import OnnxWhisper


def attentive(pair: Pair, folder: Path) -> OnnxWhisper:
    """The separate decoders of the export, with every layer's cross-attention as an output."""
    shutil.copytree(pair.folder, folder, dirs_exist_ok=True)
    (folder / "onnx" / "decoder_model_merged.onnx").unlink()
    for name in ("decoder_model", "decoder_with_past_model"):
        path = folder / "onnx" / f"{name}.onnx"
        model = onnx.load(path)
        weights = [node.output[0] for node in model.graph.node if node.name.endswith("encoder_attn/Softmax")]
        for layer, weight in enumerate(weights):
            shown = f"cross_attentions.{layer}"
            model.graph.node.append(onnx.helper.make_node("Identity", [weight], [shown]))
            shape = ["rows", "heads", "tokens", "frames"]
            model.graph.output.append(onnx.helper.make_tensor_value_info(shown, onnx.TensorProto.FLOAT, shape))
        onnx.save(model, path)
    return OnnxWhisper(folder)


def expected_seconds(pair: Pair, endless: list[int]) -> np.ndarray:
    """By transformers, of each clip's new tokens; shape [clips, NEW_TOKENS]."""
    asked = {"language": "de", "task": "transcribe"} if pair.family.multilingual else {}
    with torch.no_grad():
        made = pair.torch_model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=pair.torch_encodings.clone()),
            max_new_tokens=NEW_TOKENS, suppress_tokens=endless, return_token_timestamps=True,
            force_unique_generate_call=True, **asked,
        )  # fmt: skip
    times: np.ndarray = made["token_timestamps"][:, -NEW_TOKENS:].numpy()
    return times


def test_token_times_of_every_family_equal_those_of_transformers(pair: Pair, tmp_path: Path) -> None:
    """Transformers takes the attention of the run that a token is fed to; the one that predicts it is a row earlier.

    It has none for the last token, and cannot batch texts that end: here none does.
    """
    model, end = attentive(pair, tmp_path), pair.family.token("endoftext")
    wanted = expected_seconds(pair, [*pair.torch_model.generation_config.suppress_tokens, end])
    differences = []
    for index in range(CLIPS):
        encoding = pair.encodings[index]
        request = pair.request(encoding, timestamps=False, prompt=False, language="de", more_suppressed=(end,))
        attention = greedy(model, encoding, request).attention
        assert attention is not None
        assert attention.shape == (2, NEW_TOKENS + 1, 1_500)
        found = token_frames(attention[:, 1:NEW_TOKENS]) * 0.02
        differences.append(np.abs(found - wanted[index, :-1]).max())
    assert max(differences) <= 0.02 + 1e-6
    assert len(np.unique(wanted[:, :-1])) > CLIPS
