"""Finds what a page still says in plain letters; knows nothing of any language."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

#: What stands in these is code, or not for reading.
CODE = {"code", "pre", "script", "style", "svg title"}
#: Attributes that are read out or shown.
SAID = ("title", "aria-label", "aria-description", "placeholder", "alt", "label", "data-l")
VOID = {"meta", "link", "input", "br", "img", "hr", "path", "rect", "line", "circle"}
WORD = re.compile(r"[A-Za-z]{2,}")
#: Addresses, and names of people and products that are the same in every language.
NAMES = re.compile(
    r"\S+@\S+|https?://\S+|(?<!\w)/\S+|"
    # Identifiers, settings and references: with a dot, an underscore or a digit in them.
    r"[\w-]*[^\W\d_][._\d][\w.:-]*\w|\d\w+|"
    r"Coatcheck|TikTok|Mara|Lindqvist|Tomás Ferreira|Oluwaseun|\bJo\b|Noor|"
    r"Example Studio|studio-prod|\breports\b|made-up-key|Firefox|Safari|Linux|iPhone|Android|"
    # What people type who try things out, and commands in the middle of a sentence.
    r"<script>alert\(1\)</script>\S*|<b>bold</b>|\bfoo(, sort)?\b|\bflask( [a-z]+)+|"
    r"\b(CSV|JSON|API|UTC|SQLite|PostgreSQL|WAL|HTTP|SHA-256|IP|URL|QR)\b"
)


class Plain(HTMLParser):
    """Gathers what a page says in plain letters."""

    def __init__(self, html: str, language: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._language = language
        #: (tag, whether what is in it is to be read).
        self._open: list[tuple[str, bool]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at what the tag says, and note what is in it."""
        given = {name: value or "" for name, value in attrs}
        own = given.get("lang", self._language) == self._language
        read = self._read() and own and tag not in CODE
        # Names that people gave, and their initials.
        read = (
            read and given.get("dir") != "auto" and given.get("class") not in ("initials", "face")
        )
        if read:
            for text in self._said(tag, given):
                self._judge(text)
        if tag not in VOID:
            self._open.append((tag, read))

    def handle_endtag(self, tag: str) -> None:
        """Leave the tag."""
        if tag not in VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Look at text."""
        if self._read():
            self._judge(data)

    def _read(self) -> bool:
        return all(read for _tag, read in self._open)

    def _said(self, tag: str, given: dict[str, str]) -> Iterator[str]:
        yield from (given[name] for name in SAID if name in given)
        if tag == "meta" and given.get("name") == "description":
            yield given["content"]

    def _judge(self, text: str) -> None:
        if WORD.search(NAMES.sub("", text)):
            self.found.append(" ".join(text.split()))
