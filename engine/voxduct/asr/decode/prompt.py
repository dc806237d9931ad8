"""What the decoder is told before the text: earlier text, hot words, language, task.

Radford et al. (2022), figure 1: `<|startofprev|>` and earlier text, then the special tokens of the task.
"""

from __future__ import annotations

from collections.abc import Sequence

from voxduct.asr.options import AsrOptions
from voxduct.asr.tokenizer import Tokenizer


def build_prompt(
    tokenizer: Tokenizer,
    options: AsrOptions,
    language: str | None,
    previous: Sequence[int] | None = None,
    *,
    timestamps: bool = False,
    room: int,
) -> tuple[int, ...]:
    """The tokens to feed before the text.

    Args:
        tokenizer: the model's vocabulary.
        options: task, prompt and hot words.
        language: what is spoken, or meant to be; English-only models ignore it.
        previous: tokens said before this window; None is the beginning, where `options.prompt` stands for them.
        timestamps: whether the text has timestamps between its tokens.
        room: how many tokens of earlier text fit; the latest are kept.

    Raises:
        ModelError: the model does not know the language or cannot do the task.
    """
    special = tokenizer.prompt(language, options.task, timestamps=timestamps)
    earlier = text_tokens(tokenizer, options.prompt) if previous is None else list(previous)
    hot = text_tokens(tokenizer, options.hot_words)[:room]
    kept = earlier[max(0, len(earlier) - (room - len(hot))) :]
    if tokenizer.start_of_previous is None or not (hot or kept):
        return special
    return (tokenizer.start_of_previous, *hot, *kept, *special)


def text_tokens(tokenizer: Tokenizer, text: str) -> list[int]:
    """Text as it stands in the middle of speech, a space before it; nothing of nothing."""
    return tokenizer.encode(f" {text.strip()}") if text.strip() else []
