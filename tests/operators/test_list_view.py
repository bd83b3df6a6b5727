"""The page of tokens says how many there are, where one is, and what it left out."""

import re
from datetime import timedelta

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
DAY = timedelta(days=1)


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
    ending = connection(app, 3, Health.EXPIRED)
    with app.app_context(), writing() as session:
        soon = runtime_of(app).clock() + timedelta(days=13)
        session.get_one(User, ending.id).refresh_expires_at = soon
    page = Reading(operator.get(PATH).text)
    links = [a for a in page.all("a") if a.attrs["href"].startswith(PATH)]
    tiles = [link for link in links if link.text.split()[-1].isdigit()]
    assert [" ".join(tile.text.split()) for tile in tiles] == [
        *("All 3", "Healthy 1", "Expires soon 1", "Refresh failing 0", "Reconnect needed 1"),
        *("Disconnected 0", "Reconnect soon 1"),
    ]
    for tile, shown in zip(tiles, (3, 1, 1, 0, 1, 0, 1), strict=True):
        led = Reading(operator.get(tile.attrs["href"]).text)
        assert len([e for e in led.all("input") if e.attrs.get("name") == "id"]) == shown
        assert ("No connections match these filters" in led.text) == (shown == 0)
        (current,) = [a for a in led.all("a") if a.attrs.get("aria-current") == "true"]
        assert current.attrs["href"] == tile.attrs["href"]


def test_a_tile_is_red_where_something_fails_and_amber_where_someone_is_needed_soon(
    app: Flask, operator: FlaskClient
) -> None:
    def loud() -> dict[str, str]:
        page = Reading(operator.get(PATH).text)
        tiles = [li for li in page.all("li") if {"bad", "warn"} & {*li.classes}]
        return {" ".join(tile.text.split()): " ".join(tile.classes) for tile in tiles}

    assert loud() == {}
    failing = connection(app, 2, Health.FAILING)
    with app.app_context(), writing() as session:
        soon = runtime_of(app).clock() + timedelta(days=3)
        session.get_one(User, failing.id).refresh_expires_at = soon
    assert loud() == {"Refresh failing 1": "bad", "Reconnect soon 1": "warn"}


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
    assert "1 of 1 connection, needs attention first" in found.the("caption")


def shown(page: Reading) -> list[str]:
    """Return the open_ids of the rows, in their order."""
    return [e.attrs["value"] for e in page.all("input") if e.attrs.get("name") == "id"]


def test_who_needs_attention_comes_first_unless_another_order_is_chosen(
    app: Flask, operator: FlaskClient
) -> None:
    for number, health in ((2, Health.REVOKED), (3, Health.RECONNECT), (4, Health.FAILING)):
        connection(app, number, health)
    ending = connection(app, 5, Health.FRESH)
    with app.app_context(), writing() as session:
        soon = runtime_of(app).clock() + timedelta(days=13)
        session.get_one(User, ending.id).refresh_expires_at = soon
    page = Reading(operator.get(PATH).text)
    assert shown(page) == ["open-003", "open-004", "open-005", "open-001", "open-002"]
    assert not [th for th in page.all("th") if "aria-sort" in th.attrs]
    (chosen,) = [e for e in page.all("option") if "selected" in e.attrs and "first" in e.text]
    assert (chosen.text, chosen.attrs["value"]) == ("Needs attention first", "")
    chosen = Reading(operator.get(f"{PATH}?sort=-refreshes").text)
    (option,) = [e for e in chosen.all("option") if "selected" in e.attrs and "first" in e.text]
    assert option.text == "Most refreshes first"


def test_expired_rows_say_that_a_refresh_is_due_or_that_nobody_uses_them(
    app: Flask, operator: FlaskClient
) -> None:
    now = runtime_of(app).clock()
    over = now - timedelta(minutes=1)
    times = {10: (now + timedelta(minutes=5), now), 11: (over, now), 12: (over, now + DAY)}
    times |= {13: (over, now + timedelta(minutes=1))}
    with app.app_context():
        for number, (ends, next_at) in times.items():
            row = crowd.one(runtime_of(app), now, number, access_expires_at=ends, next_at=next_at)
            crowd.put([row])
    page = Reading(operator.get(f"{PATH}?status=soon").text)
    words = [e.text for e in page.all("span") if "tag" in e.classes]
    due = "Expired, refresh due"
    # In the order of expiry, then of IDs.
    assert words == [due, "Expired, not in use", due, "Expires soon"]
    one = Reading(operator.get(f"{PATH}/-000person000011").text)
    assert due in [e.text for e in one.all("span") if "tag" in e.classes]


def test_with_a_filter_that_cannot_be_read_nothing_is_offered_for_all(
    app: Flask, operator: FlaskClient
) -> None:
    """`failng` was a typo, so the page shows everybody: they are not who was meant."""
    runtime = runtime_of(app)
    with app.app_context():
        crowd.put([crowd.one(runtime, runtime.clock(), n) for n in range(10, 70)])
    for address in (f"{PATH}?status=failng", f"{PATH}?status=failng&sel=all"):
        text = operator.get(address).text
        assert "Ignored unknown or invalid filters: status." in text
        assert "sel=all" not in text
        assert 'name="all"' not in text
        assert "all 61 matches" not in text
    assert "sel=all" in operator.get(f"{PATH}?status=healthy").text


def test_a_page_without_matches_repeats_what_was_asked_and_offers_to_drop_it(
    operator: FlaskClient,
) -> None:
    query = "q=zzzz&status=failing&failing=1d&scope=video.list"
    page = Reading(operator.get(f"{PATH}?{query}").text)
    assert "No connections match these filters" in page.text
    links = {a.text: a.attrs["href"] for a in page.all("a") if a.text.startswith("Remove")}
    assert links == {
        "Remove “zzzz”": f"{PATH}?status=failing&scope=video.list&failing=1d",
        "Remove Status: Refresh failing": f"{PATH}?q=zzzz&scope=video.list&failing=1d",
        "Remove Has permission: video.list": f"{PATH}?q=zzzz&status=failing&failing=1d",
        "Remove Failing for: 1 day or more": f"{PATH}?q=zzzz&status=failing&scope=video.list",
    }
    page = Reading(operator.get(f"{PATH}?q=zzzz").text)
    assert "“zzzz”" in page.text
    assert not [a for a in page.all("a") if a.text.startswith("Remove")]


def test_the_apostrophe_of_the_csv_is_explained_beside_its_link(operator: FlaskClient) -> None:
    page = Reading(operator.get(PATH).text)
    (link,) = [a for a in page.all("a") if a.text == "CSV"]
    (hint,) = [e for e in page.all("p") if e.attrs.get("id") == link.attrs["aria-describedby"]]
    assert "an ID that begins with - has an apostrophe before it" in hint.text


@pytest.mark.parametrize("typed", ["\u200f", "\u200c \u200d", "شیرین\u200cگل", "x" * 101, "\0"])
def test_a_search_that_finds_nobody_shows_and_offers_nobody(
    operator: FlaskClient, typed: str
) -> None:
    """It was dropped, so everybody was shown, and "Disconnect all that match" stood below."""
    page = Reading(operator.get(PATH, query_string={"q": typed, "sel": "all"}).text)
    assert not [e for e in page.all("input") if e.attrs.get("name") in ("id", "all")]
    assert not [b for b in page.all("button") if "isconnect" in b.text]
    assert ("We can't read this search, so it finds no one." in page.text) == ("گ" not in typed)


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


def test_a_connection_leads_back_to_the_list_as_it_was(app: Flask, operator: FlaskClient) -> None:
    connection(app, 2, name="Noor & Søn")
    listed = f"{PATH}?status=healthy&sort=refreshes"

    def led(page: str, word: str) -> str:
        links = [a for a in Reading(operator.get(page).text).all("a") if a.text.strip() == word]
        return links[-1].attrs["href"]

    shown = led(listed, "Noor & Søn")
    assert led(shown, "Connections") == listed
    asks = led(shown, "Disconnect…")
    assert (led(asks, "Connections"), led(asks, "Stay connected")) == (listed, shown)
    read = Reading(operator.get(shown).text)
    pressed = next(e.attrs["action"] for e in read.all("form") if "/test" in e.attrs["action"])
    token = next(e.attrs["value"] for e in read.all("input") if e.attrs["name"] == "csrf_token")
    answer = operator.post(pressed, data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, shown)
