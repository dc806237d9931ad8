from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_hearing import WORDS, FakeWhisper, fake_tokenizer, say
from voxduct.asr.options import DecodingOptions
from voxduct.asr.recogniser import Recogniser
from voxduct.asr.recordings.chunks import Chunk, ChunkOptions, Span, gather_spans, share_out, transcribe_chunks
from voxduct.asr.recordings.reel import Reel
from voxduct.events import Word

SECOND = 16_000
SPANS = st.lists(st.integers(0, 60 * SECOND), min_size=2, max_size=12).map(
    lambda edges: [pair for i, pair in enumerate(pairwise(sorted(edges))) if i % 2 == 0]
)
TEXTS = (("alpha", "bravo"), ("charlie",), ("delta", "echo", "golf"), ("bravo", "alpha"))


def recogniser(beams: int = 1) -> Recogniser:
    tokenizer = fake_tokenizer()
    return Recogniser(FakeWhisper(tokenizer), tokenizer, decoding=DecodingOptions(beams=beams))


def chunks() -> Iterator[Chunk]:
    position = 1_000
    for words in TEXTS:
        samples = say(*words)
        yield Chunk(samples, ((position, position + samples.size),))
        position += samples.size + 8_000


@given(spans=SPANS, longest=st.floats(0, 40))
def test_gather_spans_any_spans_keeps_all_in_order_and_fits_windows(spans: list[Span], longest: float) -> None:
    groups = list(gather_spans(spans, ChunkOptions(max_s=longest)))
    assert [span for group in groups for span in group] == spans
    assert all(len(group) == 1 or group[-1][1] - group[0][0] <= longest * SECOND for group in groups)
    assert all(after[0][1] - before[0][0] > longest * SECOND for before, after in pairwise(groups))


@pytest.mark.parametrize("batch", [1, 3, 9])
@pytest.mark.parametrize("beams", [1, 2])
def test_transcribe_chunks_says_each_in_its_place(batch: int, beams: int) -> None:
    segments = list(transcribe_chunks(recogniser(beams), chunks(), ChunkOptions(batch=batch)))
    assert [segment.text for segment in segments] == [" ".join(words) for words in TEXTS]
    for segment, chunk in zip(segments, chunks(), strict=True):
        assert (segment.start, segment.end) == chunk.spans[0]
        assert segment.words[0].start == pytest.approx(chunk.start, abs=1_600)
        assert all(segment.start <= word.start <= word.end <= segment.end for word in segment.words)


def test_transcribe_chunks_utterances_of_one_window_get_their_own_words() -> None:
    first, second = say("alpha", "bravo"), say("charlie")
    gap = np.zeros(8_000, np.float32)
    spans = ((0, first.size), (first.size + gap.size, first.size + gap.size + second.size))
    (one, other) = transcribe_chunks(recogniser(), [Chunk(np.concatenate([first, gap, second]), spans)])
    assert (one.text, other.text) == ("alpha bravo", "charlie")
    assert (other.start, other.end) == spans[1]


def test_transcribe_chunks_silent_window_is_not_encoded() -> None:
    silent = Chunk(np.zeros(SECOND, np.float32), ((0, SECOND),))
    shared = recogniser()
    assert list(transcribe_chunks(shared, [silent])) == []
    assert isinstance(shared.model, FakeWhisper)
    assert shared.model.windows == []


def test_share_out_word_across_a_border_belongs_to_the_earlier_span() -> None:
    words = [Word(WORDS[i], start, start + 50, 1.0) for i, start in enumerate((0, 90, 110, 400))]
    shares = share_out(words, [(0, 100), (120, 200), (300, 500)])
    assert [[word.text for word in share] for share in shares] == [["alpha", "bravo"], ["charlie"], ["delta"]]


@given(sizes=st.lists(st.integers(0, 50), max_size=8), start=st.integers(0, 100), length=st.integers(0, 100))
def test_reel_any_blocks_read_as_one_recording(sizes: list[int], start: int, length: int) -> None:
    whole = np.arange(sum(sizes), dtype=np.float32)
    reel = Reel(np.split(whole, np.cumsum(sizes))[:-1] if sizes else [])
    np.testing.assert_array_equal(reel.read(start, start + length), whole[start : start + length])
    reel.forget_before(min(start, reel.end))
    np.testing.assert_array_equal(reel.read(start, start + length), whole[start : start + length])


def test_reel_forgotten_samples_are_refused() -> None:
    reel = Reel([np.zeros(100, np.float32)])
    reel.read(0, 100)
    reel.forget_before(50)
    with pytest.raises(IndexError, match="forgotten"):
        reel.read(49, 60)
