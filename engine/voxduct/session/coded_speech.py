"""Speech as codes: as the voice drew them where the codec is the voice's own, otherwise encoded from samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxduct.audio import SAMPLE_RATE
from voxduct.codec.stretches import StretchEncoder, WireCodec
from voxduct.dsp import Resampler
from voxduct.events import SpeechWord
from voxduct.models import Codec
from voxduct.tts.sentence import (
    CodedPiece,
    CodedSentence,
    FrameSound,
    FrameSource,
    Sentence,
    SentenceForm,
    SpokenSentence,
)
from voxduct.tts.text.phonemes import SpokenWord
from voxduct.tts.word_times import shifted


class EncodedSentence:
    """A spoken sentence in the codes of another codec; one stretch."""

    def __init__(
        self, spoken: SpokenSentence, codec: WireCodec, pause: int = 0, sample_rate: int = SAMPLE_RATE
    ) -> None:
        """`pause`: samples of silence before the sentence; `sample_rate`: of these and of what is spoken."""
        self._spoken = spoken
        self._rate = sample_rate
        self._resampler = Resampler(sample_rate)
        self._pause = self._resampled(pause)
        self._encoder = StretchEncoder(codec, self._pause)
        self._words: list[SpeechWord] = []  # that have not ended in the codes yet; from the pause's begin
        self._heard = 0  # samples spoken so far
        self._size = 0  # samples returned so far, as codes

    def speak(self, frames: int) -> CodedPiece:
        """As `SpokenSentence.speak`; up to a frame and the lags of codec and resampler come with a later piece."""
        piece = self._spoken.speak(frames)
        samples = self._resampler.feed(piece.samples)
        if piece.last:
            samples = np.concatenate([samples, self._resampler.flush()])
        sounds = self._encoder.feed(samples)
        if piece.last:
            sounds += self._encoder.end()
        self._words += [self._encoded(word) for word in shifted(piece.words, self._heard)]
        self._heard += piece.samples.size
        before = self._size
        self._size += sum(sound.size for sound in sounds)
        ended = [word for word in self._words if word.end <= self._size or piece.last]
        del self._words[: len(ended)]
        return CodedPiece(tuple(sounds), piece.last, shifted(ended, -before))

    def _encoded(self, word: SpeechWord) -> SpeechWord:
        start, end = (self._pause + self._resampled(place) for place in (word.start, word.end))
        return SpeechWord(word.text, start, end)

    def _resampled(self, place: int) -> int:
        return place * SAMPLE_RATE // self._rate


def coded_speech(codec: WireCodec, voice: Codec | None) -> SentenceForm:
    """How sentences are spoken to a client that wants this codec, by a voice whose frames are codes of `voice`."""
    if codec.codec is voice:
        return CodedSentence

    def encoded(frames: FrameSource, sound: FrameSound, pause: int, words: Sequence[SpokenWord]) -> Sentence:
        return EncodedSentence(SpokenSentence(frames, sound, words=words), codec, pause, sound.sample_rate)

    return encoded
