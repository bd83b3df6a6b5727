"""The words by which people are found: of a name and of a ticket, and of what is typed.

Both sides are folded alike: accents, case, and letters that look like others make no difference.
Marks that belong to a syllable, as in Hindi or Thai, stay. Scripts that put no spaces between words
are found from any of their signs on, so a part of the name is enough.
"""

import re
import unicodedata
from collections.abc import Iterator

#: How many words of a name can be searched for, and how many letters of each.
MAX_WORDS = 8
MAX_LETTERS = 40
#: A word of a script without spaces is also stored from this many of its signs on.
MAX_STARTS = 12
#: A name never takes more rows than this.
_MAX_STORED = 32
#: Begins the words of a ticket, so they are no words of a name.
TICKET = "#"
#: Comes after every other character.
LAST = "\U0010ffff"

#: Letters that don't decompose, after case folding.
_PLAIN = str.maketrans(
    {
        **{"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ŋ": "n", "ð": "d"},
        **{"æ": "ae", "œ": "oe", "þ": "th", "ə": "e", "ɛ": "e", "ɔ": "o", "ɓ": "b", "ɗ": "d"},
        **{"ƙ": "k", "ґ": "г"},
        # Arabic and Persian spellings of one letter, and the line that only stretches a word.
        **{"ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ہ": "ه", "ھ": "ه", "ە": "ه"},
        "ـ": "",
    }
)
#: Seen or not, they join the parts of one word: joiners, a space of no width, and apostrophes.
_SEAMS = frozenset("\u200b\u200c\u200d'’‘ʼʻ`´")
#: The sign of a seam inside folded text.
_SEAM = "\u200c"
#: Scripts without spaces between words: Thai to Tibetan, Myanmar, Khmer, kana, Han, Hangul.
_SPACELESS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)
#: The colors of skin, which only change the emoji before them.
_SKIN = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_TICKET = re.compile(
    r"(?:ct[_\W]*(?P<begin>[0-9a-z]{1,4})[\W_]*(?P<rest>[0-9a-z]{0,4})"
    r"|[\W_]*(?P<half>[0-9a-z]{4})[\W_]*(?P<other>(?:[0-9a-z]{4})?))[\W_]*"
)


def of_person(name: str | None, ticket: str) -> list[str]:
    """Return the words that are stored for a person, without duplicates, sorted."""
    return sorted({*of_name(name), *of_ticket(ticket)})


def of_name(name: str | None) -> list[str]:
    """Return the words by which a name is found, without duplicates, sorted."""
    found: set[str] = set()
    for parts in _words(name)[:MAX_WORDS]:
        found |= {start for part in (*parts, "".join(parts)) for start in _starts(part)}
        if len(found) >= _MAX_STORED:
            break
    return sorted(found)[:_MAX_STORED]


def of_ticket(ticket: str) -> list[str]:
    """Return the words by which a ticket is found: from its first half on, and from its second."""
    letters = "".join(char for char in ticket.casefold() if char.isalnum())[2:]
    return [f"{TICKET}{letters}", f"{TICKET}{letters[4:]}"] if len(letters) == 8 else []


def typed(text: str) -> list[str]:
    """Return the words that a name must contain, each at least in its beginning."""
    parts = [part for parts in _words(text) for part in parts]
    return sorted({part[:MAX_LETTERS] for part in parts[:MAX_WORDS]})


def typed_ticket(text: str) -> str | None:
    """Return the word of a ticket or of half of it; None if this text can't be one."""
    found = _TICKET.fullmatch(text.strip().casefold())
    if found is None:
        return None
    return TICKET + "".join(part for part in found.groups() if part)


def _words(text: str | None) -> list[list[str]]:
    """Return the words of a text in order, each as the parts between its seams."""
    words = "".join(_signs(_folded(text or ""))).split(" ")
    found = [[part for part in word.split(_SEAM) if part] for word in words]
    return [parts for parts in found if parts]


def _folded(text: str) -> str:
    seamed = "".join(_SEAM if char in _SEAMS else char for char in text)
    plain = unicodedata.normalize("NFKD", seamed).casefold().translate(_PLAIN)
    # Composed again, as Korean syllables and Japanese signs with voice marks are one sign each.
    return unicodedata.normalize("NFC", "".join(filter(_is_kept, plain)))


def _is_kept(char: str) -> bool:
    """Return False for marks that readers take for the same letter, and for what is invisible.

    The class of a combining mark says which: accents, Hebrew points and Arabic vowels go; vowel
    signs, tones and voice marks stay.
    """
    kind = unicodedata.category(char)
    if char == _SEAM or kind[0] not in "CM":
        return char not in _SKIN
    if kind[0] == "C":
        # Control characters, such as tabs, separate words.
        return kind == "Cc"
    place = unicodedata.combining(char)
    is_selector = kind == "Me" or 0xFE00 <= ord(char) <= 0xFE0F or ord(char) >= 0xE0100
    return not (is_selector or place == 1 or 10 <= place <= 36 or place >= 200)


def _signs(text: str) -> Iterator[str]:
    """Yield letters, marks and digits; an emoji as a word of its own; else a space."""
    for char in text:
        kind = unicodedata.category(char)
        if kind[0] in "LMN" or char == _SEAM:
            yield char
        elif kind == "So":
            yield f" {char} "
        else:
            yield " "


def _starts(part: str) -> Iterator[str]:
    """Yield a word, and what of it begins where a reader may begin."""
    yield part[:MAX_LETTERS]
    for run in _SPACELESS.finditer(part):
        for start in range(run.start(), min(run.end(), run.start() + MAX_STARTS)):
            if unicodedata.category(part[start])[0] != "M":
                yield part[start:][:MAX_LETTERS]
