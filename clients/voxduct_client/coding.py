"""The codecs of one session, on a thread of their own: encoding and decoding never hold the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from voxduct import wire
from voxduct.audio import AudioFormat
from voxduct.coded import CodecFormat
from voxduct.errors import ExtraError
from voxduct_client.client_wire import CodedSpeech, SpeechChunk
from voxduct_client.errors import SessionRefused
from voxduct_client.options import ClientOptions

if TYPE_CHECKING:
    from voxduct_client.packets import MicrophonePackets, SpeechPackets

Result = TypeVar("Result")


class Coding:
    """What a session needs to send and hear packets; `open` it first, `close` it last.

    Calls are carried out one after the other. Cancelled, one is carried out nevertheless and its result is lost.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voxduct client: codec")
        self._microphone: MicrophonePackets | None = None
        self._speech: SpeechPackets | None = None

    async def open(self) -> None:
        """Loads the codecs that the options name.

        Raises:
            ExtraError: the engine or what it needs is not installed.
            MessageError: there is no such codec.
            ModelError: its files are damaged, or were not pulled yet.
        """
        await self._run(self._load)

    def close(self) -> None:
        """Ends the thread once it is idle; waits for nothing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def encodes(self) -> bool:
        """Whether the microphone's audio goes as packets."""
        return self._microphone is not None

    @property
    def speech_format(self) -> CodecFormat | None:
        """Of the packets in which speech comes; None: it comes as PCM."""
        return self._speech.format if self._speech is not None else None

    def check(self, ready: wire.Ready) -> None:
        """Raises SessionRefused when the server's codec is of another version than this side's."""
        offers = {offer.name: offer for offer in ready.codecs}
        for own in (self._microphone, self._speech):
            if own is not None and wire.codec_offer(own.format) != offers.get(own.format.name):
                theirs = offers[own.format.name].version if own.format.name in offers else "none"
                raise SessionRefused(
                    f"this client has {own.format.name} {own.format.version}, the server {theirs}: one would not "
                    "understand the other's codes; install the same version of Voxduct, or go without a codec",
                    code="codec_version",
                )

    async def encode(self, pcm: bytes) -> list[bytes]:
        """PCM in the declared format to the packets that it completes; often none."""
        assert self._microphone is not None
        return await self._run(partial(self._microphone.feed, pcm))

    async def end_stretch(self) -> list[bytes]:
        """The packets of all that was encoded so far."""
        assert self._microphone is not None
        return await self._run(self._microphone.end_stretch)

    async def end(self) -> list[bytes]:
        """The last packets."""
        assert self._microphone is not None
        return await self._run(self._microphone.end)

    async def decode(self, speech: CodedSpeech) -> SpeechChunk:
        """A packet of speech as PCM."""
        assert self._speech is not None
        pcm = await self._run(partial(self._speech.decode, speech.sound))
        return SpeechChunk(speech.id, speech.start, pcm, speech.sample_rate)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _load(self) -> None:
        try:
            from voxduct_client.packets import MicrophonePackets, SpeechPackets, load_codec
        except ImportError as error:
            raise ExtraError(
                f"codecs on the wire need the engine, which cannot be loaded here ({error}); pip install voxduct with "
                "all it depends on, or go without a codec"
            ) from error
        options = self._options
        if options.audio_codec is not None:
            audio_format = AudioFormat(options.sample_rate, options.encoding)
            self._microphone = MicrophonePackets(load_codec(options.audio_codec), audio_format)
        if options.speech_codec is not None:
            self._speech = SpeechPackets(load_codec(options.speech_codec))
