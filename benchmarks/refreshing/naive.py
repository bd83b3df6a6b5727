"""Baseline: the obvious refresh loop (read a row, call the provider, commit).

Runs sequentially or in 32 threads. It encrypts and stores tokens as the app does, so only the
structure differs; docs/performance.md lists what it lacks. Each thread holds its database session
while it waits for the provider.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import requests
from sqlalchemy import Engine, create_engine, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.models import User
from webapp.services.vault import Vault
from webapp.settings import Settings, load
from webapp.tokens import TokenSet

THREADS = 32


def refresh(engine: Engine, settings: Settings, vault: Vault, user_id: int) -> bool:
    """Refresh one row, holding the session during the call. Return False if it was not stored."""
    with Session(engine) as session, requests.Session() as web:
        user = session.get_one(User, user_id)
        held = vault.load(user)
        form = {
            "client_key": settings.tiktok_client_key,
            "client_secret": settings.tiktok_client_secret.get_secret_value(),
            "grant_type": "refresh_token",
            "refresh_token": held and held.refresh_token,
        }
        try:
            answer = web.post(f"{settings.tiktok_api_url}oauth/token/", data=form, timeout=10)
            vault.store(user, _tokens(answer.json()), datetime.now(UTC))
            user.next_at = datetime.now(UTC) + timedelta(hours=1)
            session.commit()
        except (requests.RequestException, KeyError, SQLAlchemyError):
            return False
    return True


def _tokens(document: dict[str, str]) -> TokenSet:
    now = datetime.now(UTC)
    return TokenSet(
        access_token=document["access_token"],
        refresh_token=document["refresh_token"],
        open_id=document["open_id"],
        scopes=frozenset(document["scope"].split(",")),
        access_expires_at=now + timedelta(seconds=int(document["expires_in"])),
        refresh_expires_at=now + timedelta(seconds=int(document["refresh_expires_in"])),
    )


def main() -> None:
    """Refresh every row that is due, then exit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.refreshing.naive", description=__doc__
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="1 means sequential, in the main thread"
    )
    threads = parser.parse_args().threads
    settings = load(os.environ)
    vault = Vault(settings.token_keys)
    # One connection per thread: with SQLAlchemy's default of 15, half of them would wait for one.
    url = make_url(settings.database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_size=THREADS)
    with Session(engine) as session:
        due = session.scalars(select(User.id).where(User.next_at <= datetime.now(UTC))).all()

    def one(user_id: int) -> bool:
        return refresh(engine, settings, vault, user_id)

    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        done = list(pool.map(one, due) if pool else map(one, due))
    engine.dispose()
    sys.stdout.write(f"stored {sum(done)} of {len(done)}\n")


if __name__ == "__main__":
    main()
