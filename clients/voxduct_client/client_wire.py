"""The client's side of the native protocol, without I/O.

    wire = ClientWire(wire.Start(sample_rate=48_000))
    send(wire.start())                      the session's first message
    send(wire.message(wire.Say(...)))       JSON messages; `wire.audio(...)` for PCM
    wire.receive_text(...)                  -> a typed server message
    wire.receive_binary(...)                -> SpeechChunk or CodedSpeech, attributed to the request being spoken

The two rules it holds: the server's messages count up without a gap, and binary messages belong to the request whose
`speech_audio_start` came last.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from voxduct import wire
from voxduct.audio import AudioFormat, Encoding, Samples, float_to_pcm16, pcm16_to_float
from voxduct.coded import CodecFormat, CodedSound, PacketReader
from voxduct.errors import AudioFormatError, MessageError, ServerError
from voxduct_client.errors import SequenceGap

PCM16_BYTES = 2  # speech from the server is always s16le


class SessionState(StrEnum):
    """How far a session is."""

    NEW = "new"
    OPENING = "opening"
    OPEN = "open"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Some speech from the server."""

    id: str
    """The request it belongs to."""
    start: int
    """Samples since that request's `speech_audio_start`."""
    pcm: bytes
    """s16le, mono."""
    sample_rate: int

    @property
    def samples(self) -> Samples:
        """The chunk as float32 of shape [n]."""
        return pcm16_to_float(np.frombuffer(self.pcm, dtype="<i2"))


@dataclass(frozen=True, slots=True)
class CodedSpeech:
    """Some speech from the server as codes."""

    id: str
    """The request it belongs to."""
    start: int
    """Samples since that request's `speech_audio_start`."""
    sound: CodedSound
    sample_rate: int


Received: TypeAlias = wire.AnyServerMessage | SpeechChunk
AudioData: TypeAlias = bytes | Samples | npt.NDArray[np.int16]


class ClientWire:
    """One session's protocol state. Feed it what came, send what it returns, in that order."""

    def __init__(self, start: wire.Start, audio_format: AudioFormat | None = None) -> None:
        """`audio_format`: of what `audio` takes, where `start` names a codec instead."""
        self.format = audio_format or AudioFormat(start.sample_rate, Encoding(start.encoding))
        self.state = SessionState.NEW
        self.draining = False
        self._start = start
        self._next_seq = 0
        self._speaking: wire.SpeechAudioStartMessage | None = None
        self._spoken = 0
        self._packets: PacketReader | None = None

    def expect_packets(self, codec: CodecFormat) -> None:
        """Speech will come as packets of this codec."""
        self._packets = PacketReader(codec)

    def start(self) -> str:
        """The session's first message; the server answers with `ready`."""
        self._expect(SessionState.NEW)
        self.state = SessionState.OPENING
        return wire.encode(self._start)

    def message(self, message: wire.Marker | wire.Say | wire.Cancel) -> str:
        """A message as the text to send. After `stop` only `cancel` is possible."""
        if not (isinstance(message, wire.Cancel) and self.state is SessionState.STOPPING):
            self._expect(SessionState.OPEN)
        return wire.encode(message)

    def stop(self) -> str:
        """The session's last message; no audio or text may follow."""
        self._expect(SessionState.OPEN)
        self.state = SessionState.STOPPING
        return wire.encode(wire.Stop())

    def audio(self, data: AudioData) -> bytes:
        """Audio as the bytes to send: bytes as they are, int16 or float32 of shape [n] in the declared encoding.

        Raises:
            AudioFormatError: no whole number of samples, or an array that is not mono.
        """
        self._expect(SessionState.OPEN)
        return to_bytes(data, self.format)

    def receive_text(self, text: str) -> wire.AnyServerMessage:
        """Reads one JSON message.

        Raises:
            SequenceGap: messages before this one were lost; the session cannot be trusted and should be closed.
            MessageError: not a message of this protocol.
        """
        message = wire.decode_server(text)
        if message.seq != self._next_seq:
            raise SequenceGap(
                f"the server's message {message.seq} came where {self._next_seq} was due; reconnect (a server bug: "
                "please report it)"
            )
        self._next_seq += 1
        self._follow(message)
        return message

    def receive_binary(self, data: bytes) -> SpeechChunk | CodedSpeech:
        """Attributes PCM, or a packet, to the request that is being spoken.

        Raises:
            ServerError: speech outside `speech_audio_start` ... `speech_audio_end`, half a sample, or no packet.
        """
        if self._speaking is None:
            raise ServerError("the server sent speech that belongs to no request; is it of another version?")
        if self._packets is not None:
            return self._receive_packet(data, self._packets, self._speaking)
        if len(data) % PCM16_BYTES:
            raise ServerError("the server sent half a sample of speech; is it of another version?")
        chunk = SpeechChunk(self._speaking.id, self._spoken, data, self._speaking.sample_rate)
        self._spoken += len(data) // PCM16_BYTES
        return chunk

    def _receive_packet(
        self, data: bytes, packets: PacketReader, speaking: wire.SpeechAudioStartMessage
    ) -> CodedSpeech:
        try:
            sound = packets.read(data)
        except AudioFormatError as error:
            raise ServerError(f"the server sent {error}; is it of another version?") from error
        speech = CodedSpeech(speaking.id, self._spoken, sound, speaking.sample_rate)
        self._spoken += sound.size
        return speech

    def _follow(self, message: wire.AnyServerMessage) -> None:
        match message:
            case wire.Ready():
                if self.state is not SessionState.OPENING:
                    raise ServerError("the server said `ready` twice; is it of another version?")
                self.state = SessionState.OPEN
            case wire.SpeechAudioStartMessage():
                self._speaking, self._spoken = message, 0
            case wire.SpeechAudioEndMessage():
                if self._speaking is not None and self._speaking.id == message.id:
                    self._speaking = None
            case wire.Draining():
                self.draining = True
            case wire.Stopped():
                self.state = SessionState.STOPPED
            case _:
                pass

    def _expect(self, state: SessionState) -> None:
        if self.state is not state:
            raise MessageError(f"not possible now: the session is {self.state.value}, not {state.value}")


def to_bytes(data: AudioData, audio_format: AudioFormat) -> bytes:
    """Audio in the declared encoding; raises AudioFormatError when it is not whole samples of mono sound."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        if len(data) % audio_format.encoding.sample_bytes:
            raise AudioFormatError(
                f"{len(data)} bytes hold no whole number of {audio_format.encoding.value} samples", param="audio"
            )
        return bytes(data)
    if data.ndim != 1:
        raise AudioFormatError(f"audio has shape {list(data.shape)}; mix it down to mono, shape [n]", param="audio")
    if data.dtype == np.int16:
        pcm = data.astype("<i2", copy=False)
        return pcm.tobytes() if audio_format.encoding is Encoding.S16LE else pcm16_to_float(pcm).tobytes()
    if data.dtype.kind != "f":
        raise AudioFormatError(f"audio is {data.dtype}; send int16, float32 in [-1, 1], or bytes", param="audio")
    samples = data.astype("<f4", copy=False)
    if audio_format.encoding is Encoding.S16LE:
        return float_to_pcm16(samples).astype("<i2", copy=False).tobytes()
    return samples.tobytes()
