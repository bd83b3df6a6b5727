"""Looks for secrets in bytes, in every spelling that they could have leaked in."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import MetaData, create_engine, make_url, select

#: A beginning of this many characters gives a long secret away too.
ENOUGH = 20


def spellings(secret: str) -> set[bytes]:
    """Return a secret as it is, in an address, in JSON, cut short, and the bytes it encodes."""
    texts = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    if len(secret) >= 2 * ENOUGH:
        texts.add(secret[:ENOUGH])
    found = {text.encode() for text in texts}
    with suppress(binascii.Error, ValueError):
        found.add(base64.b64decode(secret, validate=True))
    return {each for each in found if len(each) >= 16}


def found_in(places: Mapping[str, bytes], secrets: Iterable[str]) -> list[str]:
    """Return `place: secret` for every secret that stands in a place, the secret cut short."""
    needles = [(secret, spelling) for secret in secrets for spelling in spellings(secret)]
    return sorted(
        {
            f"{place}: {secret[:8]}…"
            for place, text in places.items()
            for secret, spelling in needles
            if spelling in text
        }
    )


def database(url: str) -> dict[str, bytes]:
    """Return all that a database holds: every row, and on SQLite its files byte for byte."""
    engine = create_engine(url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = {
            f"table {table.name}": repr(connection.execute(select(table)).all()).encode()
            for table in tables.sorted_tables
        }
    engine.dispose()
    path = make_url(url).database if url.startswith("sqlite") else None
    files = sorted(Path(path).parent.glob(f"{Path(path).name}*")) if path else []
    return rows | {f"file {file.name}": file.read_bytes() for file in files}
