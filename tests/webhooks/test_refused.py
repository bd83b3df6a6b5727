"""What TikTok did not sign is 401 and changes nothing; nothing in it is read before that."""

import json

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.webhooks.notices import ADDRESS, TikTok, row_of, runtime_of, seal

SECONDS = 301


@pytest.mark.rule(58)
@pytest.mark.usefixtures("each_database")
def test_missing_wrong_and_stale_are_401_without_effect(
    app: Flask, tiktok: TikTok, mara: str
) -> None:
    body, before = tiktok.body(mara), row_of(app, mara)
    secret = runtime_of(app).settings.tiktok_client_secret.get_secret_value()
    unsigned = app.test_client().post(ADDRESS, data=body)
    wrong = tiktok.sends(body, **{"TikTok-Signature": f"t={tiktok.now},s={'0' * 64}"})
    other = seal("another_secret", tiktok.now, body)
    foreign = tiktok.sends(body, **{"TikTok-Signature": f"t={tiktok.now},s={other}"})
    late = tiktok.sends(body, stamp=tiktok.now - SECONDS)
    early = tiktok.sends(body, stamp=tiktok.now + SECONDS)
    seal_of_another = f"t={tiktok.now},s={seal(secret, tiktok.now, b'{}')}"
    swapped = tiktok.sends(body, **{"TikTok-Signature": seal_of_another})
    for answer in (unsigned, wrong, foreign, late, early, swapped):
        assert (answer.status_code, answer.data) == (401, b"")
        assert answer.headers["WWW-Authenticate"] == "TikTok-Signature"
    after = row_of(app, mara)
    assert (after.version, after.status) == (before.version, "active")
    assert after.access_token == before.access_token


@pytest.mark.rule(57)
@pytest.mark.parametrize("name", ["tiktok-signature", "TIKTOK-SIGNATURE", "Tiktok-Signature"])
def test_the_name_of_the_header_may_be_in_any_case(app: Flask, tiktok: TikTok, name: str) -> None:
    secret = runtime_of(app).settings.tiktok_client_secret.get_secret_value()
    signed = {name: f"t={tiktok.now},s={seal(secret, tiktok.now, b'{}')}"}
    assert app.test_client().post(ADDRESS, data=b"{}", headers=signed).status_code == 200


@pytest.mark.rule(57)
def test_nothing_is_parsed_before_the_signature_fits(
    app: Flask, tiktok: TikTok, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[object] = []
    true = json.loads
    monkeypatch.setattr("webapp.tiktok.webhook.json.loads", lambda t: parsed.append(t) or true(t))
    app.test_client().post(ADDRESS, json={"event": "x"})
    app.test_client().post(ADDRESS, data={"csrf_token": "x"})
    assert parsed == []
    assert tiktok.sends(b"{}").status_code == 200
    assert parsed == [b"{}"]


@pytest.mark.rule(57)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "nonsense"])
def test_the_bytes_are_raw_whatever_kind_they_call_themselves(
    app: Flask, tiktok: TikTok, mara: str, kind: str
) -> None:
    assert tiktok.sends(tiktok.body(mara), **{"Content-Type": kind}).status_code == 200
    assert row_of(app, mara).status == "reconnect"


def test_the_route_answers_posts_alone(app: Flask) -> None:
    client = app.test_client()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = client.open(ADDRESS, method=method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_notice_sets_no_cookie_and_is_kept_by_no_cache(tiktok: TikTok) -> None:
    answer = tiktok.sends(b"{}")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.rule(58)
def test_our_own_clock_is_what_counts(tiktok: TikTok, clock: MovableClock) -> None:
    stamp = tiktok.now
    assert tiktok.sends(b"{}", stamp=stamp).status_code == 200
    clock.advance(seconds=SECONDS)
    assert tiktok.sends(b"{}", stamp=stamp).status_code == 401
