"""The user info and video list endpoints, with TikTok's error codes."""

from collections.abc import Collection

from flask import Blueprint, Response, request

from sandbox.people import VIDEO_FIELDS, Person, union_id_of
from sandbox.responses import log_id
from sandbox.runtime import Outcome, failure, runtime, serve
from sandbox.scopes import USER_FIELDS
from sandbox.store import Grant, Refused

blueprint = Blueprint("profile_and_videos", __name__)

LARGEST_PAGE = 20  # videos
DEFAULT_PAGE = 10  # videos


@blueprint.get("/v2/user/info/")
def user_info() -> Response:
    """Return the requested profile fields of the token's owner (TikTok: Get User Info)."""
    return serve("user_info", lambda: _outcome("user_info"))


@blueprint.post("/v2/video/list/")
def video_list() -> Response:
    """Return a page of videos of the token's owner, newest first (TikTok: List Videos).

    `cursor` is a UTC time in milliseconds: the page holds videos older than that.
    """
    return serve("video_list", lambda: _outcome("video_list"))


def _outcome(endpoint: str) -> Outcome:
    try:
        person, grant = _owner()
        work = _user if endpoint == "user_info" else _videos
        contents = work(person, grant)
    except Refused as refusal:
        return failure(endpoint, refusal.code, refusal.description)
    return Outcome({"data": contents, "error": {"code": "ok", "message": "", "log_id": log_id()}})


def _owner() -> tuple[Person, Grant]:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        raise Refused("access_token_invalid", "The access token is missing.")
    return runtime().store.owner(token)


def _user(person: Person, grant: Grant) -> dict[str, object]:
    fields = _fields(USER_FIELDS)
    uncovered = [name for name in fields if USER_FIELDS[name] not in grant.scopes]
    if uncovered:
        raise Refused("scope_not_authorized", f"Not authorized: {', '.join(uncovered)}.")
    profile = person.profile(grant.open_id, union_id_of(person.name))
    return {"user": {name: profile[name] for name in fields}}


def _videos(person: Person, grant: Grant) -> dict[str, object]:
    fields = _fields(VIDEO_FIELDS)
    if "video.list" not in grant.scopes:
        raise Refused("scope_not_authorized", "Not authorized: video.list.")
    size, cursor = _page()
    older = [
        video
        for video in person.videos()
        if cursor is None or int(str(video["create_time"])) * 1000 < cursor
    ]
    page = older[:size]
    last = int(str(page[-1]["create_time"])) * 1000 if page else cursor or 0
    return {
        "videos": [{name: video[name] for name in fields} for video in page],
        "cursor": last,
        "has_more": len(older) > size,
    }


def _fields(known: Collection[str]) -> list[str]:
    given = request.args.getlist("fields")
    names = given[0].split(",") if len(given) == 1 else []
    unknown = [name for name in names if name not in known]
    if not names or unknown:
        raise Refused("invalid_params", f"fields is missing or unknown: {unknown!r:.100}.")
    return names


def _page() -> tuple[int, int | None]:
    body = request.get_json(silent=True)
    if request.mimetype != "application/json" or not isinstance(body, dict):
        raise Refused("invalid_params", "The body must be a JSON object.")
    size, cursor = body.get("max_count", DEFAULT_PAGE), body.get("cursor")
    if set(body) - {"max_count", "cursor"}:
        raise Refused("invalid_params", "Only max_count and cursor are accepted.")
    if type(size) is not int or not 1 <= size <= LARGEST_PAGE:
        raise Refused("invalid_params", "max_count must be from 1 to 20.")
    if "cursor" in body and (type(cursor) is not int or not 0 <= cursor < 2**63):
        raise Refused("invalid_params", "cursor must be a time in milliseconds.")
    return size, cursor
