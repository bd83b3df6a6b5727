"""Reads a page as a person does: headings, text by block, links and buttons; never runs scripts."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

INLINE = {
    "a",
    "code",
    "strong",
    "span",
    "time",
    "br",
    "em",
    "b",
    "i",
    "small",
    "svg",
    "path",
    "rect",
    "line",
    "text",
}
UNSEEN = {"script", "style", "title", "template"}
VOID = {"meta", "link", "input", "br", "img", "hr", "path"}

#: Words that people's pages never use; operators' pages may say "token".
JARGON = re.compile(r"\b(oauth|tokens?|invalid|oops|state|traceback|exception)\b", re.IGNORECASE)


@dataclass
class Element:
    """A tag with its attributes and the text inside it."""

    tag: str
    attrs: dict[str, str]
    text: str = ""

    @property
    def classes(self) -> list[str]:
        return self.attrs.get("class", "").split()


@dataclass
class Reading(HTMLParser):
    """What one page says."""

    html: str
    elements: list[Element] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []
        self._block = ""
        self.feed(self.html)
        self.close()
        self._end_block()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in INLINE:
            self._end_block()
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open, f"</{tag}> closes nothing"
        last = self._open.pop()
        assert last.tag == tag, f"</{tag}> closes <{last.tag}>"
        if tag == "title" and any(outer.tag == "svg" for outer in self._open):
            # A drawing's title is not the page's.
            last.tag = "svg title"
        if tag not in INLINE:
            self._end_block()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if not any(element.tag in UNSEEN for element in self._open):
            self._block += data

    def _end_block(self) -> None:
        if self._block.strip():
            self.blocks.append(" ".join(self._block.split()))
        self._block = ""

    def all(self, tag: str) -> list[Element]:
        """Return every element of one tag."""
        return [element for element in self.elements if element.tag == tag]

    def the(self, tag: str) -> str:
        """Return the text of the only element of a tag. Raises ValueError if it is not alone."""
        (only,) = self.all(tag)
        return " ".join(only.text.split())

    @property
    def text(self) -> str:
        """Return all that can be read, one block a line."""
        return "\n".join(self.blocks)

    @property
    def sentences(self) -> list[str]:
        """Return the sentences of every block."""
        return [s for block in self.blocks for s in re.split(r"(?<=[.!?])\s+", block) if s]

    @property
    def primary(self) -> list[Element]:
        """Return the primary links and buttons."""
        return [element for element in self.elements if "primary" in element.classes]


def long_sentences(reading: Reading) -> list[str]:
    """Return the sentences of more than 20 words."""
    return [s for s in reading.sentences if len(s.split()) > 20]
