"""What the continuation starts from: cluster centres, and an acoustic model that already knows how to speak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from voxduct.onnx.semantic import Clusters

from .code_lm_data import IDS, names, places, window
from .code_lm_export import read_weights
from .continue_data import FRAMES_PER_TOKEN, Clip
from .continue_model import CLUSTERS, PHASES, SEEN, VOICE_BOOKS, WINDOW, AcousticLm, semantic_window

KEPT = 64  # directions of the encoder's output
ROUNDS = 20
RIDGE = 30.0  # frames' worth of belief that a token means nothing


def find_clusters(clips: list[Clip], count: int = CLUSTERS, most: int = 60_000, seed: int = 0) -> Clusters:
    """k-means on some of the frames, in the first `KEPT` principal directions, their spread damped to its root."""
    rng = np.random.default_rng(seed)
    every = np.concatenate([c.features for c in clips])
    chosen = every[rng.permutation(len(every))[:most]].astype(np.float32)
    mean = chosen.mean(0)
    _, spread, directions = np.linalg.svd((chosen - mean)[::4], full_matrices=False)
    kept = min(KEPT, len(spread))
    projection = directions[:kept].T / np.sqrt(spread[:kept] / spread[0])
    clusters = Clusters(
        projection.astype(np.float32), (mean @ projection).astype(np.float32), np.zeros((0, 0), np.float32)
    )
    points = clusters.project(chosen)
    centres = points[rng.choice(len(points), min(count, len(points)), replace=False)]
    for _ in range(ROUNDS):
        nearest = (points @ centres.T - 0.5 * np.square(centres).sum(1)).argmax(1)
        sums, sizes = np.zeros_like(centres), np.bincount(nearest, minlength=len(centres))
        np.add.at(sums, nearest, points)
        centres = np.where(
            sizes[:, None] > 0,
            sums / np.maximum(sizes, 1)[:, None],
            points[rng.integers(len(points), size=len(centres))],
        )
    return Clusters(clusters.projection, clusters.offset, centres.astype(np.float32))


def write_clusters(clusters: Clusters, path: Path) -> None:
    parts = {"projection": clusters.projection, "offset": clusters.offset, "centres": clusters.centres}
    np.savez_compressed(path, **{name: array.astype(np.float16) for name, array in parts.items()})


@torch.no_grad()
def start_from_voice(model: AcousticLm, folder: Path, clips: list[Clip], clusters: Clusters) -> None:
    """The voice's weights; semantic embeddings are fitted so that they say what its phones said (ridge regression)."""
    voice = read_weights(folder)
    for name, weight in model.state_dict().items():
        if name in voice and voice[name].shape == weight.shape:
            weight.copy_(voice[name])
    for book in range(VOICE_BOOKS, 4):
        model.speaker_encoder.tables[0].weight += voice[f"speaker_encoder.tables.{book}.weight"].mean(0)
    lost = sum(voice[f"codes.{book}.weight"].mean(0) for book in range(SEEN, 4))
    told, wanted = told_and_wanted(voice, clips, clusters)
    columns, targets = torch.cat(told), torch.cat(wanted) + lost
    size = (model.clusters + 1) * WINDOW + PHASES
    gram, right = torch.zeros(size * size), torch.zeros(size, targets.shape[1])
    for one in columns.T:
        right.index_add_(0, one, targets)
        for other in columns.T:
            gram.index_add_(0, one * size + other, torch.ones(len(one)))
    found = torch.linalg.solve(gram.view(size, size) + RIDGE * torch.eye(size), right)
    for slot, table in enumerate(model.semantic):
        table.weight.copy_(found[slot * (model.clusters + 1) :][: model.clusters + 1])
    model.phase.weight.copy_(found[-PHASES:])


def told_and_wanted(
    voice: dict[str, Tensor], clips: list[Clip], clusters: Clusters
) -> tuple[list[Tensor], list[Tensor]]:
    """Of every clip with known phones: which one-hot columns are on [2 N, 5], what the voice would be told [2 N, W]."""
    told, wanted = [], []
    for clip in clips:
        if not clip.phones:
            continue
        frames = clip.codes.shape[1]
        where = places(clip.phones, frames + 1)
        if where is None:
            continue
        ids = np.array([IDS[n] for n in names(clip.phones, clip.text)])
        phones, age = (torch.from_numpy(np.asarray(x)).long() for x in window(where, ids))
        target = voice["age.weight"][age] + sum(voice[f"phones.{k}.weight"][phones[:, k]] for k in range(4))
        tokens = torch.from_numpy(clusters.nearest(clip.features.astype(np.float32)))
        columns = semantic_window(tokens, len(clusters.centres))
        columns = columns + torch.arange(WINDOW) * (len(clusters.centres) + 1)
        phase = torch.arange(frames) % FRAMES_PER_TOKEN + (len(clusters.centres) + 1) * WINDOW
        told.append(torch.cat([columns, phase[:, None]], 1))
        wanted.append(target[1:])
    return told, wanted
