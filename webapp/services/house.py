"""What every act needs at hand, as one value; decides nothing itself."""

from dataclasses import dataclass, field

from webapp.clock import Clock
from webapp.services.vault import Vault
from webapp.settings import Settings
from webapp.tiktok.provider import Provider


@dataclass(frozen=True)
class House:
    """One app's settings, its provider, its vault and its clock."""

    settings: Settings
    provider: Provider
    vault: Vault = field(repr=False)
    clock: Clock
