"""What a continuation model is, and how one continuation is to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

from voxduct.errors import MessageError

MAX_SECONDS = 3_600.0  # who asks for more means something else
MAX_TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationConfig:
    """Facts of a trained model; see `config.json` beside it."""

    clusters: int
    """Semantic tokens; this number itself stands for a token that nobody knows."""
    silent_tokens: tuple[int, ...]
    """Tokens that mean silence, mostly."""
    none_code: int
    """Stands for a code before the beginning."""
    delays: tuple[int, ...]
    """Of each book, in frames."""
    semantic_context: int
    """Tokens that the semantic model sees."""
    acoustic_context: int
    """Frames that the acoustic model sees."""
    semantic_temperature: float
    semantic_top_p: float
    semantic_top_k: int
    acoustic_temperatures: tuple[float, ...]
    """Of each book."""
    acoustic_top_p: float
    acoustic_top_k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationOptions:
    """One continuation."""

    seconds: float = 10.0
    seed: int = 0
    temperature: float = 1.0
    """Times the model's own temperatures: below 1 is more even, above 1 more surprising, 0 takes what is likeliest."""

    def __post_init__(self) -> None:
        if not 0.0 < self.seconds <= MAX_SECONDS:
            raise MessageError(
                f"seconds {self.seconds:g} is not more than 0 and up to {MAX_SECONDS:g}", param="seconds"
            )
        if not 0.0 <= self.temperature <= MAX_TEMPERATURE:
            raise MessageError(
                f"temperature {self.temperature:g} is not from 0 to {MAX_TEMPERATURE:g}; 1 is the model's own",
                param="temperature",
            )
