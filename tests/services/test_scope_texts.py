"""Each scope has a text that a person can read, whether we know it or not."""

from flask import Flask

from webapp.services.connect import scopes


def test_a_scope_that_we_do_not_know_is_shown_by_its_name(app: Flask) -> None:
    with app.test_request_context():
        known, unknown = scopes.described(["user.info.basic", "made.up"])
    assert known.label != known.id
    assert (unknown.id, unknown.label) == ("made.up", "made.up")
    assert unknown.why == "Requested by this site."
    assert unknown.limits == ""
