"""What a secret must be to be let in; never says a word of its value."""

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

from webapp.language import deferred_gettext as _
from webapp.settings.fields import parts, refuse

#: Where the commands are when nobody has activated the environment of the README.
_BIN = ".venv/bin/" if Path(sys.prefix).name == ".venv" else ""
HOW_TO_SIGN = (
    "echo \"SECRET_KEY=$(python3 -c 'import secrets; print(secrets.token_hex(32))')\" >> .env"
)
HOW_TO_SEAL = f'echo "TOKEN_KEYS=$({_BIN}flask keys generate)" >> .env'
HOW_TO_NOTIFY = f'echo "NOTIFY_SECRET=whsec_$({_BIN}flask keys generate)" >> .env'
HOW_TO_METER = f'echo "METRICS_TOKEN=$({_BIN}flask keys generate)" >> .env'
_SHORTEST = 32
#: Printed in documentation that everybody has read: Flask's and FastAPI's.
_WELL_KNOWN = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    }
)
#: Words of stand-ins that were copied and never replaced; by chance they do not come up.
_STAND_IN = re.compile(
    r"change.?me|change.?this|your.?secret|replace.?(me|this)|placeholder|insecure|not.?secret"
    r"|super.?secret|secret.?key|0123456789abcdef0123|abcdefghijklmnop",
    re.IGNORECASE,
)


def _plain(value: Any) -> str:
    """Return the text of a secret, whether it comes masked or not."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _credential(value: Any) -> Any:
    text = _plain(value).strip()
    if not text:
        refuse(_("is blank"), _("copy it from your app's page at developers.tiktok.com"))
    if text[0] in "\"'" or not re.fullmatch(r"[!-~]+", text):
        refuse(
            _("holds quotes, white space or characters outside ASCII"),
            _("copy it again from developers.tiktok.com, without quotes"),
        )
    return text


def _repeats(text: str) -> bool:
    """Tell whether the text is one piece, at most half as long, over and over."""
    return any(
        text == (text[:size] * (len(text) // size + 1))[: len(text)]
        for size in range(1, len(text) // 2 + 1)
    )


def _signing_key(value: Any) -> Any:
    text = _plain(value)
    if len(text) < _SHORTEST:
        refuse(_("is shorter than %(length)s characters", length=_SHORTEST), HOW_TO_SIGN)
    known = text.lower() in _WELL_KNOWN or _STAND_IN.search(text)
    if known or _repeats(text) or len(set(text)) < 8:
        refuse(_("is a well-known example or easily guessed"), HOW_TO_SIGN)
    return text


def _signing_keys(value: Any) -> Any:
    return tuple(_signing_key(part) for part in parts(value))


def _sealing_key(text: str) -> str:
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        refuse(_("holds a key that is not base64"), HOW_TO_SEAL)
    if len(key) != 32:
        refuse(_("holds a key that is not 32 bytes (256 bits) long"), HOW_TO_SEAL)
    if len(set(key)) < 8:
        refuse(_("holds a key that is easily guessed"), HOW_TO_SEAL)
    return base64.b64encode(key).decode()


def _sealing_keys(value: Any) -> Any:
    keys = tuple(_sealing_key(_plain(part)) for part in parts(_unmasked(value)))
    if not keys:
        refuse(_("holds no key"), HOW_TO_SEAL)
    if len(set(keys)) < len(keys):
        refuse(_("holds a key twice"), _("name each key once; the first seals, all open"))
    return keys


def _unmasked(value: Any) -> Any:
    """Return the text of a masked list; a tuple passes as it is."""
    return _plain(value) if isinstance(value, SecretStr) else value


def _bearer(value: Any) -> Any:
    text = _plain(value)
    if text and (len(text) < _SHORTEST or not re.fullmatch(r"[!-~]+", text)):
        refuse(
            _("is shorter than %(length)s characters, or holds white space", length=_SHORTEST),
            HOW_TO_METER,
        )
    return text


def _notify_secret(value: Any) -> Any:
    text = _plain(value)
    if not text:
        return text
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64 or len(set(key)) < 8:
        refuse(_("is not whsec_ and the base64 of 24 to 64 random bytes"), HOW_TO_NOTIFY)
    return text


Credential = Annotated[str, BeforeValidator(_credential)]
SecretCredential = Annotated[SecretStr, BeforeValidator(_credential)]
BearerToken = Annotated[SecretStr, BeforeValidator(_bearer)]
NotifySecret = Annotated[SecretStr, BeforeValidator(_notify_secret)]
SigningKey = Annotated[SecretStr, BeforeValidator(_signing_key)]
SigningKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_signing_keys)]
SealingKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_sealing_keys)]
