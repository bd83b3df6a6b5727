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
    ended = row(
        HOSTILE, "reconnect", open_id=HOSTILE, last_error=HOSTILE, reason="refused", **ENDED
    )
    failing = row(HOSTILE, "failing", open_id=HOSTILE, last_error=HOSTILE, failures=3)
    with stage().test_request_context():
        for line in list_rows.lines([ended, failing], NOW):
            assert line["open_id"] == line["name"] == escape(HOSTILE)
            assert line["status"].endswith(f"<code>{escape(HOSTILE)}</code>")
            assert not re.search("[<>\"']", line["address"] + line["label"])


def test_a_row_links_its_connection_as_flask_would() -> None:
    names = ["-000Jq74ETHj4fhvb6QG", "a b", "é", "a/b", "a?b#c%d", "a&b"]
    with stage().test_request_context():
        found = list_rows.lines([row("Jo", "healthy", open_id=name) for name in names], NOW)
        addresses = [url_for("connection.show", open_id=name) for name in names]
    assert [line["address"] for line in found] == [str(escape(each)) for each in addresses]
