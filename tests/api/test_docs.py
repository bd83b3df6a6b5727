"""The page about the API: every call in curl and Python, every error, this site's own address."""

import ast
import re
import shlex
from html import unescape

import pytest
from flask import Flask

from tests.views.reading import Reading
from tests.walk import BrowserLikeClient
from webapp.views.http import api_contract


@pytest.fixture
def page(client: BrowserLikeClient) -> Reading:
    answer = client.get("/api/docs")
    assert answer.status_code == 200
    return Reading(answer.text)


def test_the_page_is_public_and_in_the_footer_of_every_page(client: BrowserLikeClient) -> None:
    links = {a.text: a.attrs["href"] for a in Reading(client.get("/").text).all("a")}
    assert links["API"] == "/api/docs"


def test_every_call_is_shown_with_this_sites_address(app: Flask, page: Reading) -> None:
    origin = app.extensions["coatcheck"].settings.public_origin
    for call in api_contract.calls(origin):
        assert f"{call.method} {call.path}" in page.text
        for sample in call.samples:
            assert origin in sample["source"]
            assert sample["source"] in [block.text for block in page.all("pre")]
    assert "coatcheck.example" not in page.html


def test_the_examples_can_be_run_and_take_the_key_from_the_environment(app: Flask) -> None:
    origin = app.extensions["coatcheck"].settings.public_origin
    for call in api_contract.calls(origin):
        samples = {each["lang"]: each["source"] for each in call.samples}
        words = shlex.split(samples["curl"].replace("\\\n", " "))
        assert words[0] == "curl"
        assert words[1].startswith(origin)
        ast.parse(samples["Python"])
        assert len(samples["Python"].splitlines()) <= 6
        if call.parameters:
            assert "$COATCHECK_KEY" in samples["curl"]
            assert "os.environ['COATCHECK_KEY']" in samples["Python"]


@pytest.mark.parametrize(
    ("open_id", "asked"), [("-0001_mine", "-0001_mine"), ("x; reboot", "-000Kx9vQ2mJ7c1")]
)
def test_whoever_is_signed_in_can_run_the_examples_as_they_stand(open_id: str, asked: str) -> None:
    for call in api_contract.calls("https://tickets.example", open_id)[:2]:
        for sample in call.samples:
            assert f"https://tickets.example/api/v1/tokens/{asked}" in sample["source"]
            assert "reboot" not in sample["source"]


def test_no_real_key_is_shown(page: Reading) -> None:
    assert not re.search(r"cck_|act\.[A-Za-z0-9]", unescape(page.html))


def test_every_error_says_what_to_do(app: Flask, page: Reading) -> None:
    origin = app.extensions["coatcheck"].settings.public_origin
    (table,) = page.all("table")
    for kind in api_contract.kinds(origin).values():
        assert kind.meaning in table.text
        assert kind.do in table.text
    met = {answer.code for call in api_contract.calls(origin) for answer in call.answers}
    # Anyone who calls as shown never takes the wrong method.
    assert met == {"", *api_contract.kinds(origin)} - {"wrong_method"}
    for code in met - {""}:
        assert f'"code": "{code}"' in page.text
