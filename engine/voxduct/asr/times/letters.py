"""Times from letters: a text that is decided is forced through the decoder once more, one letter a token.

After "Whisper Has an Internal Word Aligner" (2025): tokens of several letters look at the middle of what they spell,
single letters follow the sound. It costs one decoder call and helps models only that know single letters well.
"""

from __future__ import annotations

from collections.abc import Sequence

from voxduct.asr.tokenizer import UNSPACED, TextWord, Tokenizer
from voxduct.models import Floats, WhisperModel


def spelt(
    model: WhisperModel,
    encoding: object,
    prompt: Sequence[int],
    words: Sequence[TextWord],
    tokenizer: Tokenizer,
    language: str,
    room: int,
) -> tuple[list[TextWord], Floats] | None:
    """The words in tokens of one letter each, and the attention by which each letter, then the end, was predicted.

    Attention has the shape [heads, letters + 1, frames]. None where there are more letters than the decoder has `room`
    for, or where it shows no attention.
    """
    space = "" if language in UNSPACED else " "
    letters: list[int] = []
    spelled = []
    for word in words:
        tokens = [token for letter in space + word.text for token in tokenizer.encode(letter)]
        spelled.append(TextWord(word.text, tuple(tokens), len(letters)))
        letters += tokens
    if not letters or len(prompt) + len(letters) > room:
        return None
    attention = model.decode([*prompt, *letters], model.new_state(encoding)).attention
    return None if attention is None else (spelled, attention[:, len(prompt) - 1 :])
