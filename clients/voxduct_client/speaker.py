"""The default loudspeaker, fed as speech arrives."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from voxduct_client.devices import sounddevice
from voxduct_client.errors import DeviceError


class Speaker:
    """Plays s16le PCM on the default device; opened by the first `play`. Closing it waits for nothing."""

    def __init__(self) -> None:
        self._module = sounddevice()
        self._stream: Any = None

    async def play(self, pcm: bytes, sample_rate: int) -> None:
        """Queues sound with the device; waits while the device has enough."""
        samples = np.frombuffer(pcm, dtype="<i2").reshape(-1, 1)
        try:
            if self._stream is None:
                self._stream = self._module.OutputStream(samplerate=sample_rate, channels=1, dtype="int16")
                self._stream.start()
            await asyncio.to_thread(self._stream.write, samples)
        except (self._module.PortAudioError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            raise DeviceError(f"the loudspeaker cannot be used ({reason}); write a file instead: -o out.wav") from error

    async def drain(self) -> None:
        """Returns once everything has been heard."""
        if self._stream is not None:
            await asyncio.to_thread(self._stream.stop)

    def close(self) -> None:
        """Silence, at once."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()
            self._stream = None
