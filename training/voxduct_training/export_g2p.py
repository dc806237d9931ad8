"""Writes the grapheme-to-phoneme model as ONNX with config, card and manifest, and checks it against PyTorch."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from voxduct_training.g2p_model import LETTERS, LONGEST, G2p, letter_ids
from voxduct_training.halved import halve
from voxduct_training.lexicon import PHONES, read
from voxduct_training.manifest import write_manifest

NAME, VERSION = "voxduct-g2p-en", "0.1.0"

CARD = """---
license: apache-2.0
language: en
library_name: onnx
tags: [grapheme-to-phoneme, text-to-speech]
---
# voxduct-g2p-en

How English words sound, in the phones of flite's US English: a lexicon of {entries:,} pronunciations
(`lexicon.txt.xz`) and a network for words it lacks (`onnx/model.onnx`, {parameters:,} parameters, fp16 weights).

**Network.** Letters in, three slots a letter out, CTC decides what is in them; {layers} transformer layers of width
{width}, no recurrence, no autoregression: one run spells a word. Input `letters` i64 [batch, letters] (0 padding,
then the letters of `config.json` from 1), output `logits` f32 [batch, 3 * letters, phones + 1], class 0 is CTC's
blank. Trained from nothing on the lexicon by `training/runs/g2p.sh`.

**Measured** on {held_out_words:,} words of the lexicon that were never trained on (one in fifty, by hash), greedy:
phone error rate {per:.1%}, words with any error {words_wrong:.1%}. Lexicon words do not go through the network.

**Data and licence.** Lexicon: CMUdict 0.4 in Festival's form, words of CMUdict 0.7b that it lacks, and our own
additions; their licences are in `lexicon.LICENSE`. Network and additions: Apache-2.0.

**Limits.** US English only; stress is not marked; names and loan words are guessed as if they were English.
"""


def export(checkpoint: Path, lexicon: Path, folder: Path) -> None:
    """Everything but the lexicon itself, which `voxduct_training.lexicon` writes."""
    kept = torch.load(checkpoint, weights_only=True)
    model = G2p(len(PHONES), kept["width"], kept["layers"])
    model.load_state_dict(kept["model"])
    model.eval()
    path = folder / "onnx" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.tensor([letter_ids("voxduct"), [*letter_ids("engine"), 0]]),),
        str(path),
        input_names=["letters"],
        output_names=["logits"],
        dynamic_axes={"letters": {0: "batch", 1: "letters"}, "logits": {0: "batch", 1: "slots"}},
        opset_version=17,
        dynamo=False,
    )
    halve(path)
    check(model, path, sorted(read(lexicon))[::5000])
    config = {"model_type": "voxduct-g2p", "letters": LETTERS, "phones": list(PHONES), "longest_word": LONGEST}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    figures = {key: kept[key] for key in ("per", "words_wrong", "held_out_words", "width", "layers")}
    parameters = sum(weight.numel() for weight in model.parameters())
    card = CARD.format(entries=len(read(lexicon)), parameters=parameters, **figures)
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_manifest(folder, NAME, "g2p", VERSION)


def check(model: G2p, path: Path, words: list[str]) -> None:
    """Raises ValueError where the graph and PyTorch differ by more than half precision explains."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for word in words:
        if set(word) <= set(LETTERS):
            letters = torch.tensor([letter_ids(word)])
            with torch.inference_mode():
                wanted = model(letters).numpy()
            (got,) = session.run(None, {"letters": letters.numpy()})
            if np.abs(got - wanted).max() > 0.1:
                raise ValueError(f"the exported graph says something else about {word!r}")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    export(given.checkpoint, given.lexicon, given.folder)


if __name__ == "__main__":
    main()
