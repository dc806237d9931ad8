"""What training makes small: two CTC losses, the loss of the decoder's tokens, and that of where its heads look."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from voxduct_training.batches import IGNORED, Batch
from voxduct_training.recognizer import Recognizer

CTC_WEIGHT, MIDDLE_WEIGHT, TOKEN_WEIGHT, GUIDE_WEIGHT = 0.35, 0.15, 0.5, 0.3


def losses_of(model: Recognizer, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """The weighted loss of one batch, which lies where the model does, and its parts."""
    states, middle = model.encode(batch.features, batch.context)
    upper, lower = ctc_loss(model.characters(states), batch), ctc_loss(middle, batch)
    scores, looks = model.decode_and_look(batch.tokens, states)
    guide = guide_loss(looks, batch.windows)
    tokens = F.cross_entropy(scores.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED, label_smoothing=0.1)
    total = CTC_WEIGHT * upper + MIDDLE_WEIGHT * lower + TOKEN_WEIGHT * tokens + GUIDE_WEIGHT * guide
    parts = {"ctc": upper, "middle": lower, "token": tokens, "guide": guide}
    # One transfer for all of them: each would make a GPU wait.
    values = torch.stack([part.detach().float() for part in parts.values()]).tolist()
    return total, dict(zip(parts, values, strict=True))


def ctc_loss(scores: Tensor, batch: Batch) -> Tensor:
    """The mean CTC loss of `scores` [batch, frames, characters].

    On a GPU the targets (long, so that no vendor's variant with its own limits is chosen) lie there; the lengths stay
    on the CPU, where the function wants them on every device.
    """
    if scores.is_cuda:
        scores = scores.float()
    chances = scores.log_softmax(-1).transpose(0, 1)
    frames = torch.full((scores.shape[0],), scores.shape[1])
    return F.ctc_loss(chances, batch.characters, frames, batch.lengths, zero_infinity=True)


def guide_loss(looks: Tensor, windows: Tensor) -> Tensor:
    """How far the guided heads look away from the word being written.

    The synthesisers say when each word ends, and a decoder that is told where to look learns to read in a
    fraction of the time; without it, it wrote the first words and drifted.  `windows` [batch, tokens, 2] is
    -1 where nobody knows.  The same heads later give the engine its word times.
    """
    frames = torch.arange(looks.shape[-1], device=looks.device)
    inside = (frames >= windows[..., :1]) & (frames < windows[..., 1:])
    known = windows[:, :, 0] >= 0
    mass = (looks * inside[:, None]).sum(-1).clamp_min(1e-4)
    return -(mass.log().mean(1) * known).sum() / known.sum().clamp_min(1)
