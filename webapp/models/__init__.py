"""The tables, one in each file; nothing here commits."""

from webapp.models.audit_event import AuditChain, AuditEvent
from webapp.models.brakes import Brakes
from webapp.models.bulk import BulkItem, BulkJob, ItemState
from webapp.models.figure import Figure
from webapp.models.headcount import Headcount
from webapp.models.installation import Installation
from webapp.models.name_word import NameWord
from webapp.models.notification import Notification
from webapp.models.service_key import ServiceKey
from webapp.models.service_use import ServiceUse
from webapp.models.session import BrowserSession
from webapp.models.spent_state import SpentState
from webapp.models.user import Health, PersonRef, Reason, Status, User

__all__ = [
    "AuditChain",
    "AuditEvent",
    "Brakes",
    "BrowserSession",
    "BulkItem",
    "BulkJob",
    "Figure",
    "Headcount",
    "Health",
    "Installation",
    "ItemState",
    "NameWord",
    "Notification",
    "PersonRef",
    "Reason",
    "ServiceKey",
    "ServiceUse",
    "SpentState",
    "Status",
    "User",
]
