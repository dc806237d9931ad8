"""A room for pulling: a hub on loopback with one small repository, and a client with an empty cache."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.hub.hub_server import Hub, Repository
from voxduct.hub import Manifest
from voxduct.hub.client import HubClient, HubOptions
from voxduct.hub.pull import pull
from voxduct.hub.reference import HubModel
from voxduct.onnx.whisper_layout import choose_files

CONSTANTS = "huggingface_hub.constants"
MODEL = HubModel("onnx-community/whisper-nano", precision="int8")
ENCODER, DECODER = "onnx/encoder_model_int8.onnx", "onnx/decoder_model_merged_int8.onnx"


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def make_repository() -> Repository:
    return Repository(
        {
            "config.json": b'{"num_mel_bins": 80}',
            "tokenizer.json": noise(300, 1),
            "README.md": b"a card",
            "model.safetensors": noise(500, 2),
            ENCODER: noise(20_000, 3),
            DECODER: noise(50_000, 4),
            "onnx/encoder_model.onnx": noise(400, 5),
            "onnx/encoder_model.onnx_data": noise(90_000, 6),
            "onnx/decoder_model_merged.onnx": noise(100_000, 7),
        }
    )


class Room(NamedTuple):
    """A hub with one repository, and a client with an empty cache."""

    hub: Hub
    repository: Repository
    client: HubClient
    said: list[str]

    def pull(self, model: HubModel = MODEL) -> Manifest:
        return pull(model, choose_files, self.client, self.said.append)

    def offline(self) -> Room:
        return self._replace(client=HubClient(HubOptions(cache=self.client.cache, offline=True)))

    def contents(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.client.cache.rglob("*") if path.is_file()}


def choose_hub(monkeypatch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    """Sets everything that huggingface_hub made of its environment when it was imported."""
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(f"{CONSTANTS}.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(f"{CONSTANTS}.HF_HUB_CACHE", str(cache))
