"""A site with the holes that the scanners must find; run as a program, it serves itself."""

import sqlite3
from html import escape
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

LINKS = ("/search?q=mara", "/echo?said=hello")


class Silent(WSGIRequestHandler):
    """Writes no line for a request."""

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def search(word: str) -> str:
    """Put the word into a statement, as nobody should."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE people (name)")
        connection.execute("INSERT INTO people VALUES ('mara'), ('jo')")
        statement = f"SELECT name FROM people WHERE name = '{word}'"  # noqa: S608  # the hole
        try:
            return escape(str(connection.execute(statement).fetchall()))
        except sqlite3.Error as error:
            return escape(f"sqlite3.OperationalError: {error}")


def site(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
    """Answer a request."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    path = environ["PATH_INFO"]
    body = "".join(f'<a href="{link}">more</a>' for link in LINKS)
    if path == "/search":
        body = search(query.get("q", [""])[0])
    elif path == "/echo":
        body = query.get("said", [""])[0]
    start("200 OK", [("Content-Type", "text/html")])
    return [f"<html><body>{body}</body></html>".encode()]


if __name__ == "__main__":
    with make_server("127.0.0.1", 0, site, handler_class=Silent) as server:
        print(f"ready on http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201  # the tests wait for it
        server.serve_forever()
