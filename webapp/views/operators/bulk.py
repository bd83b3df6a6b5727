"""What an operator asks for many connections, read from a form or an address; orders nothing.

Work on many connections, for operators: confirmed first, then watched; the worker does it.
"""

import re
import secrets
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
from webapp.services.operators import bulk
from webapp.services.operators.bulk import JobSize
from webapp.services.runtime import Runtime
from webapp.views.http.guards import operator
from webapp.views.http.request_checks import MAX_URL
from webapp.views.http.runtime import runtime
from webapp.views.operators import bulk_texts, list_address

#: The list shows fifty on a page.
MAX_PICKED = 100
_LONGEST_QUERY = 1000


@dataclass(frozen=True)
class BulkRequest:
    """An act on the connections that were picked, or on all that the list's filters match."""

    act: str
    #: The filters of the list, as they stand in its address.
    query: str
    everything: bool
    open_ids: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was picked."""
        return not self.everything and not self.open_ids

    @property
    def page(self) -> str:
        """Return the address of its confirmation page; empty if that would be too long."""
        asked: list[tuple[str, str]] = [("id", each) for each in self.open_ids]
        asked += [("all", "1")] if self.everything else []
        asked += [("query", self.query)] if self.query else []
        address = f"{url_for(f'bulk.{self.act}')}?{urlencode(asked)}"
        return address if len(address) <= MAX_URL else ""

    def scale(self, runtime: Runtime) -> JobSize:
        """Return how many connections it is about."""
        if self.everything:
            return bulk.size_of_all(runtime, self.act, self.query, runtime.clock())
        return bulk.size_of_picked(runtime, self.act, self.open_ids)


def parse_request(act: str, sent: "MultiDict[str, str]") -> BulkRequest:
    """Return what was sent."""
    everything = sent.get("all") == "1"
    picked = () if everything else tuple(dict.fromkeys(sent.getlist("id")))[:MAX_PICKED]
    return BulkRequest(act, clean_query(sent.get("query", "")), everything, picked)


def clean_query(text: str) -> str:
    """Return the filters of the list as it writes them itself; what it does not know is dropped."""
    return (
        list_address.canonical(list_address.parse_string(text))
        if len(text) <= _LONGEST_QUERY
        else ""
    )


def list_page(filters: str) -> str:
    """Return the address of the list under these filters, as `clean` returns them."""
    address = url_for("operators.tokens")
    return f"{address}?{filters}" if filters else address


blueprint = Blueprint("bulk", __name__, url_prefix="/operators")

#: Seconds after which the page of a running job asks for itself again.
AGAIN = 3
#: The largest id of an item that both databases compare with.
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


@blueprint.route("/tokens/refresh", methods=["GET", "POST"])
@operator
def refresh() -> Response:
    """Ask before refreshing many, then order it."""
    return _requested("refresh")


@blueprint.route("/tokens/disconnect", methods=["GET", "POST"])
@operator
def disconnect() -> Response:
    """Ask before disconnecting many, then order it."""
    return _requested("disconnect")


@blueprint.get("/bulk")
@operator
def index() -> str:
    """List what was ordered, newest first."""
    after = request.args.get("after")
    found, next_key = bulk.jobs_page(runtime(), after)
    rows = [(job, bulk_texts.title(job), bulk_texts.state_tag(job)) for job in found]
    facts = {"rows": rows, "next_key": next_key, "later": after is not None}
    return render_template("operators/bulk_jobs.html", progress=bulk_texts.progress, **facts)


@blueprint.get("/bulk/<job_id>")
@operator
def show(job_id: str) -> Response:
    """Show how far a job is; while it runs the page renews itself, unless it is told not to."""
    ours = runtime()
    job = bulk.find_job(ours, job_id)
    if job is None:
        abort(404)
    number = request.args.get("after", "")
    after = int(number) if _NUMBER.fullmatch(number) else 0
    wrongs, next_key = bulk.problems(job.id, after)
    still = "still" in request.args
    page = render_template(
        "operators/bulk_job.html",
        job=job,
        title=bulk_texts.title(job),
        standing=bulk_texts.state_tag(job),
        progress=bulk_texts.progress(job),
        left=bulk_texts.duration_text(job.left / bulk.current_rate(ours)),
        hindrance=bulk.obstacle(ours, job),
        wrongs=[(each, bulk_texts.problem_text(job.act, each), _page_of(each)) for each in wrongs],
        later=after > 0,
        next_key=next_key,
        still=still,
        back=list_page(clean_query(job.query)),
    )
    answer = make_response(page)
    if job.ended_at is None and not still:
        answer.headers["Refresh"] = str(AGAIN)
    return answer


@blueprint.post("/bulk/<job_id>/stop")
@operator
def stop(job_id: str) -> Response:
    """Let nothing more of a job be sent."""
    if not bulk.stop_job(runtime(), job_id):
        abort(404)
    flash(_("Stopped. Requests already sent will complete; no more will be sent."), "ok")
    return redirect(url_for("bulk.show", job_id=job_id), 303)


def _requested(act: str) -> Response:
    wish = parse_request(act, request.values)
    if wish.is_empty:
        return _back(wish, _("Select at least one connection first."))
    if request.method == "POST" and request.form.get("confirm") != "1":
        # The page has an address of its own, so that Reload and Back send nothing twice.
        return redirect(wish.page, 303) if wish.page else _back(wish, _("Select fewer at a time."))
    scale = wish.scale(runtime())
    if not scale.count:
        return _back(wish, _("None of these connections exist anymore."))
    return _confirm(wish, scale) if request.method == "GET" else _create(wish, scale)


def _create(wish: BulkRequest, scale: JobSize) -> Response:
    """Order it, if what had to be typed was typed; a second press leads to the same job."""
    shown, job_id = request.form.get("count", ""), request.form.get("job", "")
    count = int(shown) if _NUMBER.fullmatch(shown) else scale.count
    typed = request.form.get("typed", "").strip()[:20]
    if wish.act == "disconnect" and count > 1 and re.sub(r"[\s,.'’]", "", typed) != str(count):
        return _confirm(wish, scale, typed=typed, is_wrong=True)
    try:
        if wish.everything:
            bulk.create_for_all(runtime(), job_id, wish.act, wish.query, count)
        else:
            bulk.create_for_picked(runtime(), job_id, wish.act, wish.query, wish.open_ids)
    except bulk.NotAJob:
        abort(400)
    return redirect(url_for("bulk.show", job_id=job_id), 303)


def _confirm(
    wish: BulkRequest, scale: JobSize, *, typed: str = "", is_wrong: bool = False
) -> Response:
    rate = bulk.current_rate(runtime())
    page = render_template(
        "operators/bulk_confirm.html",
        wish=wish,
        count=scale.count,
        skipped=scale.skipped,
        job_id=secrets.token_urlsafe(12),
        takes=bulk_texts.duration_text((scale.count - scale.skipped) / rate),
        budget=bulk_texts.rate_text(rate),
        to_type=wish.act == "disconnect" and scale.count > 1,
        typed=typed,
        problem=_problem(scale.count) if is_wrong else None,
        back=list_page(wish.query),
    )
    return make_response(page, 422 if is_wrong else 200)


def _problem(count: int) -> str:
    # As digits alone, as the page shows what is to be typed.
    return _("Type %(count)s, the number of connections.", count=str(count))


def _back(wish: BulkRequest, words: str) -> Response:
    flash(words, "warn")
    return redirect(list_page(wish.query), 303)


def _page_of(wrong: bulk.ItemProblem) -> str | None:
    """Return the address of a connection's own page; None if its person is deleted."""
    if wrong.open_id is None:
        return None
    return url_for("connection.show", open_id=wrong.open_id)
