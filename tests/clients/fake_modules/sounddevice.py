"""Stands in for sounddevice in subprocesses: devices and what they hear come from FAKE_SOUND (JSON)."""

import json
import os
import threading
from types import SimpleNamespace

import numpy as np

if os.environ.get("FAKE_SOUND_MISSING") == "portaudio":
    raise OSError("PortAudio library not found")
if os.environ.get("FAKE_SOUND_MISSING") == "package":
    raise ImportError("No module named 'sounddevice'")

SOUND = json.loads(os.environ["FAKE_SOUND"])


class PortAudioError(Exception):
    pass


default = SimpleNamespace(device=(SOUND.get("default", 0), 0))


def query_devices():
    return SOUND["devices"]


def check_input_settings(device, channels, samplerate, dtype):
    if channels not in SOUND.get("accepted_channels", [1]):
        raise PortAudioError("Invalid number of channels")


class InputStream:
    """Calls back with the scripted blocks as fast as it can, on its own thread."""

    def __init__(self, device, channels, samplerate, dtype, blocksize, latency, callback):
        if SOUND.get("busy"):
            raise PortAudioError("Device unavailable\n[PaErrorCode -9985]")
        self._channels, self._callback, self._blocksize = channels, callback, blocksize
        with open(SOUND["log"], "w") as log:
            json.dump({"device": device, "channels": channels, "samplerate": samplerate, "dtype": dtype}, log)

    def start(self):
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        value = 0
        for number in range(SOUND["blocks"]):
            block = np.arange(value, value + self._blocksize, dtype=np.int16)
            value += self._blocksize
            frames = np.stack([block + 2 * channel for channel in range(self._channels)], axis=1)
            status = SimpleNamespace(input_overflow=number in SOUND.get("overflows", []))
            self._callback(frames, self._blocksize, None, status)
            block[:] = 0
        if SOUND.get("interrupt"):
            open(SOUND["interrupt"], "w").close()

    def close(self):
        pass


class OutputStream:
    """Writes what it plays to a file."""

    def __init__(self, samplerate, channels, dtype):
        if SOUND.get("busy"):
            raise PortAudioError("Device unavailable")
        self._file = open(SOUND["log"], "wb")  # noqa: SIM115

    def start(self):
        pass

    def write(self, samples):
        self._file.write(samples.astype("<i2").tobytes())

    def stop(self):
        self._file.flush()

    def abort(self):
        pass

    def close(self):
        self._file.close()
