"""Fills a demo's database with any number of made-up people, and deletes them again.

Each person is a function of their number: name, state and times. The sandbox doesn't know them,
so nothing here may ever be refreshed (see FAR_OFF).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import search_words
from webapp.database import reading, writing
from webapp.models import NameWord, Reason, Status, User
from webapp.services.connect.person_row import TICKET_LETTERS
from webapp.services.runtime import Runtime
from webapp.settings import Problem
from webapp.tokens import TokenSet


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Given names, middle words (or none) and family names for each script. Nobody real is meant.
SCRIPTS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        _words(
            "Mara Tomas Ines Jonas Freya Luca Nora Emil Clara Hugo Alma Oscar Vera Anton Ida Felix"
            " Greta Paul Lena Otto Maja Theo Elsa Bruno Tilda Arvid Sanna Milan Rosa Viktor"
        ),
        ("", "", "van", "de", "Maria", "Lou", "Jean", "Sol"),
        _words(
            "Lindqvist Weber Novák Moreau Silva Jansen Costa Berg Fischer Dubois Nowak Rossi Horvat"
            " Keller Santos Lund Marek Bauer Øster Peeters Garnier Hallström Vidal Krüger"
        ),
    ),
    (
        _words("Adaeze Oluwaseun Chidi Amina Kwame Zola Thabo Nia Sefu Imani Abena Tunde"),
        ("", "Ada", "Kofi"),
        _words("Okafor Mensah Adeyemi Dlamini Mwangi Ndiaye Diallo Banda Eze Abara"),
    ),
    (
        _words("Анна Иван Олена Дмитро Софія Петър Мила Юрий Ксения Богдан"),
        ("", "Марія", "Леся"),
        _words("Ковальчук Петрова Шевченко Иванов Бондар Георгиев Мельник Орлов"),
    ),
    (
        _words("Ελένη Νίκος Μαρία Γιώργος Σοφία Δημήτρης Άννα Πέτρος"),
        ("", "Ρόζα"),
        _words("Παπαδάκη Νικολάου Γεωργίου Ιωάννου Κωνσταντίνου Δήμου"),
    ),
    (
        _words("愛子 健太 さくら 蓮 美咲 大輔 ひなた 悠斗"),
        ("", "ルイ"),
        _words("佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村"),
    ),
    (
        _words("민준 서연 지우 하은 도윤 수아 예준 지민"),
        ("",),
        _words("김 이 박 최 정 강 조 윤"),
    ),
    (
        _words("ليلى يوسف مريم عمر سارة خالد نور حسن"),
        ("", "بن", "أبو"),
        _words("الحداد منصور النجار سليم حمدان الشامي"),
    ),
    (
        _words("आरव दीया रोहन अनन्या कबीर मीरा अर्जुन ईशा"),
        ("", "कुमार", "देवी"),
        _words("शर्मा वर्मा पटेल गुप्ता सिंह नायर"),
    ),
)

#: How the open_ids of made-up people begin; TikTok's are random after `-000`.
PREFIX = "-000demo-"
#: Keeps the worker from refreshing them: the sandbox would refuse every refresh.
FAR_OFF = timedelta(days=365)
_DAY = timedelta(days=1)
#: Shares no factor with the number of tickets, so no two people get the same one.
_STRIDE = 48_271_000_007
_TICKETS = len(TICKET_LETTERS) ** 8
_REASONS = tuple(each.value for each in Reason)
_ERRORS = ("temporarily_unavailable", "server_error", "rate_limit_exceeded", "no_answer")
#: Rows in one transaction, few enough to let others write in between.
BATCH = 5_000
#: Each row changes a different page of each index; with SQLite's default of 2 MB, pages are written
#: three times.
_CACHE = "PRAGMA cache_size=-262144"


@dataclass(frozen=True, slots=True)
class Dice:
    """Sixteen pseudo-random numbers in [0, 1), always the same for the same seed."""

    _bytes: bytes

    @classmethod
    def of(cls, number: int) -> "Dice":
        """Return the dice of a person's number."""
        return cls(blake2b(number.to_bytes(8, "big"), digest_size=32).digest())

    def share(self, throw: int) -> float:
        """Return one of the numbers, by its index from 0 to 15."""
        at = 2 * throw
        return (self._bytes[at] << 8 | self._bytes[at + 1]) / 65536

    def pick(self, throw: int, words: Sequence[str]) -> str:
        """Return one of the words, chosen by a throw."""
        return words[int(self.share(throw) * len(words))]

    def token(self, kind: str) -> str:
        """Return a made-up token that looks like TikTok's."""
        return f"{kind}.made-up.{self._bytes.hex()}"


class AlreadyRunning(Exception):
    """Another run is filling the same database."""


def refusal(runtime: Runtime) -> Problem | None:
    """Return why made-up people can't be added here; None if a mock TikTok is configured."""
    if runtime.settings.allow_sandbox and runtime.settings.sandbox:
        return None
    return Problem(
        "ALLOW_SANDBOX",
        "the settings use the real TikTok, so this database is for real people",
        "set ALLOW_SANDBOX=1, TIKTOK_AUTHORIZE_URL and TIKTOK_API_URL to a sandbox, and use a"
        " separate DATABASE_URL",
    )


def count(runtime: Runtime) -> int:
    """Return how many made-up people there are. Reads every row."""
    with reading() as session:
        return session.scalar(select(func.count()).select_from(User).where(_made_up(runtime))) or 0


def seed(runtime: Runtime, people: int) -> Iterator[int]:
    """Add people until there are `people`; yield their number after each transaction.

    Raises AlreadyRunning if another run does the same.
    """
    there, highest = _found(runtime)
    while there < people:
        numbers = range(highest + 1, highest + 1 + min(BATCH, people - there))
        rows = list(_rows(runtime, numbers, runtime.clock()))
        try:
            with writing() as session:
                _insert(session, rows)
        except IntegrityError:
            raise AlreadyRunning from None
        there, highest = there + len(numbers), numbers[-1]
        yield there


def clear(runtime: Runtime) -> Iterator[int]:
    """Delete the made-up people; yield how many are deleted after each transaction."""
    deleted = last = 0
    while ids := _after(runtime, last):
        last = ids[-1]
        with writing() as session:
            session.execute(delete(User).where(User.id.in_(ids), _made_up(runtime)))
        deleted += len(ids)
        yield deleted


def _insert(session: Session, rows: list[dict[str, Any]]) -> None:
    """Insert people and the words by which they are found."""
    if session.connection().dialect.name == "sqlite":
        session.connection().exec_driver_sql(_CACHE)
    session.execute(insert(cast(Table, User.__table__)), rows)
    given = select(User.open_id, User.id).where(
        User.client_key == rows[0]["client_key"],
        User.open_id >= rows[0]["open_id"],
        User.open_id <= rows[-1]["open_id"],
    )
    ids = {open_id: user_id for open_id, user_id in session.execute(given)}
    words = [
        {"word": word, "user_id": ids[row["open_id"]]}
        for row in rows
        for word in search_words.of_person(row["display_name"], row["ticket"])
    ]
    session.execute(insert(cast(Table, NameWord.__table__)), words)


def _found(runtime: Runtime) -> tuple[int, int]:
    """Return how many there are, and the highest number, or -1 if there are none."""
    query = select(func.count(), func.max(User.open_id)).where(_made_up(runtime))
    with reading() as session:
        number, highest = session.execute(query).one()
    return number, _number_of(highest) if highest else -1


def _made_up(runtime: Runtime) -> ColumnElement[bool]:
    own = User.client_key == runtime.settings.tiktok_client_key
    # Not a range: PostgreSQL may ignore dashes when it sorts by a language's rules.
    return own & User.open_id.startswith(PREFIX, autoescape=True)


def _after(runtime: Runtime, last: int) -> list[int]:
    query = select(User.id).where(_made_up(runtime), User.id > last).order_by(User.id).limit(BATCH)
    with reading() as session:
        return list(session.scalars(query))


def _rows(runtime: Runtime, numbers: range, now: datetime) -> Iterator[dict[str, Any]]:
    settings = runtime.settings
    asked = (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)
    for number in numbers:
        dice = Dice.of(number)
        row = _columns(number, dice, asked, now)
        yield {
            "client_key": settings.tiktok_client_key,
            "interrupted": False,
            **_sealed(runtime, row, dice, now),
            **row,
        }


def _sealed(runtime: Runtime, row: dict[str, Any], dice: Dice, now: datetime) -> dict[str, Any]:
    if row["access_expires_at"] is None:
        return {"access_token": None, "refresh_token": None}
    tokens = TokenSet(
        access_token=dice.token("act"),
        refresh_token=dice.token("rft"),
        open_id=row["open_id"],
        scopes=None,
        access_expires_at=row["access_expires_at"],
        refresh_expires_at=None,
    )
    return runtime.vault.columns(row["open_id"], tokens, now)


def _columns(number: int, dice: Dice, asked: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return the columns of one person, without `client_key` and the tokens."""
    values = {
        "open_id": open_id(number),
        "ticket": _ticket(number),
        **_name(dice, number),
        **_scopes(dice, asked),
        **_healthy(dice, now),
    }
    state = dice.share(0) * 1000
    for limit, change in _STATES:
        if state < limit:
            return values | change(dice, now)
    return values


def _healthy(dice: Dice, now: datetime) -> dict[str, Any]:
    """Return the columns of an active connection whose access lasts 45 minutes to a day."""
    expires = now + timedelta(minutes=45) + (_DAY - timedelta(minutes=45)) * dice.share(1)
    connected = now - 360 * _DAY * dice.share(2) ** 2
    refreshes = int((now - connected) / _DAY * 1.6)
    return {
        "created_at": connected - 60 * _DAY * dice.share(3),
        "connected_at": connected,
        "refreshes": refreshes,
        "version": refreshes + 1,
        "refreshed_at": expires - _DAY if refreshes else connected,
        "last_used_at": now - 40 * _DAY * dice.share(4) ** 4 if dice.share(5) < 0.9 else None,
        "access_expires_at": expires,
        "refresh_expires_at": connected + 365 * _DAY,
        "next_at": now + FAR_OFF + _DAY * dice.share(6),
        "status": Status.ACTIVE.value,
        "reason": None,
        "ended_at": None,
        "failing_since": None,
        "failures": 0,
        "last_error": None,
        "last_log_id": None,
    }


def _soon(dice: Dice, now: datetime) -> dict[str, Any]:
    expires = now + timedelta(minutes=25) - timedelta(minutes=55) * dice.share(1)
    return {"access_expires_at": expires, "refreshed_at": expires - _DAY}


def _failing(dice: Dice, now: datetime) -> dict[str, Any]:
    since = now - timedelta(minutes=5) - timedelta(hours=30) * dice.share(7)
    return {
        "status": Status.FAILING.value,
        "failures": 1 + int((now - since) / timedelta(minutes=15)),
        "last_error": dice.pick(8, _ERRORS),
        "last_log_id": dice.token("log")[12:32].upper(),
        "ended_at": since,
        "failing_since": since,
        "access_expires_at": since + _DAY * dice.share(1) / 2,
    }


def _reconnect(dice: Dice, now: datetime) -> dict[str, Any]:
    reason, since = dice.pick(8, _REASONS), now - 60 * _DAY * dice.share(7)
    over = {"refresh_expires_at": since} if reason == Reason.GRANT_OVER else {}
    return {
        "status": Status.RECONNECT.value,
        "reason": reason,
        "ended_at": since,
        "last_error": "invalid_grant",
        "access_expires_at": since + timedelta(hours=6),
        "next_at": None,
        **over,
    }


def _revoking(dice: Dice, now: datetime) -> dict[str, Any]:
    since = now - timedelta(hours=20) * dice.share(7)
    return {"status": Status.REVOKING.value, "ended_at": since, "failures": 3}


def _revoked(dice: Dice, now: datetime) -> dict[str, Any]:
    return {
        "status": Status.REVOKED.value,
        "ended_at": now - 90 * _DAY * dice.share(7),
        "scope": "",
        **dict.fromkeys(("access_expires_at", "refresh_expires_at", "next_at")),
    }


#: Out of a thousand people: each state up to its limit. All others are healthy.
_STATES = ((2, _revoking), (10, _revoked), (30, _reconnect), (50, _failing), (70, _soon))


def _name(dice: Dice, number: int) -> dict[str, Any]:
    """Return a name of two or three words; one person in twenty has none."""
    if dice.share(9) < 0.05:
        return {"display_name": None, "username": None, "union_id": None}
    # The first script is as frequent as all others together.
    script = SCRIPTS[max(0, int(dice.share(10) * 2 * len(SCRIPTS)) - len(SCRIPTS))]
    words = [dice.pick(11 + at, some) for at, some in enumerate(script)]
    return {
        "display_name": " ".join(filter(None, words)),
        "username": f"demo.{number}",
        "union_id": f"demo-union-{number:09}",
    }


def _scopes(dice: Dice, asked: Sequence[str]) -> dict[str, Any]:
    """Return the requested and granted scopes: the first always, the others mostly."""
    first, *further = asked
    chances = [dice.share(14) * (at + 1) * 7 % 1 for at in range(len(further))]
    granted = [first] + [one for one, share in zip(further, chances, strict=True) if share < 0.8]
    return {"asked_scope": ",".join(sorted(asked)), "scope": ",".join(sorted(granted))}


def _ticket(number: int) -> str:
    """Return a ticket that no other number has: the stride visits all of them."""
    left, letters = number * _STRIDE % _TICKETS, []
    for _ in range(8):
        left, at = divmod(left, len(TICKET_LETTERS))
        letters.append(TICKET_LETTERS[at])
    return f"ct_{''.join(letters[:4])}-{''.join(letters[4:])}"


def open_id(number: int) -> str:
    """Return the open_id of a number; they sort like the numbers."""
    return f"{PREFIX}{number:09}"


def _number_of(an_open_id: str) -> int:
    """Return the number of an open_id. Raises ValueError if it isn't a made-up one."""
    return int(an_open_id.removeprefix(PREFIX))
