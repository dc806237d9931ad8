"""A microphone as a stream of mono PCM at its native rate."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from voxduct.audio import Samples, pcm16_to_float
from voxduct_client.devices import Device, sounddevice
from voxduct_client.errors import DeviceError
from voxduct_client.files import to_mono
from voxduct_client.rates import Rate

BLOCK_S = 0.02  # seconds of one callback
QUEUE_S = 10.0  # seconds that may wait for the network
SILENCE_LIMIT_S = 5.0  # a device that delivers nothing for so long was unplugged


class Microphone:
    """An open microphone; iterate over it for float32 chunks of shape [n] at `sample_rate`.

    The device's callback only copies into a bounded queue: it never waits. What did not fit, and what the device
    itself lost, is counted in `overflows`.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.overflows = 0
        """Blocks of sound that were lost."""
        self._rate = Rate(device.sample_rate)
        self._queue: queue.Queue[npt.NDArray[np.int16]] = queue.Queue(round(QUEUE_S / BLOCK_S))
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._notified = False
        self._closed = False
        self._stream: Any = None

    @property
    def sample_rate(self) -> int:
        """Hertz of the chunks."""
        return self._rate.sent

    def __enter__(self) -> Self:
        module = sounddevice()
        settings = {"device": self.device.index, "samplerate": self.device.sample_rate, "dtype": "int16"}
        try:
            self._stream = module.InputStream(
                channels=self._channels(module, settings),
                blocksize=round(BLOCK_S * self.device.sample_rate),
                latency="low",
                callback=self._heard,
                **settings,
            )
            self._stream.start()
        except (module.PortAudioError, ValueError, OSError) as error:
            raise DeviceError(
                f"{self.device.name} cannot be opened ({_one_line(error)}); does another program use it? "
                "Choose another one with --device",
                param="device",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if self._stream is not None:
            self._stream.close()

    def stop(self) -> None:
        """No more sound: iterating ends after what was captured."""
        self._closed = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[Samples]:
        while True:
            while not self._queue.empty():
                block = self._queue.get_nowait()
                yield self._rate.convert(to_mono(pcm16_to_float(block)))
            if self._closed:
                break
            await self._next_block()
        rest = self._rate.flush()
        if len(rest):
            yield rest

    async def _next_block(self) -> None:
        self._notified = False
        try:
            async with asyncio.timeout(SILENCE_LIMIT_S):
                while self._queue.empty() and not self._closed:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError as error:
            raise DeviceError(f"{self.device.name} delivers no sound any more; was it unplugged?") from error

    def _heard(self, block: npt.NDArray[np.int16], frames: int, time: object, status: Any) -> None:
        """Called by PortAudio on its own thread, every `BLOCK_S`."""
        if status.input_overflow:
            self.overflows += 1
        try:
            self._queue.put_nowait(block.copy())
        except queue.Full:
            self.overflows += 1
        if not self._notified:  # one wake-up is under way at a time, whatever the loop is doing
            self._notified = True
            self._loop.call_soon_threadsafe(self._arrived.set)

    def _channels(self, module: Any, settings: dict[str, Any]) -> int:
        """One channel when the device mixes down itself, else all it has."""
        try:
            module.check_input_settings(channels=1, **settings)
        except (module.PortAudioError, ValueError):
            return self.device.channels
        return 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
