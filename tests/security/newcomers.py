"""A newcomer who gets the id of a row that was deleted in the middle of something."""

from collections.abc import Callable
from threading import Event

from flask import Flask
from sqlalchemy import delete, select, update

from tests.keep.standins import with_provider
from tests.security.acts import Stage, sessions_of
from tests.security.meanwhile import Interrupted
from tests.services import grants
from tests.services.holding import opened, sha256
from webapp.database import reading, writing
from webapp.models import AuditEvent, NameWord, User
from webapp.services.connect import disconnect
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet
from webapp.views.http.runtime import KEY


def true_provider(stage: Stage) -> Provider:
    """Return TikTok without any interruption."""
    provider = stage.runtime.provider
    return provider.true if isinstance(provider, Interrupted) else provider


class Newcomer:
    """Noor, who gets the id of jo's deleted row."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.row: User | None = None

    def __call__(self) -> None:
        """Delete jo's account as jo's other browser would, and let noor connect."""
        stage, gone = self.stage, self.stage.row("jo")
        true = true_provider(stage)
        runtime = with_provider(stage.runtime, true)
        with stage.app.app_context():
            disconnect.delete_person(runtime, gone.ref)
            done = grants.join(runtime, grants.given(stage.sandbox, runtime.clock(), "noor"))
            with writing() as session:
                session.execute(delete(NameWord).where(NameWord.user_id == done.person.id))
                session.execute(
                    update(User)
                    .where(User.is_(done.person))
                    .values(id=gone.id, display_name="Noor", version=gone.version)
                )
        self.row = stage.row("noor")
        assert self.row.id == gone.id

    def assert_untouched(self) -> None:
        """Fail if anything of noor's has changed since she connected."""
        assert self.row is not None, "nothing happened meanwhile"
        now = self.stage.row("noor")
        left_out = ("history", "refresh_days")
        columns = [c.key for c in User.__table__.columns if c.key not in left_out]
        assert {c: getattr(now, c) for c in columns} == {c: getattr(self.row, c) for c in columns}
        assert sessions_of(self.stage, "noor") == 0
        assert not self.stage.is_there("jo")
        held = opened(self.stage.app, now)
        books = self.stage.sandbox.books()[now.open_id]
        assert books["access_token_sha256"] == sha256(held.access_token), "ended at TikTok"
        assert events_of(self.stage.app, now.ticket) == ["connection.connected"]


def events_of(app: Flask, ticket: str) -> list[str]:
    """Return what the audit tells of one connection."""
    with app.app_context(), reading() as session:
        query = select(AuditEvent.event).where(AuditEvent.ticket == ticket)
        return list(session.scalars(query.order_by(AuditEvent.id)))


def during(stage: Stage, call: str, happens: Callable[[], object]) -> None:
    """Let something happen while TikTok works at the next call of one kind."""
    true = stage.runtime.provider
    stage.app.extensions[KEY] = with_provider(stage.runtime, Interrupted(true, call, happens))


def again(stage: Stage) -> None:
    """Connect jo again, as jo's other browser would."""
    true = true_provider(stage)
    runtime = with_provider(stage.runtime, true)
    with stage.app.app_context():
        grants.join(runtime, grants.given(stage.sandbox, runtime.clock(), "jo"))


class Slow(Provider):
    """Takes its time over a revoke, and remembers how often it was asked."""

    def __init__(self, *answers: Exception | None) -> None:
        self.asked, self.go = Event(), Event()
        self.calls = 0
        self._answers = list(answers)

    def revoke(self, access_token: str) -> None:
        self.calls += 1
        self.asked.set()
        assert self.go.wait(30)
        if self._answers and (answer := self._answers.pop(0)):
            raise answer

    def refresh(self, refresh_token: str) -> TokenSet:
        raise AssertionError("nothing is over")
