"""Fills a demo's database with any number of made-up people, and deletes them again.

Each person is a function of their number: name, scopes, state and what happened so far.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.exc import IntegrityError

from demo import members, sandbox_control
from demo.members import Member
from demo.names import Dice, name_of
from demo.states import state_at
from webapp.database import reading, writing
from webapp.models import User
from webapp.services.runtime import Runtime
from webapp.settings import Problem

#: How the open_ids of made-up people begin; TikTok's are random after `-000`.
PREFIX = "-000demo-"
#: Rows in one transaction, few enough to let others write in between.
BATCH = 5_000
#: Fewer would only add transactions.
_SMALLEST_BATCH = 100


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


def sandbox_of(runtime: Runtime) -> str:
    """Return the address of the mock TikTok that is configured."""
    return sandbox_control.of_api(runtime.settings.tiktok_api_url)


def count(runtime: Runtime) -> int:
    """Return how many made-up people there are. Reads every row."""
    with reading() as session:
        return session.scalar(select(func.count()).select_from(User).where(_made_up(runtime))) or 0


def seed(runtime: Runtime, people: int, sandbox: str | None = None) -> Iterator[int]:
    """Add people until there are `people`; yield their number after each transaction.

    `sandbox`: the address of the mock TikTok, which then knows them, so they can be refreshed.
    None: only the database knows them, they are never due, and have no timeline. Raises
    AlreadyRunning if another run does the same; NotAnswering.
    """
    with _only_run(runtime):
        there, highest = _found(runtime)
        size = min(BATCH, max(_SMALLEST_BATCH, people // 10))
        while there < people:
            numbers = range(highest + 1, highest + 1 + min(size, people - there))
            try:
                members.add_people(runtime, [_member(runtime, n) for n in numbers], sandbox)
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


@contextmanager
def _only_run(runtime: Runtime) -> Iterator[None]:
    """Keep a second run away: the sandbox would replace the tokens that the first one stores."""
    runtime.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (runtime.folder / "demo-people.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning from None
        yield


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


def _member(runtime: Runtime, number: int) -> Member:
    dice, settings = Dice.of(number), runtime.settings
    display_name = name_of(dice)
    name = f"demo.{number}"
    return Member(
        number=number,
        name=name,
        listed=False,
        open_id=open_id(number),
        display_name=display_name,
        username=f"pretend.{name}" if display_name else None,
        union_id=f"demo-union-{number:09}" if display_name else None,
        scopes=_granted(dice, (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)),
        state=state_at(dice.share(0) * 1000),
    )


def _granted(dice: Dice, asked: Sequence[str]) -> list[str]:
    """Return the granted scopes: the first always, the others mostly."""
    first, *further = asked
    chances = [dice.share(14) * (at + 1) * 7 % 1 for at in range(len(further))]
    return [first] + [one for one, share in zip(further, chances, strict=True) if share < 0.8]


def open_id(number: int) -> str:
    """Return the open_id of a number; they sort like the numbers."""
    return f"{PREFIX}{number:09}"


def _number_of(an_open_id: str) -> int:
    """Return the number of an open_id. Raises ValueError if it isn't a made-up one."""
    return int(an_open_id.removeprefix(PREFIX))
