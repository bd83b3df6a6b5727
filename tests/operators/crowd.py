"""Makes up rows of the operators' list, the same ones every time; connects nobody."""

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from webapp import search_words
from webapp.database import writing
from webapp.models import NameWord, Reason, Status, User
from webapp.services.runtime import Runtime

SCOPES = ("user.info.basic", "user.info.basic,video.list", "user.info.stats,video.list", "")
NAMES = ("Mara Lindqvist", "Tomás Ferreira", "Aiko", None, "mara JONES", "Élodie O'Neill")


def rows(runtime: Runtime, now: datetime, count: int) -> list[dict[str, Any]]:
    """Return `count` rows in every state, a third of them with values that others have too."""
    dice = random.Random(7)
    made = []
    for number in range(count):
        status = dice.choice([*[Status.ACTIVE] * 4, *Status])
        made.append(
            one(runtime, now, number)
            | {
                "status": status.value,
                "reason": dice.choice(list(Reason)).value if status == "reconnect" else None,
                "scope": dice.choice(SCOPES),
                "display_name": dice.choice(NAMES),
                "access_expires_at": _some(dice, now, hours=24, kept=status == "active"),
                "refresh_expires_at": _some(dice, now, hours=24 * 100),
                "last_used_at": _some(dice, now, hours=-90),
                "next_at": _some(dice, now, hours=12),
                "refreshes": dice.choice([0, 1, 1, dice.randrange(500)]),
                "failing_since": now - timedelta(hours=dice.randrange(200))
                if status in ("failing", "reconnect")
                else None,
            }
        )
    return made


def _some(dice: random.Random, now: datetime, hours: int, *, kept: bool = False) -> datetime | None:
    if not kept and dice.random() < 0.2:
        return None
    minutes = dice.choice([0.5, dice.random(), dice.random()]) * hours * 60
    return now + timedelta(minutes=int(minutes))


def one(runtime: Runtime, now: datetime, number: int, **columns: Any) -> dict[str, Any]:
    """Return one healthy row of nobody in particular."""
    usual = {
        "id": number + 1,
        "client_key": runtime.settings.tiktok_client_key,
        "open_id": f"-000person{number:06}",
        "ticket": f"ct_{number:08}",
        "created_at": now,
        "connected_at": now,
        "asked_scope": "user.info.basic,video.list",
        "scope": "user.info.basic",
        "access_expires_at": now + timedelta(hours=5),
        "display_name": None,
    }
    return usual | columns


def put(made: list[dict[str, Any]]) -> None:
    """Insert rows and the words of their names."""
    words = [
        {"word": word, "user_id": row["id"]}
        for row in made
        for word in search_words.of_person(row["display_name"], row["ticket"])
    ]
    with writing() as session:
        session.execute(insert(User), made)
        if words:
            session.execute(insert(NameWord), words)
