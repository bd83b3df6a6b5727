"""The logs: one line an event, nothing forged, nothing secret, no matter who speaks."""

import base64
import json
import logging
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from tests.environment import complete
from webapp import logs
from webapp.settings import Settings, load

Written = Callable[[], list[str]]


def settings(**changes: str) -> Settings:
    """Return settings for the logs, as chatty as they get."""
    return load(complete("sqlite:///instance/app.db", 8000) | {"LOG_LEVEL": "DEBUG"} | changes)


def configure(given: Settings) -> None:
    """Configure the logs as the app does with these settings."""
    logs.configure(given.log_level, given.log_format, given.confidential)


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """Leave the logging of other tests as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    """Return a function that gives the lines written since it was last asked."""
    return lambda: capsys.readouterr().err.splitlines()


def only(lines: list[str]) -> dict[str, Any]:
    """Return the one JSON line there must be."""
    assert len(lines) == 1, lines
    event = json.loads(lines[0])
    assert isinstance(event, dict)
    return event


def test_an_event_is_one_line_of_json_in_utc(written: Written) -> None:
    configure(settings())
    structlog.contextvars.bind_contextvars(request_id="a1b2")
    structlog.get_logger().info("connected", open_id="-000x", scopes=["user.info.basic"])
    event = only(written())
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "level": "info",
        "event": "connected",
        "open_id": "-000x",
        "scopes": ["user.info.basic"],
        "request_id": "a1b2",
    }


def test_the_standard_logging_comes_out_the_same_way(written: Written) -> None:
    configure(settings())
    logging.getLogger("some.library").warning("took %d tries", 3)
    event = only(written())
    assert (event["level"], event["event"]) == ("warning", "took 3 tries")


def test_configuring_twice_writes_once(written: Written) -> None:
    configure(settings())
    configure(settings())
    structlog.get_logger().info("once")
    logging.getLogger("x").info("once too")
    assert len(written()) == 2


def test_the_level_is_the_settings(written: Written) -> None:
    configure(settings(LOG_LEVEL="WARNING"))
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    assert not written()


@pytest.mark.rule(55)
@pytest.mark.parametrize(
    "name", ["authlib.integrations", "urllib3.connectionpool", "requests", "sqlalchemy.engine"]
)
def test_libraries_that_print_secrets_are_quiet_even_at_debug(written: Written, name: str) -> None:
    configure(settings())
    logging.getLogger(name).debug("everything I know")
    logging.getLogger(name).info("and more")
    assert not written()


def token(kind: str) -> str:
    """Return what looks like one of TikTok's tokens."""
    return f"{kind}.{secrets.token_urlsafe(24)}!{secrets.randbelow(9999)}.va"


def made_up() -> dict[str, str]:
    """Return one of each secret, and the text in which it might slip out."""
    value = secrets.token_urlsafe(24)
    code = f"{secrets.token_urlsafe(24)}*1!4735.va"
    basic = base64.b64encode(f"key:{value}".encode()).decode()
    access, refresh, client = token("act"), token("rft"), token("clt")
    return {
        f"got {access} from it": access,
        f"'{refresh}'": refresh,
        f"({client})": client,
        f"GET /cb?code={value}&scopes=x": value,
        f"GET /cb?next=%2Fcb%3Fcode%3D{value}": value,
        f"a bare code {code} in words": code,
        f"/cb?scopes=x&state={value}": value,
        f"client_key=k&client_secret={value}&grant_type=x": value,
        f"code_verifier={value}": value,
        f"{{'code_verifier': '{value}'}}": value,
        f'{{"access_token": "{value}", "expires_in": 1}}': value,
        f"[('client_secret', '{value}')]": value,
        f"Authorization: Bearer {value}": value,
        f"{{'Authorization': 'Basic {basic}'}}": basic,
        f"sent bearer {value} along": value,
    }


@pytest.mark.rule(55)
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("text", range(len(made_up())))
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(
    written: Written, log_format: str, text: int
) -> None:
    configure(settings(LOG_FORMAT=log_format))
    said, secret = list(made_up().items())[text]
    log = structlog.get_logger()
    log.info(said)
    log.info("x", note=said, deep={"list": [said], said: 1}, thing=Exception(said))
    logging.getLogger("x").warning("%s", said)
    try:
        raise RuntimeError(said)
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("x").exception("failed")
    output = "\n".join(written())
    assert output.count(logs.MASK) >= 5
    assert secret not in output


@pytest.mark.rule(55)
@pytest.mark.parametrize("text", range(len(made_up())))
def test_known_fields_are_searched_too_and_so_are_names_in_any_case(
    written: Written, text: int
) -> None:
    configure(settings())
    said, secret = list(made_up().items())[text]
    fields = dict.fromkeys(("method", "path", "client", "key", "request_id", "status"), said)
    structlog.get_logger("gunicorn.access").info("request", **fields)
    structlog.get_logger().info("x", **{said: 1})
    output = "\n".join(written())
    assert output.count(logs.MASK) >= 7
    assert secret not in output
    # Swapped letters make another secret, but of the same shape.
    for changed in (str.upper, str.lower):
        logging.getLogger("x").warning("%s", changed(said))
        assert changed(secret) not in "\n".join(written())


def test_what_a_caller_gives_for_the_time_or_the_level_is_not_logged(written: Written) -> None:
    configure(settings())
    secret = secrets.token_urlsafe(24)
    structlog.get_logger().info("x", timestamp=f"code={secret}", level=f"code={secret}")
    assert secret not in "\n".join(written())


@pytest.mark.rule(55)
def test_the_secrets_of_the_settings_are_masked_by_value(written: Written) -> None:
    password = secrets.token_hex(8)
    given = settings(
        DATABASE_URL=f"postgresql://user:{password}@db.example/app",
        SECRET_KEY_FALLBACKS=secrets.token_hex(32),
        TIKTOK_CLIENT_SECRET=secrets.token_hex(16),
    )
    configure(given)
    assert len(given.confidential) == 5
    for value in given.confidential:
        logging.getLogger("x").error("unexpected: <%s>", value)
    output = "\n".join(written())
    assert not [value for value in given.confidential if value in output]


def test_fields_that_hold_secrets_go_whole(written: Written) -> None:
    configure(settings())
    structlog.get_logger().info("x", state="short", Authorization="any", code="invalid_grant")
    event = only(written())
    assert (event["state"], event["Authorization"]) == (logs.MASK, logs.MASK)
    assert event["code"] == "invalid_grant"


def test_ordinary_words_are_left_alone(written: Written) -> None:
    configure(settings())
    said = "exit status 3 for -000abc: contract.py, user.info.basic, 12:30, a token was refreshed"
    structlog.get_logger().info(said)
    assert only(written())["event"] == said


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("character", ["\r", "\n", "\x1b", "\u2028", "\u202e", "\x00", "\x9b"])
def test_a_name_cannot_forge_a_line_or_move_the_cursor(
    written: Written, log_format: str, character: str
) -> None:
    configure(settings(LOG_FORMAT=log_format))
    structlog.get_logger().info(f"x{character}y", name=f"Mara{character}2026 info forged")
    (line,) = written()
    assert character not in line


def test_an_exception_cannot_forge_a_line(written: Written) -> None:
    configure(settings(LOG_FORMAT="console"))
    try:
        raise RuntimeError("x\n2026-01-01T00:00:00Z info     forged\r\x1b[2J")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    first, *rest = written()
    assert "failed" in first
    assert all(line.startswith("    | ") for line in rest)
    assert not [line for line in rest if "\x1b" in line or "\r" in line]


def test_a_long_line_costs_little_to_mask(written: Written) -> None:
    configure(settings())
    said = "a" * 200_000 + " code" * 10_000 + " '" * 10_000
    logging.getLogger("x").info(said)
    assert len(written()) == 1
