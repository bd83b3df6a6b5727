"""TikTok as it is, with something happening at the worst moment; never touches a row itself."""

from collections.abc import Callable
from dataclasses import replace
from threading import Event

from webapp.services.runtime import Runtime
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet

#: Longer than anything here takes; a test that waits so long has failed.
PATIENCE = 30


def nothing() -> None:
    """Happen not at all."""


class Meanwhile(Provider):
    """Something happens before a refresh goes out, and something after TikTok has answered."""

    def __init__(
        self,
        true: Provider,
        *,
        before: Callable[[], object] = nothing,
        after: Callable[[], object] = nothing,
    ) -> None:
        """Take the true provider and what happens, each time."""
        self._true, self._before, self._after = true, before, after

    def refresh(self, refresh_token: str) -> TokenSet:
        """Refresh, with the interruptions around it."""
        self._before()
        tokens = self._true.refresh(refresh_token)
        self._after()
        return tokens

    def revoke(self, access_token: str) -> None:
        """Revoke as ever."""
        self._true.revoke(access_token)


class Held(Meanwhile):
    """Refreshes come to TikTok and stay on their way back until `release` is set."""

    def __init__(self, true: Provider) -> None:
        """Take the true provider."""
        self.answered, self.release = Event(), Event()
        super().__init__(true, after=self._hold)

    def _hold(self) -> None:
        self.answered.set()
        assert self.release.wait(PATIENCE)


class Answering(Provider):
    """Answers every refresh with what it was given, and calls nobody."""

    def __init__(self, *answers: TokenSet | Exception) -> None:
        """Take the answers in their order; the last one stays."""
        self._answers = list(answers)
        self.calls = 0

    def refresh(self, refresh_token: str) -> TokenSet:
        """Return or raise the next answer."""
        self.calls += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def with_provider(runtime: Runtime, provider: Provider) -> Runtime:
    """Return the runtime with another provider."""
    return replace(runtime, provider=provider)
