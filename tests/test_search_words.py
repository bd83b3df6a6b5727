"""The words by which people are found: how names, tickets and what is typed are folded."""

import pytest

from webapp import search_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, []),
        ("\u00b7 \u200f\t", []),
        ("ＭＡＲＡ mara Straße", ["mara", "strasse"]),
        ("Mara_Lindqvist-2", ["2", "lindqvist", "mara"]),
        ("O\u2019Brien", ["brien", "o", "obrien"]),
        ("Nguyễn Thị Ánh", ["anh", "nguyen", "thi"]),
        ("ǅuro Æther", ["aether", "dzuro"]),
        ("Ёжик Άλφα", ["αλφα", "ежик"]),
        ("שָׁלוֹם", ["שלום"]),
        ("हिन्दी", ["हिन्दी"]),
        ("김철수", ["김철수", "수", "철수"]),
        ("がぎ", ["がぎ", "ぎ"]),
        ("Max小明", ["max小明", "小明", "明"]),
        ("👩🏽\u200d💻 ❤\ufe0f", ["❤", "👩", "💻"]),
    ],
)
def test_a_name_is_stored_as_these_words(name: str | None, words: list[str]) -> None:
    assert search_words.of_name(name) == words


def test_a_voice_mark_makes_another_word_and_an_accent_does_not() -> None:
    assert search_words.typed("か") != search_words.typed("が")
    assert search_words.typed("\u0915\u093f") != search_words.typed("\u0915")
    assert search_words.typed("e\u0301") == search_words.typed("\u00e9") == ["e"]


def test_words_of_a_name_are_bounded() -> None:
    assert len(search_words.of_name(" ".join("abcdefghijkl"))) == search_words.MAX_WORDS
    assert search_words.of_name("x" * 99) == ["x" * search_words.MAX_LETTERS]
    assert search_words.typed("x" * 99) == ["x" * search_words.MAX_LETTERS]
    many = "".join(chr(0x4E00 + number) for number in range(99))
    assert len(search_words.of_name(many)) == search_words.MAX_STARTS
    assert len(search_words.of_name(" ".join(many[at : at + 9] for at in range(0, 99, 9)))) == 32


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("ct_7K2M-9QXD", "#7k2m9qxd"),
        ("ct7k2m9qxd", "#7k2m9qxd"),
        (" 7K2M ", "#7k2m"),
        ("9qxd", "#9qxd"),
        ("CT_7", "#7"),
        ("ct_", None),
        ("7k2", None),
        ("7k2m9", None),
        ("7k2m 9qxd", "#7k2m9qxd"),
        ("mara linda", None),
        ("ct_7k2m-9qxd-1", None),
    ],
)
def test_half_a_ticket_is_recognized(typed: str, word: str | None) -> None:
    assert search_words.typed_ticket(typed) == word


def test_a_ticket_is_stored_from_each_of_its_halves_on() -> None:
    assert search_words.of_ticket("ct_7K2M-9QXD") == ["#7k2m9qxd", "#9qxd"]
    assert search_words.of_person("Jo", "ct_7K2M-9QXD") == ["#7k2m9qxd", "#9qxd", "jo"]


def test_no_more_words_are_looked_for_than_a_name_may_have() -> None:
    many = "'".join("abcdefghijklmnop")
    assert len(search_words.typed(many)) == search_words.MAX_WORDS
