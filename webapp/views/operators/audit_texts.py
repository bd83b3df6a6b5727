"""Texts for audit events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.operators.audit_search import Person
from webapp.views.http.template_filters import display_name
from webapp.views.operators.audit_sentences import sentence

#: Actors without a name of their own.
NAMELESS = {"worker": N_("the worker"), "tiktok": N_("TikTok"), "system": N_("the app")}


class Event(Protocol):
    """An audit event, as the service returns it."""

    at: datetime
    actor_kind: str
    actor: str
    address: str
    reference: str
    event: str
    ticket: str | None
    fields: str


@dataclass(frozen=True)
class NamedActor:
    """Who acted, or on whom, with a link to their page if there is one."""

    word: str
    #: Of the person's page; None if there is none.
    open_id: str | None = None
    #: The person acted as an operator.
    is_operator: bool = False
    #: The worker acted for this person.
    is_worker: bool = False


@dataclass(frozen=True)
class ShownEvent:
    """One event as the page shows it."""

    at: datetime
    who: NamedActor
    event: str
    on: NamedActor | None
    details: str
    address: str
    reference: str
    #: What happened, as a sentence.
    text: str
    #: The bulk job that it belongs to; empty if there is none.
    job: str = ""


def job_of(event: Event) -> str:
    """Return the ID of the bulk job that an event belongs to; empty if there is none."""
    if event.event.startswith("bulk."):
        return str(json.loads(event.fields).get("job", ""))
    return event.actor if event.actor_kind == "worker" else ""


def shown_event(
    event: Event, people: Mapping[str, Person], jobs: Mapping[str, str] | None = None
) -> ShownEvent:
    """Return an event for the page; `people` are those who still exist, by ticket.

    `jobs`: who ordered a bulk job, by its ID, for those that still exist.
    """
    jobs = jobs or {}
    job = job_of(event)
    return ShownEvent(
        event.at,
        _who(event.actor_kind, event.actor, people, jobs),
        event.event,
        _person(event.ticket, people) if event.ticket else None,
        _details(event.fields, but="job" if job in jobs else ""),
        event.address,
        event.reference,
        text=sentence(event.event, json.loads(event.fields)),
        job=job if job in jobs else "",
    )


def _who(kind: str, name: str, people: Mapping[str, Person], jobs: Mapping[str, str]) -> NamedActor:
    if kind == "worker" and jobs.get(name):
        return replace(_person(jobs[name], people), is_worker=True)
    if kind in NAMELESS:
        return NamedActor(_(NAMELESS[kind]))
    if kind == "service":
        return NamedActor(_("key %(name)s", name=name))
    if kind == "command":
        return NamedActor(_("command %(name)s", name=name))
    if not name:
        return NamedActor(_("someone not signed in"))
    return _person(name, people, is_operator=kind == "operator")


def _person(ticket: str, people: Mapping[str, Person], *, is_operator: bool = False) -> NamedActor:
    person = people.get(ticket)
    if person is None:
        return NamedActor(_("Deleted person %(ticket)s", ticket=ticket))
    return NamedActor(display_name(person.name), person.open_id, is_operator)


def _details(fields: str, but: str) -> str:
    """Return an event's own fields, which are codes: "kind again · scopes user.info.basic".

    `but`: the field that is shown as a link.
    """
    values = json.loads(fields)
    return " · ".join(
        f"{name} {_word(value)}" for name, value in values.items() if value != "" and name != but
    )


def _word(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
