from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.hub_server import serving
from tests.hub.room import CONSTANTS, MODEL, Room, choose_hub, make_repository
from voxduct.hub.client import HubClient, HubOptions


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(f"{CONSTANTS}.DOWNLOAD_CHUNK_SIZE", 1_000)  # what is kept of a broken download
    repository = make_repository()
    with serving({MODEL.repo_id: repository}) as hub:
        yield Room(hub, repository, HubClient(HubOptions(endpoint=hub.address, cache=tmp_path / "cache")), [])


@pytest.fixture
def environment(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """The room as HF_ENDPOINT and HF_HUB_CACHE would choose it; huggingface_hub reads them when it is imported."""
    choose_hub(monkeypatch, room.hub.address, room.client.cache)
    return room
