"""Reads the links of a page that are in plain sight; never follows one."""

from html.parser import HTMLParser

#: Elements that hide what they hold until someone opens them.
_CLOSED = frozenset({"details", "dialog", "template", "noscript", "select"})
#: Elements that end by themselves.
_VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "source", "use"})
_PICTURES = frozenset({"img", "picture", "object", "embed", "iframe", "image", "canvas", "video"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.path: list[tuple[str, bool]] = []
        self.links: dict[str, str] = {}
        self.pictures: list[str] = []
        self.href: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        hidden = tag in _CLOSED or "hidden" in values or values.get("aria-hidden") == "true"
        if tag in _PICTURES:
            self.pictures.append(tag)
        if tag not in _VOID:
            self.path.append((tag, hidden))
        if tag == "a" and not any(closed for _, closed in self.path):
            self.href = values.get("href") or ""
            self.links.setdefault(self.href, "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.href = None
        while self.path and self.path.pop()[0] != tag:
            continue

    def handle_data(self, data: str) -> None:
        if self.href is not None:
            self.links[self.href] = f"{self.links[self.href]} {data.strip()}".strip()


def links_in_sight(html: str) -> dict[str, str]:
    """Return href → words of every link that needs nothing to be opened first."""
    return _read(html).links


def pictures(html: str) -> list[str]:
    """Return the elements of the page that show a picture from elsewhere."""
    return _read(html).pictures


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader
