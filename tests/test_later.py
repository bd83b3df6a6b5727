"""Texts that are said later: English where it is kept, the reader's language where it is shown."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from flask import Flask
from markupsafe import escape

from tests.security.callers import caller
from tests.servers import Sandbox
from webapp import language
from webapp.database import writing
from webapp.language import deferred_gettext, deferred_ngettext
from webapp.services.maintenance import troubles
from webapp.services.refresh import breaker
from webapp.views.http.template_filters import sentence

PO = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Language: de\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "%(count)s of <%(what)s>, 5 %%"
msgstr "5 %% von %(what)s: %(count)s <"

msgid "%(num)s page of %(book)s"
msgid_plural "%(num)s pages of %(book)s"
msgstr[0] "%(num)s Seite aus %(book)s"
msgstr[1] "%(num)s Seiten aus %(book)s"

msgid "a book"
msgstr "einem Buch"

msgid "refreshes are paused: %(cause)s"
msgstr "nichts wird aufgefrischt: %(cause)s"

msgid "TikTok does not accept this app"
msgstr "TikTok nimmt diese App nicht an"
"""
DE = {"Accept-Language": "de"}


@pytest.fixture(autouse=True)
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be German, and nobody speak it yet."""
    path = tmp_path / "de" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True)
    path.write_text(PO, encoding="utf-8")
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    language.language.cache_clear()
    yield
    language.use(language.SOURCE)
    language.language.cache_clear()


def test_a_text_is_english_until_it_is_shown() -> None:
    text = deferred_gettext(
        "%(count)s of <%(what)s>, 5 %%", count=1204, what=deferred_gettext("a book")
    )
    language.use("de")
    assert text == "1,204 of <a book>, 5 %"
    assert (f"{text}", json.dumps(text)) == (text, f'"{text}"')
    assert language.spoken(text) == "5 % von einem Buch: 1.204 <"
    assert sentence(text) == "5 % von einem Buch: 1.204 <."
    assert escape(text) == "5 % von einem Buch: 1.204 &lt;"
    assert language.gettext("%(text)s", text=text) == "5 % von einem Buch: 1.204 <"


@pytest.mark.parametrize(
    ("num", "english", "spoken"),
    [
        (1, "1 page of a book", "1 Seite aus einem Buch"),
        (1204, "1,204 pages of a book", "1.204 Seiten aus einem Buch"),
    ],
)
def test_a_text_has_a_form_for_its_number(num: int, english: str, spoken: str) -> None:
    book = deferred_gettext("a book")
    text = deferred_ngettext(
        "%(num)s page of %(book)s", "%(num)s pages of %(book)s", num, book=book
    )
    language.use("de")
    assert (text, language.spoken(text)) == (english, spoken)


def test_a_copy_of_a_text_can_say_itself_as_well() -> None:
    copied = deepcopy(deferred_gettext("a book"))
    language.use("de")
    assert (copied, language.spoken(copied)) == ("a book", "einem Buch")


def test_what_no_language_knows_is_said_as_it_is() -> None:
    language.use("de")
    assert language.spoken("a book") == "a book"


def test_trouble_is_kept_in_english_and_told_to_each_in_their_language(
    app: Flask, sandbox: Sandbox
) -> None:
    client, runtime = caller(app, sandbox, "operator"), app.extensions["coatcheck"]
    with app.app_context():
        breaker.current(runtime)
        with writing() as session:
            refused = breaker.Outcome(config="invalid_client")
            breaker.record_outcomes(session, runtime, [refused], runtime.clock())
        (trouble,) = troubles.troubles(runtime)
    english = "refreshes are paused: TikTok does not accept this app (invalid_client)"
    german = "Nichts wird aufgefrischt: TikTok nimmt diese App nicht an (invalid_client)."
    assert trouble.cause == english
    # The look that both are shown is the same one, taken for the first.
    assert german in client.get("/operators/keys", headers=DE).text
    assert sentence(english) in client.get("/operators/keys").text
    assert client.get("/readyz", headers=DE).json["doubts"] == [
        {"name": "breaker", "cause": english}
    ]
