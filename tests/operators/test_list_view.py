"""The page of tokens says how many there are, where one is, and what it left out."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.operators import crowd
from tests.views.connections import connection, runtime_of, sign_in
from tests.views.reading import Reading
from webapp.database import writing
from webapp.models import Health, User
from webapp.services.operators import counts

PATH = "/operators/tokens"


@pytest.fixture
def operator(app: Flask, client: FlaskClient) -> FlaskClient:
    """A client whose person is an operator: the only row."""
    user = connection(app, 1, name="Mara Lindqvist")
    with app.app_context(), writing() as session:
        session.get_one(User, user.id).operator_since = runtime_of(app).clock()
    sign_in(app, client, user)
    return client


def test_the_tiles_count_and_lead_to_their_rows(app: Flask, operator: FlaskClient) -> None:
    connection(app, 2, Health.RECONNECT)
    connection(app, 3, Health.EXPIRED)
    page = Reading(operator.get(PATH).text)
    links = [a for a in page.all("a") if a.attrs["href"].startswith(PATH)]
    tiles = [link for link in links if link.text.split()[-1].isdigit()]
    assert [" ".join(tile.text.split()) for tile in tiles] == [
        *("All 3", "Healthy 1", "Expires soon 1", "Refresh failing 0", "Reconnect needed 1"),
        "Disconnected 0",
    ]
    for tile, shown in zip(tiles, (3, 1, 1, 0, 1, 0), strict=True):
        led = Reading(operator.get(tile.attrs["href"]).text)
        assert len([e for e in led.all("input") if e.attrs.get("name") == "id"]) == shown
        assert ("No connections match these filters" in led.text) == (shown == 0)


def test_headers_order_the_rows_and_turn(operator: FlaskClient) -> None:
    page = Reading(operator.get(f"{PATH}?status=healthy").text)
    (sorted_by,) = [th for th in page.all("th") if "aria-sort" in th.attrs]
    assert (sorted_by.text.split()[0], sorted_by.attrs["aria-sort"]) == ("Access", "ascending")
    heads = {a.text: a.attrs["href"] for a in page.all("a") if "sort=" in a.attrs["href"]}
    assert heads["Access expires"] == f"{PATH}?status=healthy&sort=-expires"
    turned = Reading(operator.get(heads["Last used"]).text)
    (sorted_by,) = [th for th in turned.all("th") if "aria-sort" in th.attrs]
    assert (sorted_by.text.split()[0], sorted_by.attrs["aria-sort"]) == ("Last", "ascending")


def test_a_filter_by_a_time_says_that_it_orders_the_rows(operator: FlaskClient) -> None:
    page = Reading(operator.get(f"{PATH}?within=90d&sort=refreshes").text)
    assert "sets the order: earliest reconnect date first." in page.text
    assert not [a for a in page.all("a") if "sort=-" in a.attrs["href"]]


def test_what_means_nothing_is_named_and_nothing_else_changes(operator: FlaskClient) -> None:
    page = Reading(operator.get(f"{PATH}?foo=1&sort=shoe&%3Cb%3E=2").text)
    assert "Ignored unknown or invalid filters: foo, sort, <b>." in page.text
    assert "Mara Lindqvist" in page.text


def test_all_that_match_are_selected_by_an_address(app: Flask, operator: FlaskClient) -> None:
    runtime = runtime_of(app)
    with app.app_context():
        crowd.put([crowd.one(runtime, runtime.clock(), n) for n in range(10, 70)])
    page = Reading(operator.get(f"{PATH}?status=healthy").text)
    (link,) = [a for a in page.all("a") if a.text == "Select all 61 matches"]
    chosen = operator.get(link.attrs["href"]).text
    assert re.search(r'name="query" value="status=healthy"', chosen)
    assert re.search(r'name="all" value="1"', chosen)
    assert "Refresh all 61 matches" in chosen
    assert "Disconnect all 61 matches…" in chosen


def test_the_age_of_a_count_is_told(
    app: Flask, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "COUNT_LIVE_BELOW", 0)
    monkeypatch.setattr(counts, "_run_in_background", lambda work: work())
    assert "Still counting connections." in operator.get(PATH).text
    assert "Counted 0 seconds ago." in operator.get(PATH).text


def test_a_search_and_its_end_are_told(operator: FlaskClient) -> None:
    with_name = Reading(operator.get(f"{PATH}?q=-").text)
    assert "No connections match these filters" in with_name.text
    found = Reading(operator.get(f"{PATH}?q=open-001").text)
    assert "1 of 1 connection, expiring soonest first" in found.the("caption")


def test_the_remark_about_a_filters_order_says_which_way_the_rows_run(
    operator: FlaskClient,
) -> None:
    page = Reading(operator.get(f"{PATH}?within=90d&sort=-reconnect_by").text)
    assert "sets the order: latest reconnect date first." in page.text


def test_every_row_of_the_page_is_ticked_by_an_address(app: Flask, operator: FlaskClient) -> None:
    connection(app, 2, Health.RECONNECT)

    def ticked(page: Reading) -> list[bool]:
        boxes = [e for e in page.all("input") if e.attrs.get("name") == "id"]
        return ["checked" in box.attrs for box in boxes]

    page = Reading(operator.get(PATH).text)
    assert ticked(page) == [False, False]
    (link,) = [a for a in page.all("a") if a.text == "Select all 2 rows on this page"]
    chosen = Reading(operator.get(link.attrs["href"]).text)
    assert ticked(chosen) == [True, True]
    assert "all" not in [e.attrs.get("name") for e in chosen.all("input")]
    cleared = {a.attrs["href"] for a in chosen.all("a") if a.text == "Clear selection"}
    assert cleared == {PATH}


def test_only_what_can_help_is_offered(operator: FlaskClient, app: Flask) -> None:
    connection(app, 2, Health.RECONNECT)
    connection(app, 3, Health.REVOKED)

    def buttons(path: str) -> list[str]:
        words = [button.text for button in Reading(operator.get(path).text).all("button")]
        return [word for word in words if word.endswith(("selected", "selected…"))]

    both = ["Refresh selected", "Disconnect selected…"]
    assert buttons(PATH) == both
    assert buttons(f"{PATH}?status=healthy") == both
    assert buttons(f"{PATH}?status=reconnect") == both[1:]
    assert buttons(f"{PATH}?status=revoked") == []


def test_enter_in_a_box_presses_nothing(operator: FlaskClient) -> None:
    html = operator.get(PATH).text
    # A browser presses the first button of the form, and none if that one is disabled.
    first = re.search(r"<button[^>]*>", html[html.index('class="list"') :])
    assert first is not None
    assert first[0] == "<button disabled hidden>"


def test_the_orders_to_choose_from_say_which_one_is_in_use(operator: FlaskClient) -> None:
    page = Reading(operator.get(f"{PATH}?sort=-refreshes").text)
    (chosen,) = [e for e in page.all("option") if "selected" in e.attrs and e.attrs["value"]]
    assert (chosen.attrs["value"], chosen.text) == ("-refreshes", "Most refreshes first")
    offered = {e.attrs["value"] for e in page.all("option") if e.text.endswith(" first")}
    assert offered >= {"expires", "reconnect_by", "-refreshes", "-last_used", "next"}
