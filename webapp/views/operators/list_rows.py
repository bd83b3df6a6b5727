"""The rows of the page of connections: made here, because templates take much longer.

The page has the HTML of a row, with gaps for its texts, which are escaped here, each once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from flask import url_for
from markupsafe import Markup, escape

from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.operators.list_pages import Row
from webapp.services.operators.list_query import State
from webapp.views.http.ending_texts import ending
from webapp.views.http.template_filters import Tag, display_name, state_tag, when
from webapp.views.operators.connection_texts import NO_ANSWER, code_text

NOTHING = "–"
#: The labels of the cells on small screens. Each is also the name of its gap.
LABELS = (
    *(N_("Select"), N_("Status"), N_("Access expires"), N_("Reconnect by")),
    *(N_("Permissions"), N_("Last used")),
)
#: What can be done with a row, as classes; otherwise it can be refreshed and disconnected.
_CAN = {State.RECONNECT: " kept", State.REVOKED: ""}
#: Gap → HTML.
Line = Mapping[str, str]


def fill(lines: Sequence[Line], row: Markup) -> Markup:
    """Return the HTML of all rows; `row` is that of one, with gaps such as %(name)s."""
    # The texts of the lines are escaped. As markup, `row` would escape them again.
    plain = str(row)
    return Markup("".join([plain % line for line in lines]))  # noqa: S704  # as above


def lines(rows: Sequence[Row], now: datetime, listed: str = "") -> list[Line]:
    """Return the rows as HTML in the current language. Needs a request context.

    `listed`: the query string of the list, which leads back to this page of it.
    """
    labels = {label: escape(_(label)) for label in LABELS}
    words = {state: state_tag(state) for state in State}
    reasons = {row.user.reason for row in rows}
    because = {reason: ending(reason).because if reason else "" for reason in reasons}
    # Flask takes long to build an address, and they differ only at their ends.
    base = url_for("connection.show", open_id="-").removesuffix("-")
    never = f'<span class="muted">{escape(_("never"))}</span>'

    def line(index: int, row: Row) -> Line:
        user, over = row.user, row.state in (State.RECONNECT, State.REVOKED)
        tag = state_tag(row.state, user, now) if row.state is State.SOON else words[row.state]
        name, open_id = escape(display_name(user.display_name)), escape(user.open_id)
        return {
            **labels,
            "index": str(index),
            "can": _CAN.get(row.state, " live kept"),
            "label": _("Select %(name)s, %(ticket)s", name=name, ticket=escape(user.ticket)),
            "ticket": escape(user.ticket),
            "open_id": open_id,
            "address": escape(base + quote(user.open_id, safe="!$&'()*+,/:;=@") + listed),
            "name": name,
            "status": _tag_html(tag) + _after_tag(row, because[user.reason]),
            # A small screen has room for one of the two.
            "if_alive": "least" if over else "line",
            "if_over": "line" if over else "least",
            "expires": NOTHING if over else when(user.access_expires_at, now),
            "reconnect_by": NOTHING if over else _reconnect_by(row, now),
            "permissions": NOTHING if over else _permissions(row),
            "last_used": when(user.last_used_at, now) if user.last_used_at else never,
        }

    return [line(index, row) for index, row in enumerate(rows, 1)]


def _tag_html(tag: Tag) -> str:
    # Only states that need attention stand out.
    quiet = " quiet" if tag.kind == "ok" else ""
    return f'<span class="tag {tag.kind}{quiet}">{escape(tag.word)}</span>'


def _after_tag(row: Row, because: str) -> str:
    """Return how often a connection has failed and what was wrong, or why it ended."""
    user, hint = row.user, ""
    if row.state is not State.FAILING:
        hint = str(escape(because))
    else:
        hint = ngettext("%(num)s attempt", "%(num)s attempts", user.failures)
    if row.state is State.FAILING and user.last_error:
        hint = f"{escape(_short(user.last_error))} · {hint}"
    return f' <span class="hint">{hint}</span>' if hint else ""


def _short(code: str) -> str:
    """Return the last error in few words, so a row needs two lines; its page says more."""
    return code_text(code) if code in NO_ANSWER else _("TikTok: %(code)s", code=code)


def _reconnect_by(row: Row, now: datetime) -> str:
    text = when(row.user.refresh_expires_at, now, by_day=True)
    return f'<span class="tag warn">{text}</span>' if row.grant_ending else text


def _permissions(row: Row) -> str:
    user, asked = row.user, row.user.asked
    text = _("%(granted)s of %(asked)s", granted=len(user.granted & asked), asked=len(asked))
    return escape(text)
