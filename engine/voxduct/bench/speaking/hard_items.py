"""Texts of the kinds where codec language models skip, repeat or never end; made from a seed, as many as are wanted.

The kinds take turns, and an item depends on the seed and its own number alone: the first sixty of a thousand are the
sixty.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

ITEMS = 1_000

SINGLE = """
yes no hello stop why ah okay seven thursday strengths choir colonel queue yacht through though thought thorough sixth
clothes months eighths squirrel rural world juror mirror literally particularly statistics specific anemone phenomenon
athlete twelfths prompts texts asks scripts depths widths lengths crisps wasps masks desks rhythm island knight gnome
psalm debt receipt salmon wednesday february library secretary vegetable comfortable chocolate temperature literature
architecture photography photograph photographic record present object project produce desert dessert address contract
banana umbrella elephant hippopotamus rhinoceros refrigerator encyclopedia responsibility misunderstanding go be i a oh
eye ear air are our hour how now who you we they thing think thick tick kick cake take tape tap top pop pup cup cut cat
bat bad bed bid big pig peg leg log dog fog frog flag black block clock click quick quiz whiz wheeze freeze sneeze
please pleasure measure treasure leisure vision garage beige judge church which witch watch catch fifth myth bath bathe
breathe teeth these those whose shoes choose juice goose loose lose zoo zero
""".split()
ADJECTIVES = """
old new red green little big quiet strange early late heavy empty warm cold bright dark narrow wide simple clever
""".split()
NOUNS = """
apple bridge candle doctor engine flower garden hammer island jacket kettle ladder mirror needle orange pencil river
shadow table village window winter letter basket farmer captain sister kitchen market station
""".split()
VERBS = "saw found left moved sold broke kept painted carried followed opened watched".split()
REPEATED = "no very yes far many go so long really never please come knock there one three more much".split()
JOINS = (", and", ", but", ", because", ", while", ", until", ", although", ", where", ", so")
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


@dataclass(frozen=True, slots=True)
class HardItem:
    """One text and why it is hard."""

    kind: str
    text: str


def hard_items(count: int = ITEMS, seed: int = 0) -> list[HardItem]:
    """The first `count` items of a seed."""
    kinds = list(MAKERS.items())
    made = []
    for number in range(count):
        turn, place = divmod(number, len(kinds))
        kind, make = kinds[place]
        made.append(HardItem(kind, make(random.Random(f"{seed}/{kind}/{turn}"), turn)))
    return made


def _repeats(rng: random.Random, turn: int) -> str:
    word, times = rng.choice(REPEATED), rng.randint(2, 8)
    noun, other = rng.sample(NOUNS, 2)
    forms = (
        " ".join([word] * times) + ".",
        ", ".join([word] * times) + ".",
        f"It was {' '.join(['very'] * times)} {rng.choice(ADJECTIVES)}.",
        f"The {noun} of the {noun} of the {noun} is a {noun}.",
        ", ".join([f"{noun} {other}"] * rng.randint(2, 4)) + ".",
    )
    return _sentence(forms[turn % len(forms)])


def _list(rng: random.Random, _: int) -> str:
    *most, last = rng.sample(NOUNS, rng.randint(3, 9))
    things = [f"{_article(noun)} {noun}" for noun in most]
    return f"We need {', '.join(things)} and {_article(last)} {last}."


def _number(rng: random.Random, turn: int) -> str:
    small, large = rng.randint(2, 99), rng.randint(1_000, 9_999_999)
    forms = (
        f"There are {large:,} of them.",
        f"It is number {small} of {rng.randint(100, 999)}.",
        f"He came in {_ordinal(small)}.",
        f"It weighs {rng.randint(0, 99)}.{rng.randint(0, 999)} kg.",
        f"That costs ${rng.randint(1, 9_999):,}.{rng.randint(0, 99):02}.",
        f"The price is £{rng.randint(1, 500)}.",
        f"Prices rose by {rng.randint(1, 99)}.{rng.randint(1, 9)}%.",
        f"It was -{rng.randint(1, 40)} degrees.",
        f"Take {rng.choice(['1/2', '3/4', '2/3', '1/4', '5/8'])} of it.",
        f"Call {rng.randint(200, 999)} {rng.randint(0, 9_999):04}.",
        f"Install version {rng.randint(0, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 99)}.",
        f"Read pages {small} to {small + rng.randint(1, 200)}.",
        f"Drive {rng.randint(2, 900)} km at {rng.randint(20, 120)} mph.",
        f"The code is {rng.randint(0, 99_999_999):08}.",
    )
    return forms[turn % len(forms)]


def _date(rng: random.Random, turn: int) -> str:
    month, day, year = rng.choice(MONTHS), rng.randint(1, 28), rng.randint(1_700, 2_099)
    hour, minute = rng.randint(1, 12), rng.randint(0, 59)
    forms = (
        f"It was on {month} {_ordinal(day)}, {year}.",
        f"He was born on {day} {month} {year}.",
        f"The year was {year}.",
        f"Back in the {year // 10 * 10}s, nobody knew.",
        f"Come on {rng.choice(DAYS)}, {month} {day}.",
        f"It is {hour}:{minute:02} p.m.",
        f"The train leaves at {rng.randint(0, 23):02}:{minute:02}.",
        f"From {year} to {year + rng.randint(1, 60)} it was a school.",
        f"The form is of {year}-{MONTHS.index(month) + 1:02}-{day:02}.",
    )
    return forms[turn % len(forms)]


def _one_word(rng: random.Random, turn: int) -> str:
    return _sentence(SINGLE[turn % len(SINGLE)] + rng.choice(".?!"))


def _two_words(rng: random.Random, turn: int) -> str:
    noun = rng.choice(NOUNS)
    pairs = (f"{rng.choice(ADJECTIVES)} {noun}", f"{rng.choice(SINGLE[:60])} {noun}", f"{rng.choice(REPEATED)} {noun}")
    return _sentence(pairs[turn % len(pairs)] + rng.choice(".?!"))


def _sixty_words(rng: random.Random, _: int) -> str:
    first, *others = (_clause(rng) for _ in range(5))
    joined = first + "".join(f"{rng.choice(JOINS)} {clause}" for clause in others)
    return _sentence(f"{joined}, and nobody could ever say why.")


def _clause(rng: random.Random) -> str:
    one, other = rng.sample(NOUNS, 2)
    first, second = rng.sample(ADJECTIVES, 2)
    return f"the {first} {one} {rng.choice(VERBS)} the {second} {other} by the {rng.choice(NOUNS)}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


Maker = Callable[[random.Random, int], str]
"""(random numbers of its own, how many of its kind came before) -> the text."""

MAKERS: dict[str, Maker] = {
    "repeats": _repeats,
    "list": _list,
    "number": _number,
    "date": _date,
    "one_word": _one_word,
    "two_words": _two_words,
    "sixty_words": _sixty_words,
}
KINDS = tuple(MAKERS)
