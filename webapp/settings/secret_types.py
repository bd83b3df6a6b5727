"""The types of the secret settings. A refusal never contains the value or a part of it."""

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from webapp.settings.field_types import parts, refuse

#: The folder of the commands, for a shell in which the virtual environment is not activated.
_BIN = ".venv/bin/" if Path(sys.prefix).name == ".venv" else ""
SIGNING_KEY_FIX = (
    "echo \"SECRET_KEY=$(python3 -c 'import secrets; print(secrets.token_hex(32))')\" >> .env"
)
TOKEN_KEYS_FIX = (
    f'echo "TOKEN_KEYS=$({_BIN}flask keys generate)" >> .env'
    "  # only if nothing is stored; otherwise restore the previous keys"
)
#: For a key that is damaged: it may be the one that opens what is stored, which a new one in its
#: place would make unreadable.
_WHOLE_KEY_FIX = (
    "copy the whole key again from where you keep it. Only if nothing is stored yet, make a new one"
    f" with {_BIN}flask keys generate"
)
NOTIFY_SECRET_FIX = f'echo "NOTIFY_SECRET=whsec_$({_BIN}flask keys generate)" >> .env'
METRICS_TOKEN_FIX = f'echo "METRICS_TOKEN=$({_BIN}flask keys generate)" >> .env'
_SHORTEST = 32
#: Printed in the documentation of Flask and of FastAPI.
_WELL_KNOWN = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    }
)
#: Words in copied placeholders; a random key is most unlikely to contain one.
_PLACEHOLDER = re.compile(
    r"change.?me|change.?this|your.?secret|replace.?(me|this)|placeholder|insecure|not.?secret"
    r"|super.?secret|secret.?key|0123456789abcdef0123|abcdefghijklmnop",
    re.IGNORECASE,
)


def _credential(text: str) -> str:
    if text[0] in "\"'" or not re.fullmatch(r"[!-~]+", text):
        refuse(
            "contains quotes, white space or characters outside ASCII",
            "copy it again from developers.tiktok.com, without quotes",
        )
    return text


def _repeats(text: str) -> bool:
    """Return True if the text repeats one piece of at most half its length."""
    return any(
        text == (text[:size] * (len(text) // size + 1))[: len(text)]
        for size in range(1, len(text) // 2 + 1)
    )


def _signing_key(text: str) -> str:
    if len(text) < _SHORTEST:
        refuse(f"is shorter than {_SHORTEST} characters", SIGNING_KEY_FIX)
    known = text.lower() in _WELL_KNOWN or _PLACEHOLDER.search(text)
    if known or _repeats(text) or len(set(text)) < 8:
        refuse("is a well-known example or easy to guess", SIGNING_KEY_FIX)
    return text


def _signing_keys(text: str) -> tuple[str, ...]:
    return tuple(_signing_key(part) for part in parts(text))


def _not_base64(text: str) -> tuple[str, str]:
    """Return the cause and the fix for a key with characters that no key has."""
    if any(each in text for each in "\"'`“”„‘’"):
        return "contains quotes", "remove the quotes; keep the keys"
    if any(each.isspace() or not each.isprintable() for each in text):
        return "contains white space inside a key", "remove it; separate keys with commas"
    return "contains a key that is not base64", _WHOLE_KEY_FIX


def _token_key(text: str) -> str:
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        refuse(*_not_base64(text))
    if len(key) != 32:
        refuse("contains a key that is not 32 bytes (256 bits) long", _WHOLE_KEY_FIX)
    if len(set(key)) < 8:
        refuse("contains a key that is easy to guess", _WHOLE_KEY_FIX)
    return base64.b64encode(key).decode()


def _token_keys(text: str) -> tuple[str, ...]:
    keys = tuple(_token_key(part) for part in parts(text))
    if not keys:
        refuse("contains no key", _WHOLE_KEY_FIX)
    if len(set(keys)) < len(keys):
        refuse("lists a key twice", "list each key once; the first encrypts, all of them decrypt")
    return keys


def _bearer(text: str) -> str:
    if len(text) < _SHORTEST or not re.fullmatch(r"[!-~]+", text):
        refuse(
            f"is shorter than {_SHORTEST} characters, or contains white space",
            METRICS_TOKEN_FIX,
        )
    return text


def _notify_secret(text: str) -> str:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64 or len(set(key)) < 8:
        refuse("is not whsec_ followed by the base64 of 24 to 64 random bytes", NOTIFY_SECRET_FIX)
    return text


Credential = Annotated[str, BeforeValidator(_credential)]
SecretCredential = Annotated[SecretStr, BeforeValidator(_credential)]
BearerToken = Annotated[SecretStr, BeforeValidator(_bearer)]
NotifySecret = Annotated[SecretStr, BeforeValidator(_notify_secret)]
SigningKey = Annotated[SecretStr, BeforeValidator(_signing_key)]
SigningKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_signing_keys)]
TokenKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_token_keys)]
