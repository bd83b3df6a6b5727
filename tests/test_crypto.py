"""A sealed token opens for its own row, column and key, and for nothing else."""

import base64
import secrets

import pytest

from webapp.crypto import CannotOpen, Keyring, decode_key, key_id

PLACE = {"open_id": "made-up-person", "column": "access_token"}


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def keyring() -> Keyring:
    return Keyring([new_key()])


@pytest.mark.rule(56)
@pytest.mark.parametrize("plain", ["act.made-up!4735.va", "x", "", "käse 🧀", "long" * 25_000])
def test_what_was_sealed_opens_to_the_same_text(keyring: Keyring, plain: str) -> None:
    assert keyring.open(keyring.seal(plain, **PLACE), **PLACE) == plain


def test_the_same_token_never_looks_the_same_twice(keyring: Keyring) -> None:
    sealed = {keyring.seal("act.made-up", **PLACE) for _ in range(100)}
    assert len(sealed) == 100
    assert not any("made-up" in text for text in sealed)


def test_what_an_earlier_version_sealed_still_opens() -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    sealed = "v1.00f31b6b.6cVruzMvXy6y2kUXb8-rzwAKMrXeszyAAGVwpHGBD3qqPAgxJXlE"
    ring = Keyring([key])
    assert ring.current == "00f31b6b"
    assert ring.open(sealed, **PLACE) == "act.made-up"


@pytest.mark.parametrize("moved", [{"open_id": "somebody-else"}, {"column": "refresh_token"}])
def test_a_text_moved_to_another_row_or_column_does_not_open(
    keyring: Keyring, moved: dict[str, str]
) -> None:
    sealed = keyring.seal("act.made-up", **PLACE)
    with pytest.raises(CannotOpen, match="moved"):
        keyring.open(sealed, **(PLACE | moved))


def test_a_change_of_any_byte_is_noticed(keyring: Keyring) -> None:
    version, name, body = keyring.seal("act.made-up", **PLACE).split(".")
    blob = base64.urlsafe_b64decode(body)
    for position in range(len(blob)):
        bent = bytearray(blob)
        bent[position] ^= 1
        text = f"{version}.{name}.{base64.urlsafe_b64encode(bytes(bent)).decode()}"
        with pytest.raises(CannotOpen):
            keyring.open(text, **PLACE)


def test_a_text_cut_short_anywhere_does_not_open(keyring: Keyring) -> None:
    sealed = keyring.seal("act.made-up", **PLACE)
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            keyring.open(sealed[:length], **PLACE)


@pytest.mark.parametrize("text", ["", "...", "v1", "act.made-up", "käse", "v2.{name}.{body}", "."])
def test_what_is_no_sealed_text_does_not_open(keyring: Keyring, text: str) -> None:
    _version, name, body = keyring.seal("act.made-up", **PLACE).split(".")
    with pytest.raises(CannotOpen):
        keyring.open(text.format(name=name, body=body), **PLACE)


def test_the_first_key_seals_and_every_key_opens() -> None:
    old, new = new_key(), new_key()
    sealed_before = Keyring([old]).seal("act.made-up", **PLACE)
    ring = Keyring([new, old])
    assert ring.open(sealed_before, **PLACE) == "act.made-up"
    sealed_now = ring.seal("act.made-up", **PLACE)
    assert sealed_now.split(".")[1] == key_id(new) == ring.current
    assert Keyring([new]).open(sealed_now, **PLACE) == "act.made-up"
    with pytest.raises(CannotOpen, match="TOKEN_KEYS"):
        Keyring([new]).open(sealed_before, **PLACE)


def test_a_text_under_the_name_of_another_key_does_not_open() -> None:
    old, new = new_key(), new_key()
    version, _name, body = Keyring([old]).seal("act.made-up", **PLACE).split(".")
    with pytest.raises(CannotOpen):
        Keyring([new, old]).open(f"{version}.{key_id(new)}.{body}", **PLACE)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring([base64.b64encode(secrets.token_bytes(size)).decode()])


@pytest.mark.parametrize("key", ["no base64!", "käse", "A" * 43, "0" * 64 + "=", f" {'A' * 43}="])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # its words are the decoder's
        Keyring([key])


def test_a_ring_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Keyring([])


def test_both_alphabets_of_base64_are_one_key() -> None:
    raw = b"\xfb\xff" * 16
    plain, for_urls = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    assert plain != for_urls
    assert decode_key(plain) == decode_key(for_urls) == raw
    assert key_id(plain) == key_id(for_urls)


def test_no_refusal_repeats_the_token_or_the_key() -> None:
    key = new_key()
    sealed = Keyring([new_key()]).seal("act.made-up", **PLACE)
    for text in (sealed, "act.made-up"):
        with pytest.raises(CannotOpen) as caught:
            Keyring([key]).open(text, **PLACE)
        said = f"{caught.value!r} {caught.value.__cause__!r}"
        assert not any(word in said for word in (key, text, "made-up"))
    assert key not in repr(Keyring([key]))
