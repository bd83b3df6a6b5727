"""The app and the mock TikTok side by side, and the one thing that must hold after each case.

What is stored is what TikTok holds, for every row that is not in `reconnect`, and TikTok saw no
spent refresh token unless the case says so.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.grants import given, given_to_many, join
from tests.services.holding import opened, rows, sha256
from webapp.database import reading, writing
from webapp.models import Brakes, Status, User
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import claim_due
from webapp.services.runtime import Runtime

#: Rows whose tokens are not expected to live at TikTok any more.
ENDED = (Status.RECONNECT, Status.REVOKED)


@dataclass(frozen=True)
class World:
    """One app on one database, and the sandbox it calls. Use it inside the app's context."""

    app: Flask
    runtime: Runtime
    sandbox: Sandbox
    clock: MovableClock

    def person(self, name: str = "mara") -> str:
        """Connect one of the sandbox's people; return the open_id."""
        return join(self.runtime, given(self.sandbox, self.runtime.clock(), name)).open_id

    def people(self, count: int) -> list[str]:
        """Connect so many made-up people, in one transaction; return their open_ids."""
        now = self.runtime.clock()

        grants = given_to_many(self.sandbox, now, count)
        with writing() as session:
            for number, tokens in enumerate(grants):
                user = User(
                    client_key=self.runtime.settings.tiktok_client_key,
                    open_id=tokens.open_id,
                    ticket=f"ct_{number:05}",
                    created_at=now,
                    connected_at=now,
                    version=0,
                )
                self.runtime.vault.store(user, tokens, now)
                user.next_at = now + timedelta(hours=1)
                session.add(user)
        return [tokens.open_id for tokens in grants]

    def row(self, open_id: str) -> User:
        """Return a person's row as it is now, detached."""
        with reading() as session:
            return session.scalars(select(User).where(User.open_id == open_id)).one()

    def change(self, open_id: str | None = None, **columns: Any) -> None:
        """Write columns into one person's row, or into everybody's."""
        change = update(User).values(columns)
        with writing() as session:
            session.execute(change if open_id is None else change.where(User.open_id == open_id))

    def make_due(self, *, expired: bool = False) -> None:
        """Let every row be due now; `expired`: its access token is over as well."""
        now = self.runtime.clock()
        over = {"access_expires_at": now - timedelta(seconds=1)} if expired else {}
        self.change(next_at=now - timedelta(seconds=1), claim=None, **over)

    def work(self, runtime: Runtime | None = None, most: int = 256) -> int:
        """Refresh what is due, once, as the worker does it; return how many were claimed."""
        here = runtime or self.runtime
        claimed = claim_due(here, most, self.clock())
        if claimed:
            with ThreadPoolExecutor(16) as pool:
                store_answers(here, list(pool.map(lambda claim: attempt(here, claim), claimed)))
        return len(claimed)

    def wait_until_due(self, open_id: str) -> None:
        """Let time pass until it is a person's turn. Raises AssertionError if that is never."""
        due = self.row(open_id).next_at
        self.clock.advance(seconds=seconds(due, self.clock()))

    def wait_until_left(self, open_id: str, left: float) -> None:
        """Let time pass until a person's access token has so many seconds left."""
        ends = self.row(open_id).access_expires_at
        self.clock.advance(seconds=seconds(ends, self.clock()) - left)

    def brakes(self) -> Brakes:
        """Return the breaker and the pace as they are now, detached."""
        with reading() as session:
            return session.scalars(select(Brakes)).one()

    def set_recent(self, letters: str) -> None:
        """Let the brakes remember these outcomes, a letter each."""
        with writing() as session:
            session.execute(update(Brakes).values(recent=letters))

    def throttle(self, pace: float) -> None:
        """Let the pace be so much of the rate, as from now."""
        with writing() as session:
            session.execute(update(Brakes).values(pace=pace, pace_at=self.clock()))

    def refreshes(self) -> int:
        """Return how many refreshes TikTok did."""
        done: int = self.sandbox.counters()["calls"].get("token.refresh_token", {}).get("ok", 0)
        return done

    def settle(self) -> None:
        """Wait until TikTok has finished every call that it has begun."""
        ends = monotonic() + 30
        while self.sandbox.counters()["open_calls"]:
            assert monotonic() < ends, "calls that never end"
            sleep(0.02)

    def calls(self) -> int:
        """Return how many refreshes TikTok was asked for, whatever came of them."""
        return self.sandbox.calls("token.refresh_token")

    def assert_in_step(self, *, spent: int = 0, living: int | None = None) -> None:
        """Fail unless what is stored is what TikTok holds, and it saw `spent` spent tokens.

        `living`: how many rows must not have ended.
        """
        books = self.sandbox.books()
        alive = [user for user in rows(self.app) if user.status not in ENDED]
        for user in alive:
            held, grant = opened(self.app, user), books[user.open_id]
            assert sha256(held.access_token) == grant["access_token_sha256"], user.status
            assert sha256(held.refresh_token or "") == grant["refresh_token_sha256"], user.status
        assert self.sandbox.counters()["spent_refresh_tokens_seen"] == spent
        assert living is None or len(alive) == living


def seconds(later: datetime | None, now: datetime) -> float:
    """Return how long it is from now until then. Raises AssertionError if then is never."""
    assert later is not None
    return (later - now).total_seconds()
