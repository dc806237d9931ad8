"""Texts in which a voice can show how lively it is: questions beside the statements of their words, and longer ones."""

from __future__ import annotations

PAIRS = (
    ("Is the train going to be late?", "The train is going to be late."),
    ("Did you leave your keys in the car?", "I left my keys in the car."),
    ("Are they coming to dinner tomorrow?", "They are coming to dinner tomorrow."),
    ("Can you see the river from your window?", "I can see the river from my window."),
    ("Have you ever been to the mountains?", "I have never been to the mountains."),
    ("Will it rain again on Monday?", "It will rain again on Monday."),
    ("Do you want another cup of tea?", "I want another cup of tea."),
)
"""Yes-or-no questions, which rise at their end in most people's English, and statements that end in the same words."""
LONGER = (
    "When the storm was over, the old fisherman walked down to the harbor, and his boat was gone.",
    "We need bread, butter, two lemons, and a bottle of milk.",
    "I never said that she took the money, I only said that it was missing.",
    "What a wonderful surprise it was to find you all waiting at the station!",
    "The first door is locked, the second one is open, and behind the third, nobody knows.",
    "Slowly, very slowly, the heavy gate began to move, and then suddenly it stopped.",
)
TEXTS = (*(text for pair in PAIRS for text in pair), *LONGER)
