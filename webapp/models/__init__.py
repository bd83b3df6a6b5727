"""The tables, one a file; they hold rows and answer questions about themselves, never commit."""

from webapp.models.brakes import Brakes
from webapp.models.installation import Installation
from webapp.models.service_key import ServiceKey
from webapp.models.session import BrowserSession
from webapp.models.spent_state import SpentState
from webapp.models.user import Health, Reason, Status, User

__all__ = [
    "Brakes",
    "BrowserSession",
    "Health",
    "Installation",
    "Reason",
    "ServiceKey",
    "SpentState",
    "Status",
    "User",
]
