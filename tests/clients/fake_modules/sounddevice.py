"""Stands in for sounddevice in subprocesses: devices and what they hear come from FAKE_SOUND (JSON)."""

from __future__ import annotations

import json
import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np

if os.environ.get("FAKE_SOUND_MISSING") == "portaudio":
    raise OSError("PortAudio library not found")
if os.environ.get("FAKE_SOUND_MISSING") == "package":
    raise ImportError("No module named 'sounddevice'")

SOUND = json.loads(os.environ["FAKE_SOUND"])


class PortAudioError(Exception):
    pass


default = SimpleNamespace(device=(SOUND.get("default", 0), 0))


def query_devices() -> Any:
    return SOUND["devices"]


def check_input_settings(device: int, channels: int, samplerate: int, dtype: str) -> None:
    if channels not in SOUND.get("accepted_channels", [1]):
        raise PortAudioError("Invalid number of channels")


class InputStream:
    """Calls back with the scripted blocks as fast as it can, on its own thread."""

    def __init__(self, *, channels: int, blocksize: int, latency: str, callback: Any, **settings: Any) -> None:
        if SOUND.get("busy"):
            raise PortAudioError("Device unavailable\n[PaErrorCode -9985]")
        self._channels, self._callback, self._blocksize = channels, callback, blocksize
        with open(SOUND["log"], "w") as log:
            json.dump({"channels": channels, **settings}, log)

    def start(self) -> None:
        if SOUND.get("burst"):  # everything before the program can take a single block
            self._run()
        else:
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        value = 0
        for number in range(SOUND["blocks"]):
            block = (np.arange(value, value + self._blocksize) % 32_000).astype(np.int16)
            value += self._blocksize
            frames = np.stack([block + 2 * channel for channel in range(self._channels)], axis=1)
            status = SimpleNamespace(input_overflow=number in SOUND.get("overflows", []))
            self._callback(frames, self._blocksize, None, status)
            block[:] = 0

    def close(self) -> None:
        pass


class OutputStream:
    """Writes what it plays to a file."""

    def __init__(self, samplerate: int, channels: int, dtype: str) -> None:
        if SOUND.get("busy"):
            raise PortAudioError("Device unavailable")
        self._file = open(SOUND["log"], "wb")  # noqa: SIM115

    def start(self) -> None:
        pass

    def write(self, samples: Any) -> None:
        self._file.write(samples.astype("<i2").tobytes())

    def stop(self) -> None:
        self._file.flush()

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()
