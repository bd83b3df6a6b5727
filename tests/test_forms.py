"""Forms are read as a browser would send them."""

import pytest

from tests.forms import forms, the_form

PAGE = """
<form method="post" action="/connect">
  <input type="hidden" name="csrf_token" value="abc">
  <label><input type="checkbox" name="scopes" value="a" checked> A</label>
  <label><input type="checkbox" name="scopes" value="b"> B</label>
  <button type="submit">Continue <b>with TikTok</b></button>
</form>
<form action="/search"><input name="q" value="x"></form>
"""


def test_only_what_is_ticked_is_sent() -> None:
    form = the_form(PAGE, "/connect")
    assert form.data() == {"csrf_token": ["abc"], "scopes": ["a"]}
    assert form.unticked == [("scopes", "b")]
    assert form.buttons == ["Continue with TikTok"]
    assert form.data(scopes=["a", "b"])["scopes"] == ["a", "b"]


def test_a_form_that_is_not_there_is_told() -> None:
    assert [form.method for form in forms(PAGE)] == ["post", "get"]
    with pytest.raises(AssertionError, match="0 forms post to /search"):
        the_form(PAGE, "/search")
