"""Speech as codes: as the voice drew them where the codec is the voice's own, otherwise encoded from samples."""

from __future__ import annotations

from collections.abc import Sequence

from voxduct.codec.stretches import StretchEncoder, WireCodec
from voxduct.events import SpeechWord
from voxduct.models import Codec
from voxduct.tts.codes import CodeStream
from voxduct.tts.phonemes import SpokenWord
from voxduct.tts.sentence import CodedPiece, CodedSentence, Sentence, SentenceForm, SpokenSentence
from voxduct.tts.word_times import shifted


class EncodedSentence:
    """A spoken sentence in the codes of another codec; one stretch."""

    def __init__(self, spoken: SpokenSentence, codec: WireCodec, pause: int) -> None:
        """`pause`: samples of silence before the sentence."""
        self._spoken = spoken
        self._encoder = StretchEncoder(codec, pause)
        self._words: list[SpeechWord] = []  # that have not ended in the codes yet; from the pause's begin
        self._heard = pause  # samples spoken so far
        self._size = 0  # samples returned so far, as codes

    def speak(self, frames: int) -> CodedPiece:
        """As `SpokenSentence.speak`; up to a frame and the codec's lag come with a later piece."""
        piece = self._spoken.speak(frames)
        sounds = self._encoder.feed(piece.samples)
        if piece.last:
            sounds += self._encoder.end()
        self._words += shifted(piece.words, self._heard)
        self._heard += piece.samples.size
        before = self._size
        self._size += sum(sound.size for sound in sounds)
        ended = [word for word in self._words if word.end <= self._size or piece.last]
        del self._words[: len(ended)]
        return CodedPiece(tuple(sounds), piece.last, shifted(ended, -before))


def coded_speech(codec: WireCodec, voice: Codec) -> SentenceForm:
    """How sentences are spoken to a client that wants this codec, by a voice whose codes are of `voice`."""
    if codec.codec is voice:
        return CodedSentence

    def encoded(codes: CodeStream, own: Codec, pause: int, words: Sequence[SpokenWord]) -> Sentence:
        return EncodedSentence(SpokenSentence(codes, own, words=words), codec, pause)

    return encoded
