"""The two language models of the continuation (AudioLM, arXiv 2209.03143), on the voice's transformer layers.

`SemanticLm` says which sound comes next, 25 times a second, without regard to who makes it. `AcousticLm` turns those
tokens into code frames, 50 a second: coarse books first and fine ones after them by a delay pattern (MusicGen's), so
that AudioLM's second and third stage are one network. It looks two tokens ahead, knows the codes of the last seconds
and, when these no longer hold the prompt, a vector of the prompt's voice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .code_lm_model import BOOKS, CODES, Layer, Norm, SpeakerEncoder, rope

CLUSTERS = 320
WINDOW = 4  # semantic tokens that a step is told: the one before, its own, and two to come
PHASES = 2  # code frames of one token
SEEN = 2  # books of the history that are read; the fine ones say too little for their weight
VOICE_BOOKS = 2  # books that the voice vector is made from
SEMANTIC_CONTEXT, ACOUSTIC_CONTEXT = 256, 320  # steps: 10.24 s, 6.4 s
PROFILES = {
    "full": {
        "semantic": {"width": 128, "layers": 3, "heads": 2},
        "acoustic": {"width": 192, "layers": 4, "heads": 3},
    },
    "tiny": {
        "semantic": {"width": 32, "layers": 1, "heads": 1},
        "acoustic": {"width": 64, "layers": 2, "heads": 1},
    },
}

Cache = tuple[Tensor, Tensor]


def run_layers(
    layers: nn.ModuleList, x: Tensor, position: Tensor, heads: int, past: Cache | None
) -> tuple[Tensor, Cache]:
    """x [B, T, W] through all layers; keys and values come back as [L, B, H, T, D] each."""
    cos, sin = rope(position, x.shape[2] // heads)
    kept = []
    for number, layer in enumerate(layers):
        x, pair = layer(x, cos, sin, None if past is None else (past[0][number], past[1][number]))
        kept.append(pair)
    return x, (torch.stack([k for k, _ in kept]), torch.stack([v for _, v in kept]))


class SemanticLm(nn.Module):
    """Tokens [B, T] (`clusters` is "nothing yet") -> logits of the next, [B, T, clusters]."""

    def __init__(self, width: int, layers: int, heads: int, clusters: int = CLUSTERS) -> None:
        super().__init__()
        self.heads, self.clusters = heads, clusters
        self.tokens = nn.Embedding(clusters + 1, width)
        self.layers = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.norm = Norm(width)
        self.bias = nn.Parameter(torch.zeros(clusters))
        nn.init.normal_(self.tokens.weight, std=0.3)
        for layer in self.layers:
            nn.init.zeros_(layer.out.weight)
            nn.init.zeros_(layer.down.weight)

    def forward(self, tokens: Tensor, position: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache]:
        x, kept = run_layers(self.layers, self.tokens(tokens), position, self.heads, past)
        # Tied: what a token is as input, it is as output.
        return self.norm(x) @ self.tokens.weight[: self.clusters].T * 0.2 + self.bias, kept


class AcousticLm(nn.Module):
    """History, semantic window, phase and voice -> logits [B, T, 4, 1024] of the next delayed codes."""

    def __init__(self, width: int, layers: int, heads: int, clusters: int = CLUSTERS, speaker: int = 64) -> None:
        super().__init__()
        self.width, self.heads, self.clusters, self.speaker_size = width, heads, clusters, speaker
        self.codes = nn.ModuleList([nn.Embedding(CODES + 1, width) for _ in range(SEEN)])
        self.semantic = nn.ModuleList([nn.Embedding(clusters + 1, width) for _ in range(WINDOW)])
        self.phase = nn.Embedding(PHASES, width)
        self.speaker = nn.Linear(speaker, width)
        self.speaker_encoder = SpeakerEncoder(speaker, books=VOICE_BOOKS)
        self.layers = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.norm = Norm(width)
        self.heads_out = nn.Linear(width, BOOKS * CODES)
        for module in (*self.codes, *self.semantic, self.phase):
            nn.init.normal_(module.weight, std=0.3)
        for layer in self.layers:
            nn.init.zeros_(layer.out.weight)
            nn.init.zeros_(layer.down.weight)
        nn.init.normal_(self.heads_out.weight, std=0.02)

    def forward(
        self,
        codes: Tensor,
        semantic: Tensor,
        phase: Tensor,
        speaker: Tensor,
        position: Tensor,
        past: Cache | None = None,
    ) -> tuple[Tensor, Cache]:
        """Codes [B, T, 4] of the step before, semantic [B, T, 4], phase [B, T], speaker [B, S], position [B, T]."""
        x = self.phase(phase) + self.speaker(speaker)[:, None]
        for number, table in enumerate(self.codes):
            x = x + table(codes[:, :, number])
        for number, table in enumerate(self.semantic):
            x = x + table(semantic[:, :, number])
        x, kept = run_layers(self.layers, x, position, self.heads, past)
        logits = self.heads_out(self.norm(x))
        return logits.reshape(x.shape[0], x.shape[1], BOOKS, CODES), kept


def semantic_window(tokens: Tensor, unknown: int) -> Tensor:
    """Tokens [N] -> what the steps of their code frames are told, [2 N, WINDOW]."""
    padded = torch.cat([tokens.new_full((1,), unknown), tokens, tokens.new_full((WINDOW - 2,), unknown)])
    return padded.unfold(0, WINDOW, 1).repeat_interleave(PHASES, 0)
