"""What every service needs, as one value: settings, provider, vault and clock."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from webapp.clock import Clock
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

    @property
    def client_key(self) -> str:
        """Return the client key of our TikTok app, to which our people and figures belong."""
        return self.settings.tiktok_client_key

    @property
    def rescue_file(self) -> Path:
        """Return the path of the file for TikTok responses that couldn't be stored."""
        return self.folder / "rescue.jsonl"
