"""The rows of the operators' list, whose texts are escaped in Python and not by the template."""

import re

from flask import url_for
from markupsafe import escape

from tests.views.bare_app import NOW, stage
from tests.views.scenes import ENDED, row
from webapp.views.operators import list_rows

#: Not what TikTok sends, but nothing keeps it from sending it.
HOSTILE = """-0"><b>'&/%(name)s"""


def test_no_text_of_a_row_becomes_markup() -> None:
    texts = {"open_id": HOSTILE, "ticket": HOSTILE, "last_error": HOSTILE}
    ended = row(HOSTILE, "reconnect", reason="refused", **texts, **ENDED)
    failing = row(HOSTILE, "failing", failures=3, **texts)
    with stage().test_request_context():
        lines = list_rows.lines([ended, failing], NOW)
        for line in lines:
            assert line["open_id"] == line["name"] == line["ticket"] == escape(HOSTILE)
            assert not re.search("[<>\"']", line["address"] + line["label"])
        assert f"TikTok: {escape(HOSTILE)} · 3 attempts" in lines[1]["status"]


def test_a_row_links_its_connection_as_flask_would() -> None:
    names = ["-000Jq74ETHj4fhvb6QG", "a b", "é", "a/b", "a?b#c%d", "a&b"]
    with stage().test_request_context():
        found = list_rows.lines([row("Jo", "healthy", open_id=name) for name in names], NOW)
        addresses = [url_for("connection.show", open_id=name) for name in names]
    assert [line["address"] for line in found] == [str(escape(each)) for each in addresses]


def test_a_row_says_what_the_actions_for_selected_ones_can_do_for_it() -> None:
    ended = {"reason": "refused", **ENDED}
    rows = [row("Jo", "healthy"), row("Jo", "failing", failures=1)]
    rows += [row("Jo", "reconnect", **ended), row("Jo", "revoked", **ended)]
    with stage().test_request_context():
        found = [line["can"].split() for line in list_rows.lines(rows, NOW)]
    assert found == [["live", "kept"], ["live", "kept"], ["kept"], []]
