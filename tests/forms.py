"""Reads the forms of a page as a browser would submit them; never guesses a field."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """One form, with what is sent when a person presses its button without touching anything."""

    action: str
    method: str
    #: (name, value) of hidden fields, texts and ticked boxes, in order.
    fields: list[tuple[str, str]] = field(default_factory=list)
    #: (name, value) of boxes and radios that are there but not ticked.
    unticked: list[tuple[str, str]] = field(default_factory=list)
    #: The words on its buttons.
    buttons: list[str] = field(default_factory=list)

    def data(self, **changes: str | list[str]) -> dict[str, list[str]]:
        """Return the fields for `client.post(…, data=…)`, with some replaced or added."""
        sent: dict[str, list[str]] = {}
        for name, value in self.fields:
            sent.setdefault(name, []).append(value)
        for name, values in changes.items():
            sent[name] = [values] if isinstance(values, str) else list(values)
        return sent


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.open: Form | None = None
        self.in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = Form(values.get("action", ""), values.get("method", "get").lower())
            self.forms.append(self.open)
        elif self.open and tag == "button":
            self.in_button = True
            self.open.buttons.append("")
        elif self.open and tag == "input" and values.get("name"):
            self._field(self.open, values)

    def _field(self, form: Form, values: dict[str, str]) -> None:
        kind = values.get("type", "text")
        if kind in ("submit", "button", "image"):
            return
        box = kind in ("checkbox", "radio")
        pair = (values["name"], values.get("value", "on" if box else ""))
        (form.fields if not box or "checked" in values else form.unticked).append(pair)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "button":
            self.in_button = False

    def handle_data(self, data: str) -> None:
        if self.open and self.in_button:
            self.open.buttons[-1] = f"{self.open.buttons[-1]} {data.strip()}".strip()


def forms(html: str) -> list[Form]:
    """Return the forms of a page, in order."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def the_form(html: str, action: str) -> Form:
    """Return the one POST form that goes to `action`.

    Raises AssertionError if there is none, or more than one.
    """
    return the_form_of(forms(html), action, html)


def the_form_of(there: list[Form], action: str, html: str) -> Form:
    """Return what `the_form` returns, for a page that `forms` has read already."""
    found = [form for form in there if form.action == action and form.method == "post"]
    assert len(found) == 1, f"{len(found)} forms post to {action}:\n{html}"
    return found[0]
