from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxduct.errors import TextError
from voxduct.tts.text.normalise import PAUSES, normalise, spoken_words

KNOWN = set(
    "i have dogs it costs hello world this is loud nasa the us youtube web socket websocket iphone covid wifi html cat "
    "unesco naive cafe jones at and as he she yes said done"
    .split()
)  # fmt: skip

TABLE = """
I have 3 dogs.                  | i have three dogs .
zero 0                          | zero zero
-5                              | minus five
−5 degrees                      | minus five degrees
1,234,567                       | one million two hundred thirty four thousand five hundred sixty seven
1000000                         | one million
100,000                         | one hundred thousand
12345                           | twelve thousand three hundred forty five
3.14159                         | three point one four one five nine
0.5                             | zero point five
.5                              | point five
-0.5                            | minus zero point five
1.0                             | one point zero
10,000.5                        | ten thousand point five
007                             | zero zero seven
12345678901234                  | one two three four five six seven eight nine zero one two three four
1st                             | first
2nd                             | second
3rd                             | third
22nd                            | twenty second
30th                            | thirtieth
113th                           | one hundred thirteenth
in 1999                         | in nineteen ninety nine
2005                            | two thousand five
2026                            | twenty twenty six
1905                            | nineteen oh five
1800                            | eighteen hundred
3500                            | three thousand five hundred
in the 1990s                    | in the nineteen nineties
the '90s                        | the nineties
the 80s                         | the eighties
10-15                           | ten to fifteen
10–15                           | ten to fifteen
1914-1918                       | nineteen fourteen to nineteen eighteen
1914–18                         | nineteen fourteen to eighteen
3:1                             | three to one
1/2                             | one half
3/4                             | three quarters
2/3                             | two thirds
2 1/2                           | two and a half
2½                              | two and a half
½                               | one half
50/50                           | fifty fifty
24/7                            | twenty four seven
555-1234                        | five five five , one two three four
415-555-2671                    | four one five , five five five , two six seven one
(415) 555-2671                  | four one five , five five five , two six seven one
+44 20 7946 0958                | plus four four , two zero , seven nine four six , zero nine five eight
$3.50                           | three dollars and fifty cents
$1                              | one dollar
$1.01                           | one dollar and one cent
$0.99                           | ninety nine cents
99¢                             | ninety nine cents
$5M                             | five million dollars
$1.5 billion                    | one point five billion dollars
$20k                            | twenty thousand dollars
$1,000,000                      | one million dollars
-$5                             | minus five dollars
$3-5                            | three to five dollars
£2.01                           | two pounds and one penny
£1m                             | one million pounds
€20                             | twenty euros
20 €                            | twenty euros
¥500                            | five hundred yen
5 USD                           | five U S dollars
EUR 7                           | seven euros
50%                             | fifty percent
3.5 %                           | three point five percent
5-10%                           | five to ten percent
1 km                            | one kilometer
5 km                            | five kilometers
5.5 kg                          | five point five kilograms
60 mph                          | sixty miles per hour
100 km/h                        | one hundred kilometers per hour
6 lbs                           | six pounds
5 ft                            | five feet
5'10"                           | five foot ten
16 GB                           | sixteen gigabytes
44.1 kHz                        | forty four point one kilohertz
20°C                            | twenty degrees celsius
-5 °F                           | minus five degrees fahrenheit
90°                             | ninety degrees
5 m²                            | five square meters
5s                              | five seconds
2026-11-22                      | november twenty second , twenty twenty six
Nov 22, 2026                    | november twenty second , twenty twenty six
November 22nd                   | november twenty second
Nov. 5                          | november fifth
22 Nov 2026                     | the twenty second of november , twenty twenty six
22/11/2026                      | november twenty second , twenty twenty six
11/22/2026                      | november twenty second , twenty twenty six
22.11.2026                      | november twenty second , twenty twenty six
May 5                           | may fifth
5 May                           | the fifth of may
March 2024                      | march twenty twenty four
Mon, Jan 3                      | monday , january third
7:30 pm                         | seven thirty P M
7:30 p.m. today                 | seven thirty P M today
7:05                            | seven oh five
7:00                            | seven o'clock
7pm                             | seven P M
10 a.m.-5 p.m.                  | ten A M to five P M .
19:45                           | nineteen forty five
12:30:15                        | twelve thirty and fifteen seconds
25:99                           | twenty five to ninety nine
Dr. Smith                       | doctor smith
Mr Jones                        | mister jones
Mrs. O'Brien's cat              | missus o'brien's cat
St. John                        | saint john
Main St.                        | main street
Elm Dr.                         | elm drive
e.g. cats                       | for example cats
i.e. cats                       | that is cats
cats, dogs, etc.                | cats , dogs , et cetera .
No. 5                           | number five
#5                              | number five
Ph.D.                           | P H D
J. K. Rowling                   | J K rowling
U.S. Army                       | U S army
the US                          | the U S
NASA                            | nasa
UNESCO                          | unesco
FBI                             | F B I
PDFs                            | P D F's
HELLO WORLD THIS IS LOUD        | hello world this is loud
mp3                             | M P three
H264                            | H two hundred sixty four
A4                              | A four
GPT-4                           | G P T four
v1.2.3                          | version one point two point three
192.168.0.1                     | one nine two dot one six eight dot zero dot one
john.doe@example.com            | john dot doe at example dot com
https://www.example.com/a-b     | W W W dot example dot com slash A dash B
example.org                     | example dot org
@alice                          | at alice
#python                         | hashtag python
AT&T                            | A T and T
R&B                             | R and B
C++                             | C plus plus
a & b                           | A and B
x^2                             | X squared
10^6                            | ten to the power of six
3x4                             | three by four
2x                              | two times
±5                              | plus or minus five
~100                            | about one hundred
20k                             | twenty thousand
World War II                    | world war two
Henry VIII                      | henry the eighth
he/she                          | he slash she
and/or                          | and or
hello 😀 world                  | hello world
naïve café                      | naive cafe
don't                           | don't
I’m                             | i'm
'quoted'                        | quoted
vitamin A                       | vitamin A
A dog                           | a dog
a, b, c                         | A , B , C
iPhone                          | iphone
YouTube                         | youtube
COVID-19                        | covid nineteen
brr                             | B R R
What?! No...                    | what ? no .
"Yes," he said.                 | yes , he said .
well-known                      | well known
this - that                     | this , that
this—that                       | this , that
(see below)                     | see below ,
1,2,3                           | one , two , three
Room 101                        | room one hundred one
1e5                             | one E five
"""
CASES = [tuple(part.strip() for part in re.split(r" \| ", line)) for line in TABLE.strip().splitlines()]
SPEAKABLE = re.compile(r"[a-z]+(?:'[a-z]+)*'?|[A-Z](?:'s)?")


def spoken(text: str) -> str:
    return " ".join(spoken_words(text, KNOWN.__contains__))


def test_normalise_table_is_long_enough() -> None:
    assert len(CASES) >= 120


@pytest.mark.parametrize(("text", "said"), CASES)
def test_normalise_written_form_is_said_so(text: str, said: str) -> None:
    assert spoken(text) == said


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="0123456789.,:/-+$£%€ apmkKxstndrh°'\"()#@&AMTDrSt\ue000", max_size=40))
def test_normalise_any_text_gives_only_words_and_pauses(text: str) -> None:
    for word in spoken_words(text, KNOWN.__contains__):
        assert word in PAUSES or SPEAKABLE.fullmatch(word), (text, word)


@pytest.mark.parametrize(
    "text", ["", "   ", "???", "...", "😀", "日本語", "Привет", "—", "\x00\x07", "\ue000", "'", '""']
)
def test_normalise_nothing_speakable_raises_text_error(text: str) -> None:
    with pytest.raises(TextError):
        normalise(text, KNOWN.__contains__)


def test_normalise_long_hostile_text_takes_no_long_time() -> None:
    for text in ("1" * 5000, "a." * 2500, "1-" * 2500, "$" * 5000, "9:" * 2500):
        spoken_words(text, KNOWN.__contains__)
