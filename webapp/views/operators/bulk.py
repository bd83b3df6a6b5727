"""Bulk jobs: confirm, create, watch and stop them. The worker does the work."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
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
from webapp.services.operators import bulk, list_query
from webapp.services.operators.bulk import JobSize
from webapp.services.runtime import Runtime
from webapp.views.http.guards import operator
from webapp.views.http.request_checks import MAX_URL
from webapp.views.http.runtime import runtime
from webapp.views.http.signing_in import step_up
from webapp.views.operators import bulk_texts

blueprint = Blueprint("bulk", __name__, url_prefix="/operators")

#: A page of the list shows fifty.
MAX_PICKED = 100
#: Seconds after which the page of a running job reloads.
RELOAD_AFTER = 3
_MAX_QUERY = 1000
#: The largest item ID that both databases can compare.
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class BulkRequest:
    """A refresh or disconnect of the selected connections, or of all that match the filters."""

    act: str
    #: The list's filters, as in its address.
    query: str
    everything: bool
    open_ids: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Return True if nothing was selected."""
        return not self.everything and not self.open_ids

    @property
    def picked(self) -> tuple[str, ...] | None:
        """Return the selected connections; None: all that match."""
        return None if self.everything else self.open_ids

    @property
    def page(self) -> str:
        """Return the address of the confirmation page; empty if it would be too long."""
        params: list[tuple[str, str]] = [("id", each) for each in self.open_ids]
        params += [("all", "1")] if self.everything else []
        params += [("query", self.query)] if self.query else []
        address = f"{url_for(f'bulk.{self.act}')}?{urlencode(params)}"
        return address if len(address) <= MAX_URL else ""

    def choices(self, runtime: Runtime) -> str:
        """Return the query of the confirmation page with row IDs, which fit into a cookie."""
        rows = ".".join(map(str, bulk.ids_of(runtime, self.open_ids)))
        params = {"rows": rows, "all": "1" if self.everything else "", "query": self.query}
        return urlencode({name: value for name, value in params.items() if value})

    def size(self, runtime: Runtime) -> JobSize:
        """Return how many connections it affects."""
        return bulk.size_of(runtime, self.act, self.query, self.picked)


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
    rows = [(job, bulk_texts.title(job), bulk_texts.state_tag(job)) for job in found]
    facts = {"rows": rows, "next_key": next_key, "later": after is not None}
    return render_template("operators/bulk_jobs.html", progress=bulk_texts.progress, **facts)


@blueprint.get("/bulk/<job_id>")
@operator
def show(job_id: str) -> Response:
    """Show a job's progress; the page of a running job reloads itself, except with `?still`."""
    job = bulk.find_job(runtime(), job_id)
    if job is None:
        abort(404)
    number = request.args.get("after", "")
    after = int(number) if _NUMBER.fullmatch(number) else 0
    problems, next_key = bulk.problems(job.id, after)
    still = "still" in request.args
    page = render_template(
        "operators/bulk_job.html",
        job=job,
        title=bulk_texts.title(job),
        state=bulk_texts.state_tag(job),
        progress=bulk_texts.progress(job),
        left=bulk_texts.duration_text(job.left / bulk.current_rate(runtime())),
        obstacle=bulk.obstacle(runtime(), job),
        problems=[(each, bulk_texts.problem_text(job.act, each)) for each in problems],
        later=after > 0,
        next_key=next_key,
        still=still,
        back=list_page(clean_query(job.query)),
    )
    response = make_response(page)
    if job.ended_at is None and not still:
        response.headers["Refresh"] = str(RELOAD_AFTER)
    return response


@blueprint.post("/bulk/<job_id>/stop")
@operator
def stop(job_id: str) -> Response:
    """Stop a job: no more of its requests are sent."""
    if not bulk.stop_job(runtime(), job_id):
        abort(404)
    flash(_("Stopped. Requests already sent will complete; no more will be sent."), "ok")
    return redirect(url_for("bulk.show", job_id=job_id), 303)


def _requested(act: str) -> Response:
    asked = parse_request(act, request.values)
    if asked.is_empty:
        return _back(asked, _("Select at least one connection first."))
    if request.method == "POST" and request.form.get("confirm") != "1":
        # The page has its own address, so Reload and Back don't send anything twice.
        return (
            redirect(asked.page, 303) if asked.page else _back(asked, _("Select fewer at a time."))
        )
    size = asked.size(runtime())
    if not size.count:
        return _back(asked, _("None of these connections exist anymore."))
    return _confirm(asked, size) if request.method == "GET" else _create(asked, size)


def _create(asked: BulkRequest, size: JobSize) -> Response:
    """Create the job if the count was typed as required; pressing twice creates it once."""
    shown, job_id = request.form.get("count", ""), request.form.get("job", "")
    count = int(shown) if _NUMBER.fullmatch(shown) else size.count
    typed = request.form.get("typed", "").strip()[:20]
    if asked.act == "disconnect" and count > 1 and re.sub(r"[\s,.'’]", "", typed) != str(count):
        return _confirm(asked, size, typed=typed, is_wrong=True)
    try:
        bulk.create_job(runtime(), job_id, asked.act, asked.query, asked.picked, count)
    except bulk.NotAJob:
        abort(400)
    except SignInTooOld:
        return step_up.sign_in_again(asked.act, asked.choices(runtime()))
    return redirect(url_for("bulk.show", job_id=job_id), 303)


def _confirm(
    asked: BulkRequest, size: JobSize, *, typed: str = "", is_wrong: bool = False
) -> Response:
    rate = bulk.current_rate(runtime())
    # Without digit grouping, as the page shows it.
    problem = _("Type %(count)s, the number of connections.", count=str(size.count))
    page = render_template(
        "operators/bulk_confirm.html",
        asked=asked,
        count=size.count,
        skipped=size.skipped,
        job_id=secrets.token_urlsafe(12),
        takes=bulk_texts.duration_text((size.count - size.skipped) / rate),
        budget=bulk_texts.rate_text(rate),
        to_type=asked.act == "disconnect" and size.count > 1,
        typed=typed,
        problem=problem if is_wrong else None,
        back=list_page(asked.query),
    )
    return make_response(page, 422 if is_wrong else 200)


def _back(asked: BulkRequest, message: str) -> Response:
    flash(message, "warn")
    return redirect(list_page(asked.query), 303)


def parse_request(act: str, params: "MultiDict[str, str]") -> BulkRequest:
    """Return the bulk request in a query or form."""
    everything = params.get("all") == "1"
    ids = params.getlist("id") or _open_ids(params.get("rows", ""))
    picked = () if everything else tuple(dict.fromkeys(ids))[:MAX_PICKED]
    return BulkRequest(act, clean_query(params.get("query", "")), everything, picked)


def _open_ids(rows: str) -> Sequence[str]:
    """Return the connections of the row IDs in `BulkRequest.choices`."""
    numbers = [int(each) for each in rows.split(".")[:MAX_PICKED] if _NUMBER.fullmatch(each)]
    return bulk.open_ids_of(runtime(), numbers) if numbers else ()


def clean_query(text: str) -> str:
    """Return the list's filters in their canonical form, without unknown ones."""
    return list_query.query_string(list_query.parse_string(text)) if len(text) <= _MAX_QUERY else ""


def list_page(filters: str) -> str:
    """Return the address of the list with these filters, which `clean_query` returned."""
    address = url_for("operators.tokens")
    return f"{address}?{filters}" if filters else address
