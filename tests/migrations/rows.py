"""Rows as they stand in a database that is in use, for each revision; never made by the models.

A revision that makes or changes a table gets an entry in ROWS: revision → table → rows, for
whatever it made or changed. What it left alone keeps the rows of the revision before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]

BEGAN = datetime(2026, 10, 3, 8, 15, 30, 123456, tzinfo=UTC)
SEEN = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)

#: A person in the middle of a refresh, with everything filled in and texts longer than any bound.
CONNECTED: Row = {
    "id": 1,
    "client_key": "made-up-key",
    "open_id": "-000Jq74ETHj4fhvb6QG",
    "union_id": "union-1",
    "display_name": "愛子 O'Hara 🔧",
    "username": "aiko",
    "ticket": "ct_8F2K-91QD",
    "operator_since": BEGAN,
    "created_at": BEGAN,
    "access_token": "v1.made-up." + "a" * 9000,
    "refresh_token": "v1.made-up." + "r" * 9000,
    "scope": "user.info.basic,video.list",
    "asked_scope": "user.info.basic,user.info.stats,video.list",
    "access_expires_at": SEEN,
    "refresh_expires_at": SEEN.replace(year=2027),
    "version": 41,
    "next_at": SEEN,
    "claim": "c0ffee",
    "status": "failing",
    "failures": 2,
    "last_error": "temporarily_unavailable",
    "last_log_id": "2026112223595901",
    "refreshes": 40,
    "refreshed_at": SEEN,
    "last_used_at": SEEN,
    "connected_at": BEGAN,
}
#: A person who disconnected, with nothing in what may be empty; the same open_id elsewhere.
REVOKED: Row = {
    **dict.fromkeys(CONNECTED),
    "id": 2,
    "client_key": "another-key",
    "open_id": CONNECTED["open_id"],
    "ticket": "ct_2222-2222",
    "created_at": BEGAN,
    "scope": "",
    "asked_scope": "user.info.basic",
    "version": 0,
    "status": "revoked",
    "failures": 0,
    "refreshes": 0,
    "connected_at": BEGAN,
}

#: What revision 0004 adds to a person.
KEPT: Row = {
    "reason": "interrupted",
    "ended_at": SEEN,
    "refused_at": BEGAN,
    "interrupted": True,
}

#: What an operator did.
AUDITED: Row = {
    **{"id": 1, "at": SEEN, "actor_kind": "operator", "actor": "ct_1111-1111"},
    **{"address": "192.0.2.1", "reference": "0a1b2c3d4e5f"},
    **{"event": "connection.disconnect_ordered", "ticket": "ct_2222-2222", "fields": "{}"},
}

ROWS: Mapping[str, Tables] = {
    "0001": {"users": (CONNECTED, REVOKED)},
    "0002": {
        "browser_sessions": (
            {"digest": "a" * 64, "user_id": 1, "created_at": BEGAN, "seen_at": SEEN},
            {"digest": "b" * 64, "user_id": 1, "created_at": SEEN, "seen_at": SEEN},
            {"digest": "c" * 64, "user_id": 2, "created_at": BEGAN, "seen_at": BEGAN},
        )
    },
    "0003": {"spent_states": ({"digest": "d" * 64, "spent_at": SEEN},)},
    "0004": {
        "users": (CONNECTED | KEPT, REVOKED | {"interrupted": False}),
        "service_keys": (
            {"id": "k1", "name": "billing", "digest": "e" * 64, "created_at": BEGAN},
            {"id": "k2", "name": "old", "digest": "f" * 64, "created_at": BEGAN}
            | {"last_used_at": SEEN, "revoked_at": SEEN},
        ),
        "brakes": (
            {"client_key": "made-up-key", "recent": "ooot", "pace": 0.25, "pace_at": SEEN}
            | {"open_reason": "config", "open_code": "invalid_client"}
            | {"open_since": BEGAN, "probe_at": SEEN, "last_deleted_version": 7},
        ),
        "installation": (
            {"id": 1, "instance_id": "made-up-instance", "key_id": "0a1b2c3d"}
            | {"client_key": "made-up-key", "bound_at": BEGAN, "binding": "c0ffee"}
            | {"generation": 7, "moved_at": SEEN},
        ),
    },
    "0005": {
        "users": (
            CONNECTED | KEPT | {"failing_since": BEGAN, "history": "1|failed|worker|9|a|b\n"},
            REVOKED | {"interrupted": False},
        ),
        "audit_events": (AUDITED,),
        "figures": (
            {"client_key": "made-up-key", "minute": SEEN, "what": "refreshed", "count": 3},
        ),
        "service_uses": ({"user_id": 1, "key_id": "k1", "first_at": BEGAN, "last_at": SEEN},),
        "bulk_jobs": (
            {"id": "b1", "client_key": "made-up-key", "act": "refresh", "actor": "ct_1111-1111"}
            | {"address": "", "query": "status=failing", "created_at": SEEN, "total": 1}
            | {"done": 0, "failed": 0, "skipped": 0},
        ),
        "bulk_items": (
            {"id": 1, "job_id": "b1", "user_id": 1, "ticket": "ct_1111-1111", "state": "waiting"},
        ),
        "notices": (
            {"id": 1, "message_id": "msg_1", "event": "fleet.alarm", "body": "{}"}
            | {"created_at": SEEN, "next_at": SEEN, "tries": 1, "last_answer": "503"},
        ),
    },
    "0006": {
        "name_words": (
            {"word": "lindqvist", "user_id": 1},
            {"word": "mara", "user_id": 1},
        ),
        "headcounts": (
            {"client_key": "made-up-key", "counted_at": SEEN, "counting_until": None}
            | {"body": "{}"},
        ),
    },
    # Triggers alone.
    "0007": {},
    "0008": {
        "browser_sessions": (
            {"digest": "a" * 64, "user_id": 1, "created_at": BEGAN, "seen_at": SEEN}
            | {"browser": "Firefox", "system": "Linux"},
            {"digest": "b" * 64, "user_id": 1, "created_at": SEEN, "seen_at": SEEN}
            | {"browser": None, "system": None},
            {"digest": "c" * 64, "user_id": 2, "created_at": BEGAN, "seen_at": BEGAN}
            | {"browser": "Safari", "system": None},
        )
    },
    # The same tables, numbered in another way.
    "0009": {},
    "0010": {
        "users": (
            CONNECTED
            | KEPT
            | {"failing_since": BEGAN, "history": "1|failed|worker|9|a|b\n"}
            | {"exchange_sent_at": BEGAN},
            REVOKED | {"interrupted": False},
        ),
    },
    "0011": {
        "spent_states": (
            {"digest": "d" * 64, "spent_at": SEEN, "user_id": 1, "ticket": "ct_8F2K-91QD"}
            | {"session": "a" * 64, "kind": "returned", "added": "video.list"},
        ),
        "browser_sessions": (
            {"digest": "a" * 64, "user_id": 1, "created_at": BEGAN, "seen_at": SEEN}
            | {"browser": "Firefox", "system": "Linux", "replaces": "b" * 64},
            {"digest": "b" * 64, "user_id": 1, "created_at": SEEN, "seen_at": SEEN}
            | {"browser": None, "system": None, "replaces": None},
            {"digest": "c" * 64, "user_id": 2, "created_at": BEGAN, "seen_at": BEGAN}
            | {"browser": "Safari", "system": None, "replaces": None},
        ),
    },
    # Triggers alone.
    "0012": {},
    # What operators searched for is forgotten: tests/migrations/test_searches.py.
    "0013": {},
    "0014": {
        "audit_events": (AUDITED | {"digest": None}, AUDITED | {"id": 2, "digest": "a" * 64}),
        "audit_chain": ({"id": 1, "start_id": 1, "start_digest": "", "newest_digest": "a" * 64},),
    },
    "0015": {
        "name_words": (
            {"word": "#8f2k91qd", "user_id": 1},
            {"word": "#91qd", "user_id": 1},
            {"word": "hara", "user_id": 1},
        )
    },
    "0016": {
        "users": (
            CONNECTED
            | KEPT
            | {"failing_since": BEGAN, "history": "1|failed|worker|9|a|b\n"}
            | {"exchange_sent_at": BEGAN, "refresh_days": "207790000300001"},
            REVOKED | {"interrupted": False},
        ),
    },
}
#: Revision → tables whose rows it makes anew from others, up and down: test_search_words.py.
REMADE: Mapping[str, Sequence[str]] = {"0015": ("name_words",)}
