"""What an audit event says, in a sentence whose subject is who did it."""

from collections.abc import Mapping

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.connect.disconnect import NOTHING_HELD
from webapp.services.records.audit import Field

#: Event → what it is about, for the filter; also its sentence, if it has no other.
_TITLES = {
    "account.exported": N_("Downloaded their own data"),
    "account.signed_out_everywhere": N_("Signed out everywhere"),
    "account.signed_out_one": N_("Signed out one device"),
    "account.signed_out_others": N_("Signed out all other devices"),
    "audit.exported": N_("Downloaded the audit log"),
    "breaker.closed": N_("Resumed refreshes"),
    "breaker.opened": N_("Paused all refreshes"),
    "breaker.probed": N_("Tested whether refreshes work again"),
    "bulk.ended": N_("Finished a bulk job"),
    "bulk.ordered": N_("Requested a bulk job"),
    "bulk.stopped": N_("Stopped a bulk job"),
    "connection.connected": N_("Connected or signed in"),
    "connection.deauthorized": N_("Reported that access was removed"),
    "connection.deleted": N_("Deleted the account"),
    "connection.disconnect_ordered": N_("Asked to disconnect"),
    "connection.handed_out": N_("Got the access token"),
    "connection.not_made": N_("Went to TikTok without connecting"),
    "connection.reconnect_required": N_("Found that the person must reconnect"),
    "connection.refresh_failed": N_("Tried to renew access, but it didn't work"),
    "connection.refreshed": N_("Renewed access"),
    "connection.revoked": N_("Disconnected"),
    "connection.tested": N_("Tested access"),
    "connections.exported": N_("Downloaded the list of connections"),
    "database.adopted": N_("Tied the database to this installation"),
    "database.copied": N_("Copied the database"),
    "key.issued": N_("Issued a service key"),
    "key.revoked": N_("Revoked a service key"),
    "notice.retried": N_("Had notifications sent again"),
    "operator.added": N_("Made this person an operator"),
    "operator.removed": N_("Removed operator access from this person"),
    "tokens.rescued": N_("Stored the responses from the rescue file"),
    "tokens.resealed": N_("Re-encrypted the stored tokens"),
}
#: Event and case → a sentence that says more.
_SENTENCES = {
    ("bulk.ordered", "refresh"): N_("Requested a bulk refresh"),
    ("bulk.ordered", "disconnect"): N_("Requested a bulk disconnect"),
    ("connection.connected", "again"): N_("Reconnected TikTok"),
    ("connection.connected", "new"): N_("Connected TikTok"),
    ("connection.connected", "returned"): N_("Signed in with TikTok"),
    ("connection.not_made", "denied"): N_("Went to TikTok and chose not to connect"),
    ("connection.revoked", "confirmed"): N_("Disconnected, TikTok confirmed"),
    ("connection.revoked", NOTHING_HELD): N_("Disconnected; no token was left to revoke"),
    ("connection.revoked", "unconfirmed"): N_("Disconnected here, TikTok didn't confirm"),
    ("connection.tested", "works"): N_("Tested access: it works"),
    ("connection.tested", "fails"): N_("Tested access: it doesn't work"),
    ("key.issued", "named"): N_("Issued the service key “%(name)s”"),
    ("key.revoked", "named"): N_("Revoked the service key “%(name)s”"),
}


def sentence(event: str, fields: Mapping[str, Field]) -> str:
    """Return what an event says; the name of the event if it has no words yet."""
    text = _SENTENCES.get((event, _case(event, fields)))
    if text is not None:
        return _(text, name=fields.get("name"))
    return title(event)


def title(event: str) -> str:
    """Return what events of this name are about."""
    return _(_TITLES[event]) if event in _TITLES else event


def _case(event: str, fields: Mapping[str, Field]) -> str:
    """Return the case that selects a sentence of an event."""
    match event:
        case "bulk.ordered":
            return str(fields.get("act"))
        case "connection.connected":
            return str(fields.get("kind"))
        case "connection.not_made":
            return str(fields.get("cause"))
        case "connection.revoked" if fields.get("code") == NOTHING_HELD:
            return NOTHING_HELD
        case "connection.revoked":
            return "confirmed" if fields.get("confirmed") else "unconfirmed"
        case "connection.tested":
            return "works" if fields.get("works") else "fails"
        case "key.issued" | "key.revoked" if fields.get("name"):
            return "named"
    return ""
