"""A clock that stands still until a test moves it; never reads the time again after its start."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Callable like `webapp.clock.utc_now`. Starts at the real present, for the sandbox's sake."""

    def __init__(self) -> None:
        """Stop at the present moment, in whole seconds."""
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """Return the moment the clock stands at, aware, in UTC."""
        return self.now

    def advance(self, by: timedelta | None = None, **parts: float) -> datetime:
        """Move on by `by`, or by `minutes=11`, `days=30` …; return the new moment."""
        self.now += by if by is not None else timedelta(**parts)
        return self.now
