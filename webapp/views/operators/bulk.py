"""Bulk jobs: confirm, create, watch and stop them. The worker does the work."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.services.authority import SignInTooOld
from webapp.services.operators import audit_search, bulk, bulk_order, list_query
from webapp.services.operators.bulk import Job, Shown
from webapp.services.operators.bulk_order import Confirmed, Preview, Selection, UnreadableFilters
from webapp.services.runtime import Runtime
from webapp.views.http.guards import operator
from webapp.views.http.request_checks import MAX_URL
from webapp.views.http.runtime import runtime
from webapp.views.http.session import me
from webapp.views.http.signing_in import step_up
from webapp.views.operators import bulk_texts
from webapp.views.operators.bulk_texts import Orderer

blueprint = Blueprint("bulk", __name__, url_prefix="/operators")

#: A page of the list shows fifty.
MAX_PICKED = 100
#: Seconds after which the page of a running job reloads.
RELOAD_AFTER = 3
#: The largest item ID that both databases can compare.
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_JOB = re.compile(r"[A-Za-z0-9_-]{12,32}")
#: The parameters of a request for all matches; a filter beside them would be ignored.
_OF_ALL = ("all", "query", "confirm", "job", "count", "at", "ids", "typed", "csrf_token")
#: How many names of filters that can't be read are shown, and how many characters of each.
_MAX_NAMED, _MAX_LETTERS = 5, 30


@dataclass(frozen=True)
class BulkRequest:
    """A refresh or disconnect of some connections: selected ones, all matches, or failed ones."""

    act: str
    #: The list's filters, as in its address.
    query: str
    everything: bool
    open_ids: tuple[str, ...]
    #: The job whose failed connections are meant.
    failed_of: str = ""
    #: Names of what can't be read, if that decides which connections are meant.
    ignored: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return True if nothing was selected."""
        return not (self.everything or self.open_ids or self.failed_of)

    @property
    def selection(self) -> Selection:
        """Return the connections that are meant."""
        picked = None if self.everything or self.failed_of else self.open_ids
        return Selection(self.query, picked, self.failed_of)

    @property
    def page(self) -> str:
        """Return the address of the confirmation page; empty if it would be too long."""
        params: list[tuple[str, str]] = [("id", each) for each in self.open_ids]
        params += [("all", "1")] if self.everything else []
        params += [("failed_of", self.failed_of)] if self.failed_of else []
        params += [("query", self.query)] if self.query else []
        address = f"{url_for(f'bulk.{self.act}')}?{urlencode(params)}"
        return address if len(address) <= MAX_URL else ""

    def choices(self, runtime: Runtime) -> str:
        """Return the query of the confirmation page with row IDs, which fit into a cookie."""
        rows = ".".join(map(str, bulk_order.ids_of(runtime, self.open_ids)))
        params = {"rows": rows, "all": "1" if self.everything else "", "query": self.query}
        params["failed_of"] = self.failed_of
        return urlencode({name: value for name, value in params.items() if value})


@blueprint.route("/tokens/refresh", methods=["GET", "POST"])
@operator
def refresh() -> Response:
    """Confirm refreshing many connections, then create the job."""
    return _requested("refresh")


@blueprint.route("/tokens/disconnect", methods=["GET", "POST"])
@operator
def disconnect() -> Response:
    """Confirm disconnecting many connections, then create the job."""
    return _requested("disconnect")


@blueprint.get("/bulk")
@operator
def index() -> str:
    """List the bulk jobs, newest first."""
    after = request.args.get("after")
    found, next_key = bulk.jobs_page(runtime(), after)
    by = _orderers(found)
    rows = [(job, bulk_texts.title(job), bulk_texts.job_tag(job), by[job.id]) for job in found]
    facts = {"rows": rows, "next_key": next_key, "later": after is not None}
    return render_template("operators/bulk_jobs.html", verdict=bulk_texts.verdict, **facts)


@blueprint.get("/bulk/<job_id>")
@operator
def show(job_id: str) -> Response:
    """Show a job's progress; the page of a running job reloads itself, except with `?still`."""
    job = bulk.find_job(runtime(), job_id)
    if job is None:
        abort(404)
    number = request.args.get("after", "")
    after = int(number) if _NUMBER.fullmatch(number) else 0
    shown = Shown.ALL if request.args.get("show") == Shown.ALL else Shown.PROBLEMS
    items, next_key = bulk.items(job.id, shown, after)
    still = "still" in request.args
    page = render_template(
        "operators/bulk_job.html",
        by=_orderers([job])[job.id],
        left=bulk_texts.duration_text(job.left / bulk.current_rate(runtime())),
        under_way=bulk.under_way(job.id) if job.stopped_at and job.ended_at is None else 0,
        obstacle=bulk.obstacle(runtime(), job),
        items=bulk_texts.item_lines(job, items),
        shown=shown.value,
        later=after > 0,
        next_key=next_key,
        still=still,
        back=list_page(clean_query(job.query)),
        **bulk_texts.job_texts(job, bulk.causes(job.id)),
    )
    response = make_response(page)
    if job.ended_at is None and not still:
        response.headers["Refresh"] = str(RELOAD_AFTER)
    return response


def _orderers(jobs: Sequence[Job]) -> dict[str, Orderer]:
    """Return who ordered each of these jobs, by job ID."""
    people = audit_search.people_of(runtime(), {job.actor for job in jobs if job.actor})
    own = me().ref.ticket
    return {job.id: bulk_texts.orderer(job.actor, people, own) for job in jobs}


@blueprint.post("/bulk/<job_id>/stop")
@operator
def stop(job_id: str) -> Response:
    """Stop a job: no more of its requests are sent."""
    done = bulk.stop_job(runtime(), job_id)
    if done is None:
        abort(404)
    flash(bulk_texts.stopped_text(done), "ok" if done.stopped else "info")
    return redirect(url_for("bulk.show", job_id=job_id), 303)


def _requested(act: str) -> Response:
    asked = parse_request(act, request.values)
    if asked.ignored:
        return _back(asked, bulk_texts.unreadable_text(asked.ignored))
    if asked.is_empty:
        return _back(asked, _("Select at least one connection first."))
    if request.method == "POST" and request.form.get("confirm") == "1":
        return _create(asked)
    if request.method == "POST":
        # The page has its own address, so Reload and Back don't send anything twice.
        return (
            redirect(asked.page, 303) if asked.page else _back(asked, _("Select fewer at a time."))
        )
    return _confirm(asked)


def _create(asked: BulkRequest) -> Response:
    """Create the job if what was shown is still so; pressing twice creates it once."""
    job_id, count = request.form.get("job", ""), _number("count")
    ids = _number("ids") if asked.everything and asked.act == "disconnect" else None
    tickets = tuple(request.form.getlist("ticket")) or None
    confirmed = Confirmed(count, _shown_at(), tickets, ids)
    typed = request.form.get("typed", "").strip()[:20]
    is_whole = ids is not None or not (asked.everything and asked.act == "disconnect")
    if not asked.open_ids and (count is None or confirmed.at is None or not is_whole):
        # The form of no page of ours: nobody has seen which connections match.
        return _confirm(asked, has_changed=True)
    to_type = count if count is not None else len(asked.open_ids)
    is_typed = to_type < 2 or re.sub(r"[\s,.'’]", "", typed) == str(to_type)
    if asked.act == "disconnect" and not is_typed:
        return _confirm(asked, typed=typed, is_wrong=True)
    try:
        bulk_order.create_job(runtime(), job_id, asked.act, asked.selection, confirmed)
    except bulk_order.NotAJob:
        abort(400)
    except bulk_order.HasChanged:
        return _confirm(asked, has_changed=True)
    except bulk_order.NothingLeft:
        return _back(asked, _("None of these connections exist anymore."))
    except SignInTooOld:
        return step_up.sign_in_again(asked.act, asked.choices(runtime()))
    return redirect(url_for("bulk.show", job_id=job_id), 303)


def _number(name: str) -> int | None:
    """Return a number of the form; None if it isn't there or isn't one."""
    text = request.form.get(name, "")
    return int(text) if _NUMBER.fullmatch(text) else None


def _shown_at() -> datetime | None:
    """Return when the confirmation page was made; None if the form doesn't say."""
    try:
        return datetime.fromisoformat(request.form.get("at", "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _confirm(
    asked: BulkRequest, *, typed: str = "", is_wrong: bool = False, has_changed: bool = False
) -> Response:
    """Return the confirmation page, which asks again if something was wrong."""
    shown = bulk_order.preview(runtime(), asked.act, asked.selection)
    if not shown.size.count:
        return _back(asked, _("None of these connections exist anymore."))
    problem = bulk_texts.type_text(shown.size.count) if is_wrong else None
    again = {"typed": typed, "problem": problem, "has_changed": has_changed}
    page = render_template("operators/bulk_confirm.html", **_facts(asked, shown) | again)
    return make_response(page, 422 if is_wrong else 409 if has_changed else 200)


def _facts(asked: BulkRequest, shown: Preview) -> dict[str, Any]:
    """Return the context of the confirmation page."""
    rate, size = bulk.current_rate(runtime()), shown.size
    recent = shown.recent
    return {
        "asked": asked,
        "count": size.count,
        "ids": size.sum_of_ids if asked.everything and asked.act == "disconnect" else None,
        "at": shown.at.isoformat(),
        "tickets": shown.tickets,
        "named": bulk_texts.named(shown.rows),
        "nothing": size.skipped == size.count,
        "skipped": bulk_texts.skipped_texts(size.by_reason),
        "recent": recent,
        "recent_by": _orderers([recent])[recent.id] if recent else None,
        "job_id": secrets.token_urlsafe(12),
        "takes": bulk_texts.duration_text((size.count - size.skipped) / rate),
        "budget": bulk_texts.rate_text(rate),
        "to_type": asked.act == "disconnect" and size.count > 1,
        "back": list_page(asked.query),
    }


def _back(asked: BulkRequest, message: str) -> Response:
    flash(message, "warn")
    return redirect(list_page(asked.query), 303)


def parse_request(act: str, params: "MultiDict[str, str]") -> BulkRequest:
    """Return the bulk request in a query or form.

    For selected connections the filters only lead back to the list. For all matches they decide who
    is meant, so whatever can't be read is named in `ignored`.
    """
    everything = params.get("all") == "1"
    ignored: tuple[str, ...] = ()
    try:
        query = list_query.query_string(bulk_order.read_filters(params.get("query", "")))
    except UnreadableFilters as error:
        query, ignored = list_query.query_string(error.readable), error.ignored
    if everything:
        twice = [name for name in params if len(params.getlist(name)) > 1]
        unknown = [name for name in params if name not in _OF_ALL]
        ignored = tuple(dict.fromkeys([*ignored, *twice, *unknown]))
        return BulkRequest(act, query, True, (), ignored=_shown_names(ignored))
    failed_of = params.get("failed_of", "")
    if _JOB.fullmatch(failed_of):
        return BulkRequest(act, "", False, (), failed_of)
    ids = params.getlist("id") or _open_ids(params.get("rows", ""))
    return BulkRequest(act, query, False, tuple(dict.fromkeys(ids))[:MAX_PICKED])


def _shown_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of parameters as they can be shown: not many, and short."""
    printable = ("".join(char if char.isprintable() else " " for char in name) for name in names)
    return tuple(name[:_MAX_LETTERS].strip() or "?" for name in printable)[:_MAX_NAMED]


def _open_ids(rows: str) -> Sequence[str]:
    """Return the connections of the row IDs in `BulkRequest.choices`."""
    numbers = [int(each) for each in rows.split(".")[:MAX_PICKED] if _NUMBER.fullmatch(each)]
    return bulk_order.open_ids_of(runtime(), numbers) if numbers else ()


def clean_query(text: str) -> str:
    """Return the list's filters in their canonical form, without unknown ones."""
    return list_query.query_string(list_query.parse_string(text))


def list_page(filters: str) -> str:
    """Return the address of the list with these filters, which `clean_query` returned."""
    address = url_for("operators.tokens")
    return f"{address}?{filters}" if filters else address
