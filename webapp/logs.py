"""Configures logging: one line per event, as JSON or readable text, with secrets masked.

No code logs a secret on purpose. One that slips into a library's message or an exception's text is
masked here, by shape and by value, as the last step before a line is written.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
#: Never at DEBUG, because they would log secrets: Authlib the PKCE verifier, urllib3 request lines,
#: SQLAlchemy every row it reads.
_NEVER_AT_DEBUG = ("authlib", "urllib3", "requests", "sqlalchemy")
_NAMES = r"code|state|code_verifier|client_secret|access_token|refresh_token|token"
#: Masked by shape: TikTok's tokens · service keys · TikTok's codes · parameters in a URL or form ·
#: the same in JSON or a repr · Authorization values. A code is recognized only by its name or
#: suffix.
_SHAPES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"\b(act|rft|clt)\.[A-Za-z0-9!*._~%+/=-]{4,}", rf"\1.{MASK}"),
        (r"\bcck_([0-9a-f]{12})_[0-9a-f]{64}", rf"cck_\1_{MASK}"),
        (r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}(\*|%2A)[0-9](!|%21)[A-Za-z0-9.]+", MASK),
        (rf"(?:\b|(?<=%3F)|(?<=%26))({_NAMES})(=|%3D)[^&\s\"'<>]+", rf"\1\2{MASK}"),
        (rf"(['\"])({_NAMES})\1(\s*[:,]\s*)(['\"])(?:(?!\4).)*\4", rf"\1\2\1\3\4{MASK}\4"),
        (
            r"\b(authorization)(['\"]?\s*[:=,]\s*['\"]?)((bearer|basic)\s+)?[^\s'\",]+",
            rf"\1\2{MASK}",
        ),
        (r"\b(bearer|basic)\s+[A-Za-z0-9._~+/!*=-]{8,}", rf"\1 {MASK}"),
    )
)
#: What every shape contains. Nearly all texts have none of it, and then no shape is searched for.
_MARKS = re.compile(r"""[=!'"]|%3D|%21|(?:act|rft|clt)\.|cck_|authorization|bearer|basic""", re.I)
#: Fields of the access log and of every line: their names are known to hold no secret.
_KNOWN = frozenset(
    {"timestamp", "level", "event", "request_id", "exception"}
    | {"method", "path", "status", "bytes", "ms", "client", "key"}
)
#: Their values are made here, by `configure`.
_MADE_HERE = frozenset({"timestamp", "level"})
#: Fields whose whole value is masked. Not `code`, which is TikTok's error code.
_FIELDS = frozenset(
    {"state", "code_verifier", "client_secret", "access_token", "refresh_token"}
    | {"secret_key", "token_keys", "authorization", "cookie"}
)


def configure(level: str, form: str, confidential: Iterable[str]) -> None:
    """Send structlog and standard logging through one handler to stderr.

    `level` is the lowest that is logged, `form` is "json" or "console", and no line contains a
    `confidential` value. May be called again: the latest values apply, and no line is logged twice.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                Masking(confidential),
                _as_json if form == "json" else _as_text,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, _Handler)]
    root.addHandler(handler)
    root.setLevel(level)
    for name in _NEVER_AT_DEBUG:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Handler(logging.StreamHandler[Any]):
    """A class of our own, so a second `configure` can find and replace its handler."""


class Masking:
    """A processor that masks secrets in every value of an event, at any depth."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Store the secrets of this installation, which are masked by value."""
        # A shorter one would mask ordinary words; real secrets are longer.
        self._secrets = sorted({each for each in secrets if len(each) >= 8}, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event with secrets masked."""
        return {self._name(name): self._at_top(name, value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """Return the text with everything masked that is or looks like a secret."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        if not _MARKS.search(text):
            return text
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text

    def _name(self, name: Any) -> str:
        return name if name in _KNOWN else self.text(str(name))

    def _at_top(self, name: Any, value: Any) -> Any:
        return value if name in _MADE_HERE else self._field(str(name), value)

    def _field(self, name: str, value: Any) -> Any:
        return MASK if name.lower() in _FIELDS and value is not None else self._value(value)

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._field(str(name), value[name]) for name in value}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(each) for each in value]
        return self.text(repr(value))


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Return one line of JSON, which escapes control characters itself."""
    first = {name: event.pop(name, None) for name in ("timestamp", "level", "event")}
    return json.dumps({**first, **event})


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Return one readable line. A traceback follows indented, so its text can't forge a line."""
    trace = event.pop("exception", None)
    stamp, level, message = (event.pop(name, "") for name in ("timestamp", "level", "event"))
    fields = "".join(f" {name}={_visible(value)}" for name, value in event.items())
    line = f"{stamp} {level:8} {_visible(message)}{fields}"
    if trace:
        line += "".join(f"\n    | {_visible(each)}" for each in str(trace).split("\n"))
    return line


def _visible(value: Any) -> str:
    """Return the text with every non-printable character escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))
