"""A small grammar of commands, dictation, numbers and everyday talk, for what books do not say."""

from __future__ import annotations

import random
import re

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen "
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

SLOT_LINES = """
place: kitchen, bedroom, living room, bathroom, hallway, garage, garden, office, dining room, basement, attic,
    front porch
thing: light, lights, lamp, fan, heater, television, radio, music, speaker, oven, alarm, camera, door, window,
    blinds, air conditioner, printer, dishwasher, computer, screen
day: monday, tuesday, wednesday, thursday, friday, saturday, sunday, today, tomorrow, next week, this weekend,
    tonight, the day after tomorrow
month: january, february, march, april, may, june, july, august, september, october, november, december
person: alice, john, mary, peter, anna, david, sarah, michael, emma, james, my mother, my father, my brother, my
    sister, my wife, my husband, the doctor, the teacher, our neighbour, my boss, the manager, the children,
    everybody, a friend of mine, my team
city: london, paris, new york, boston, chicago, berlin, tokyo, sydney, toronto, dublin, rome, madrid, seattle,
    denver, oxford, the airport, the station, the office, the hospital, the library, the hotel, the school, the
    shop
food: bread, milk, coffee, tea, eggs, cheese, apples, chicken, rice, butter, sugar, chocolate, soup, pasta,
    potatoes, fish, salad, orange juice, tomatoes, a sandwich, pizza, ice cream, bananas
task: call the bank, buy some groceries, pay the rent, water the plants, walk the dog, send the report, book a
    table, pick up the kids, clean the kitchen, finish the homework, check the mail, charge the phone, fix the
    bicycle, take out the trash, write the letter, renew the passport, feed the cat, order new shoes, read the
    contract, answer the question
topic: the weather, the project, the meeting, the budget, the news, football, the weather forecast, the schedule,
    the traffic, climate change, machine learning, history, music, the economy, politics, the stock market,
    space travel, the new product, the contract, our holiday, the software, the database, the server, the
    design, the test results
adj: good, bad, great, small, large, new, old, easy, difficult, important, interesting, expensive, cheap,
    beautiful, quiet, loud, warm, cold, fast, slow, dangerous, simple, strange, perfect, terrible, wonderful,
    ready, late, early, busy, careful, tired, happy, sad
verb: see, find, open, close, send, read, write, remember, understand, change, move, show, explain, finish, start,
    check, buy, sell, build, break, bring, carry, choose, cancel, repeat, describe, compare, prepare, improve,
    measure
noun: car, house, book, phone, message, letter, table, chair, dog, cat, child, street, city, river, tree, bird,
    box, key, ticket, train, bus, plane, ship, picture, story, song, number, word, question, answer, problem,
    idea, plan, reason, friend, doctor, machine, computer, program, file, window, page, bag, coat, clock,
    bottle, plate, knife, garden, mountain
adv: now, please, again, later, soon, quickly, slowly, carefully, right away, immediately, as soon as possible,
    once more, at once, for a while, after lunch, before dinner, in the morning, in the evening, every day, all
    day long
color: red, green, blue, yellow, white, black, orange, purple, brown, pink, grey
pron: i, you, we, they
he: he, she, it
short: yes, no, okay, stop, cancel, hello, goodbye, thank you, thanks, please, wait, help, continue, go on, never
    mind, that's right, of course, maybe, i don't know, not yet, good morning, good night, good evening, excuse
    me, i'm sorry, sorry, pardon, what, why, who, when, where, how, next, previous, louder, quieter, pause,
    resume, repeat, up, down, left, right, on, off, open, close, start, sure, all right, no problem, one moment,
    really, exactly, hold on, be quiet, come here, let's go, me too, well done, what's up, hurry up, not now,
    see you later, see you soon, how are you, who is it, what time is it, what's the matter, that's enough, try
    again, listen
greeting: hello, hi, hey, good morning, good afternoon, okay, so, well, excuse me, right
mark: comma, period, full stop, question mark, new line, new paragraph, colon, exclamation mark
unit: degrees, percent, miles, kilometres, dollars, pounds, minutes, hours, seconds, days, weeks, years, people,
    metres, euros, grams, pages, steps, times
""".strip()

SLOTS: dict[str, list[str]] = {
    name: [choice.strip() for choice in choices.split(",")]
    for name, choices in (line.split(":") for line in re.sub(r"\s*\n\s+", " ", SLOT_LINES).splitlines())
}

TEMPLATES: list[str] = """
{short}
{short} {short}
{greeting} {short}
{num}
{num} {num}
{digits}
{noun}
{adj} {noun}
the {adj} {noun}
{num} {unit}
the {noun} and the {noun}
a {adj} {noun} and a {adj} {noun}
turn on the {thing}
turn off the {thing} in the {place}
turn the {thing} {onoff}
switch {onoff} the {place} {thing}
please turn {onoff} the {thing} in the {place} {adv}
set the {thing} to {num} percent
set the {place} temperature to {num} degrees
make the {place} {thing} {color}
set a timer for {num} minutes
set an alarm for {time} {day}
wake me up at {time}
remind me to {task} {day}
remind me to {task} at {time}
add {food} to the shopping list
add {food} and {food} to my list
i would like {num} {unit} of {food} and some {food}
can i have {food} and {food} please
play some music in the {place}
play the next song {adv}
what is the weather like in {city} {day}
will it rain in {city} {day}
how far is it from {city} to {city}
how do i get to {city}
how long does it take to {task}
how many {noun}s are in the {place}
call {person}
call {person} {adv}
send a message to {person}
tell {person} that i will be late
tell {person} i want to {task} {day}
did {person} {task}
has {person} seen the {adj} {noun}
{person} wants to {task} {adv}
{person} told me about {topic}
{person} and {person} are going to {city} {day}
{person} left the {noun} in the {place}
what do you know about {topic}
what do you think about {topic}
can you tell me more about {topic}
explain {topic} to me {adv}
let's talk about {topic}
i read something {adj} about {topic}
i don't want to {verb} the {noun}
i can't {verb} the {noun} {adv}
i think {topic} is {adj}
i didn't {verb} it
could you {verb} the {noun} {adv}
would you {verb} the {color} {noun} for me
why did you {verb} my {noun}
where did you put the {color} {noun}
where is the {noun}
there is a {adj} {noun} in the {place}
there are {num} {noun}s on the {noun}
this {noun} is too {adj}
that was a {adj} {noun}
{he}'s {adj} and {adj}
{pron}'ll {verb} the {noun} {day}
{pron}'ve got {num} {noun}s
is the {noun} {adj}
the {color} {noun} is more {adj} than the {color} {noun}
we need {num} more {noun}s before {day}
we should {verb} the {noun} and {verb} the {noun}
we have to {task} before {time}
they want to {verb} the {noun} because it's {adj}
if it is {adj}, we will {task} {day}
when {person} comes home, please {task}
the meeting is on {day} at {time}
the train to {city} leaves at {time}
my birthday is on the {ordinal} of {month}
it happened in {month} {year}
i was born in {year}
the answer is {num}
{num} plus {num} is {num}
what is {num} times {num}
my phone number is {digits}
the code is {digits}
it costs {num} dollars and {num} cents
about {num} {unit}
it's {time}
book a flight to {city} for {num} people on {day}
schedule a meeting with {person} {day} at {time}
write an email to {person} about {topic}
take a note {mark}
dear {person} {mark} thank you for the {adj} {noun}
{adv} {mark} {adj} {noun}
delete the last {noun}
go back to the {noun}
open the {noun} and {verb} it
show me the {adj} {noun} {adv}
stop the {thing} {adv}
is anybody in the {place}
i'm in the {place} with {person}
good morning {person}, how are you {day}
{greeting} can you {task} for me
{greeting} what is the {adj} {noun}
do you have {food} or {food}
the {food} in {city} was {adj}
i had {food} with {food} at {time}
it's not {adj}, it's {adj}
what happened to the {noun} {adv}
who wants to {verb} the {adj} {noun}
""".strip().splitlines()


def number_words(value: int) -> str:
    """A whole number below a million in words, as people say it."""
    if value < 20:
        return UNITS[value]
    if value < 100:
        rest = value % 10
        return TENS[value // 10 - 2] + (f" {UNITS[rest]}" if rest else "")
    if value < 1000:
        rest = value % 100
        return f"{UNITS[value // 100]} hundred" + (f" and {number_words(rest)}" if rest else "")
    rest = value % 1000
    return f"{number_words(value // 1000)} thousand" + (f" {number_words(rest)}" if rest else "")


def ordinal_words(value: int) -> str:
    """first to thirty first."""
    irregular = {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"}
    if value in irregular:
        return irregular[value]
    if value < 20:
        return UNITS[value] + "th"
    tens, rest = TENS[value // 10 - 2], value % 10
    return f"{tens} {ordinal_words(rest)}" if rest else tens[:-1] + "ieth"


def clock_time(rng: random.Random) -> str:
    """A time of day in one of the ways it is said."""
    hour = UNITS[rng.randint(1, 12)]
    style = rng.randrange(4)
    if style == 0:
        return f"{hour} o'clock"
    if style == 1:
        return f"{rng.choice(['half', 'quarter', 'ten', 'five', 'twenty'])} past {hour}"
    if style == 2:
        return f"{hour} {rng.choice(TENS[:4])}"
    minutes, day_part = rng.choice(["fifteen", "thirty", "forty five"]), rng.choice(["morning", "evening", "afternoon"])
    return f"{hour} {minutes} in the {day_part}"


def _number(rng: random.Random) -> str:
    return number_words(int(10 ** rng.uniform(0, rng.choice([2, 2, 3, 5]))))


def _digits(rng: random.Random) -> str:
    return " ".join(rng.choice(UNITS[:10]) for _ in range(rng.randint(3, 7)))


def _year(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return f"twenty {number_words(rng.randint(10, 40))}"
    return f"nineteen {number_words(rng.randint(10, 99))}"


SPECIAL = {
    "num": _number,
    "digits": _digits,
    "time": clock_time,
    "year": _year,
    "ordinal": lambda rng: ordinal_words(rng.randint(1, 31)),
    "onoff": lambda rng: rng.choice(["on", "off"]),
}


def made_up(rng: random.Random) -> str:
    """One sentence from the grammar."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        return SPECIAL[name](rng) if name in SPECIAL else rng.choice(SLOTS[name])

    return re.sub(r"\{(\w+)\}", fill, rng.choice(TEMPLATES))
