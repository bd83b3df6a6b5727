"""What every service needs, as one value: settings, provider, vault and clock."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from webapp import files
from webapp.clock import Clock, Uptime, machine_uptime
from webapp.services.vault import Vault
from webapp.settings import Settings
from webapp.tiktok.provider import Provider

#: Opens an app context, which a new thread needs around every service call.
Context = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Runtime:
    """One app's settings, its provider, its vault and its clock."""

    settings: Settings
    provider: Provider
    vault: Vault = field(repr=False)
    clock: Clock
    #: Where this installation keeps its own files: the rescue file, its id.
    folder: Path
    #: For leases, which must outlive a change of the clock; None: they go by the clock alone.
    uptime: Uptime | None = field(default_factory=machine_uptime)

    @property
    def client_key(self) -> str:
        """Return the client key of our TikTok app, to which our people and figures belong."""
        return self.settings.tiktok_client_key

    @property
    def rescue_file(self) -> Path:
        """Return the path of the file for TikTok responses that couldn't be stored.

        It is named after the database, since the folder may be shared by several installations.
        """
        return self.folder / f"rescue-{files.database_name(self.settings.database_url)}.jsonl"
