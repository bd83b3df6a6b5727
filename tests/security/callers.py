"""The three kinds of caller, each in a browser of their own; and every route there is."""

from typing import Literal

from flask import Flask
from flask.testing import FlaskClient

from tests.servers import Sandbox
from tests.walk import connect
from webapp.services.operators import roles

Caller = Literal["nobody", "person", "operator"]
CALLERS: tuple[Caller, ...] = ("nobody", "person", "operator")
#: What is asked for where a route has a changing part: nothing that is there.
PARTS = {
    "<path:filename>": "style.css",
    "<open_id>": "-000nobody",
    "<job_id>": "0a1b2c3d",
    "<public_id>": "0a1b2c3d4e5f",
    "<key>": "0a1b2c3d4e5f6a7b",
}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def caller(app: Flask, sandbox: Sandbox, kind: Caller) -> FlaskClient:
    """Return the browser of someone of this kind; people come in the way people do."""
    client = app.test_client()
    if kind == "nobody":
        return client
    assert connect(client).status_code == 303
    if kind == "operator":
        with app.app_context():
            runtime = app.extensions["coatcheck"]
            roles.add_operator(runtime, sandbox.open_id("mara"), runtime.clock())
    return client


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """Return (method, endpoint, path) of all that can be asked for, HEAD and OPTIONS left out."""
    found = []
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for part, word in PARTS.items():
            path = path.replace(part, word)
        assert "<" not in path, f"say here what to ask {rule.rule} for"
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found += [(method, rule.endpoint, path) for method in sorted(methods)]
    return sorted(found)
