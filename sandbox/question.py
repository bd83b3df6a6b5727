"""Checks what an app asks at the door, word by word; never answers anybody."""

from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from sandbox import scopes
from sandbox.registration import is_desktop
from sandbox.runtime import desk
from sandbox.signing import CHALLENGE

NEVER_IN_A_URL = ("client_secret", "code_verifier")


class Faulty(Exception):
    """The request is at fault; `word` is the parameter TikTok's own error page would name."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__(word)
        self.word = word
        self.why = why


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked authorization request."""

    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    challenge: str | None
    always_ask: bool


def read(args: MultiDict[str, str]) -> Asked:
    """Check the parameters of an authorization request.

    Raises Faulty with the first parameter that is not as TikTok wants it.
    """
    _no_strangers(args)
    if not desk().registration.knows_key(args.get("client_key", "")):
        raise Faulty("client_key", "It is missing or not the registered one.")
    uri = args.get("redirect_uri", "")
    if not desk().registration.accepts_redirect(uri):
        raise Faulty("redirect_uri", "It is missing or not byte for byte a registered one.")
    if args.get("response_type") != "code":
        raise Faulty("response_type", "It must be `code`.")
    wanted = scopes.parse(args.get("scope", ""))
    if wanted is None:
        raise Faulty("scope", "It must be a comma list of known scopes without spaces or repeats.")
    if not args.get("state"):
        raise Faulty("state", "It is missing.")
    always_ask = args.get("disable_auto_auth", "0")
    if always_ask not in ("0", "1"):
        raise Faulty("disable_auto_auth", "It must be 0 or 1.")
    return Asked(wanted, uri, args["state"], _challenge(uri, args), always_ask == "1")


def _no_strangers(args: MultiDict[str, str]) -> None:
    if "client_id" in args:
        raise Faulty("client_key", "client_id is not a parameter; it is client_key.")
    for name in NEVER_IN_A_URL:
        if name in args:
            raise Faulty(name, "It must never stand in a URL.")
    for name in args:
        if len(args.getlist(name)) > 1:
            raise Faulty(name, "It is there twice.")


def _challenge(uri: str, args: Mapping[str, str]) -> str | None:
    challenge = args.get("code_challenge")
    if challenge is None and "code_challenge_method" not in args:
        if is_desktop(uri):
            raise Faulty("code_challenge", "A loopback redirect URI (Desktop) needs it.")
        return None
    if challenge is None or not CHALLENGE.fullmatch(challenge):
        raise Faulty("code_challenge", "It must be 64 lower-case hex digits.")
    if args.get("code_challenge_method") != "S256":
        raise Faulty("code_challenge", "code_challenge_method must be S256.")
    return challenge
