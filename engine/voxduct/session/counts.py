"""What all sessions of one engine count together. Only those who hold sessions write here, on one thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voxduct.asr.gate import Doubt
from voxduct.asr.live.speculation import SpeculationCounts
from voxduct.vad import Refusal

GATE_LAYERS: tuple[Refusal | Doubt, ...] = (*Refusal, *Doubt)
"""The layers of the hallucination gate, in the order in which sound and text pass them."""


class GateCounts:
    """How often each layer of the hallucination gate stopped something."""

    def __init__(self) -> None:
        self._stopped = dict.fromkeys(GATE_LAYERS, 0)

    def add(self, layer: Refusal | Doubt) -> None:
        """The layer refused to start an utterance, or did not believe (all of) a window's words."""
        self._stopped[layer] += 1

    @property
    def by_layer(self) -> Mapping[str, int]:
        """The counts of all layers, in their order."""
        return {layer.value: count for layer, count in self._stopped.items()}


@dataclass(frozen=True, slots=True)
class EngineCounts:
    """The counts of an engine."""

    gate: GateCounts = field(default_factory=GateCounts)
    speculations: SpeculationCounts = field(default_factory=SpeculationCounts)
