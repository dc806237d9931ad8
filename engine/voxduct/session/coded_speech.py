"""Speech as codes: as the voice drew them where the codec is the voice's own, otherwise encoded from samples."""

from __future__ import annotations

from voxduct.codec.stretches import StretchEncoder, WireCodec
from voxduct.models import Codec
from voxduct.tts.sentence import CodedPiece, CodedSentence, SentenceForm, SpokenSentence


class EncodedSentence:
    """A spoken sentence in the codes of another codec; one stretch."""

    def __init__(self, spoken: SpokenSentence, codec: WireCodec, pause: int) -> None:
        """`pause`: samples of silence before the sentence."""
        self._spoken = spoken
        self._encoder = StretchEncoder(codec, pause)

    def speak(self, frames: int) -> CodedPiece:
        """As `SpokenSentence.speak`; up to a frame and the codec's lag come with a later piece."""
        piece = self._spoken.speak(frames)
        sounds = self._encoder.feed(piece.samples)
        if piece.last:
            sounds += self._encoder.end()
        return CodedPiece(tuple(sounds), piece.last)


def coded_speech(codec: WireCodec, voice: Codec) -> SentenceForm:
    """How sentences are spoken to a client that wants this codec, by a voice whose codes are of `voice`."""
    if codec.codec is voice:
        return CodedSentence
    return lambda codes, own, pause: EncodedSentence(SpokenSentence(codes, own), codec, pause)
