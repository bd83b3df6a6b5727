"""The tables, one a file; they hold rows and answer questions about themselves, never commit."""

from webapp.models.session import BrowserSession
from webapp.models.spent_state import SpentState
from webapp.models.user import Health, Status, User

__all__ = ["BrowserSession", "Health", "SpentState", "Status", "User"]
