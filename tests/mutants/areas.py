"""What is mutated, by area, and which quick tests must notice."""

from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT


@dataclass(frozen=True)
class Area:
    """Modules that do one thing, and the tests that hold it."""

    name: str
    #: Globs below the repository.
    sources: tuple[str, ...]
    #: Files and folders below tests/. Those of their tests that call a server are left out.
    tests: tuple[str, ...]

    @property
    def modules(self) -> dict[str, Path]:
        """Module name → its file, for every module that has something to mutate."""
        files = sorted(file for glob in self.sources for file in ROOT.glob(glob))
        return {
            ".".join(file.relative_to(ROOT).with_suffix("").parts): file
            for file in files
            if file.name != "__init__.py"
        }


AREAS = {
    area.name: area
    for area in (
        Area(
            "refresh",
            ("webapp/services/refresh/*.py",),
            (
                "keep",
                "services/test_refresh_orphan.py",
                "services/test_durable.py",
                "notices/test_clock.py",
                "notices/test_events.py",
                "audit/test_people.py",
            ),
        ),
        Area(
            "handout",
            ("webapp/services/handout/*.py",),
            ("api",),
        ),
        Area(
            "connect",
            ("webapp/services/connect/*.py",),
            (
                "contract",
                "services/test_activity.py",
                "services/test_connect.py",
                "services/test_disconnect.py",
                "services/test_disconnect_outcomes.py",
                "services/test_disconnect_waits.py",
                "services/test_meeting.py",
                "services/test_saved_cookies.py",
                "services/test_scope_texts.py",
                "services/test_sessions.py",
                "services/test_states.py",
                "webhooks",
                "account/test_reconnect.py",
                "account/test_signed_in.py",
                "audit/test_people.py",
                "notices/test_events.py",
                "operators/test_connection_pressed.py",
            ),
        ),
        Area(
            "crypto",
            ("webapp/crypto.py", "webapp/tokens.py", "webapp/services/vault.py"),
            ("test_crypto.py", "services/test_vault.py", "keep/test_keys.py", "tiktok"),
        ),
        Area(
            "provider",
            ("webapp/tiktok/*.py",),
            ("tiktok", "webhooks"),
        ),
    )
}
