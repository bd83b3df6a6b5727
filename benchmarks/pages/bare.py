"""Baseline: a bare Flask route that returns as much JSON as a hand-out and reads no database.

Served with the same gunicorn.conf.py as the app: `gunicorn benchmarks.bare:app`.
"""

from flask import Flask, Response, jsonify

from benchmarks.provider.grants import SCOPES, access_token

app = Flask(__name__)


@app.get("/api/v1/tokens/<open_id>")
def token(open_id: str) -> Response:
    """Respond like a hand-out, with fake values."""
    return jsonify(
        {
            "open_id": open_id,
            "access_token": access_token(0, 0),
            "token_type": "Bearer",
            "scopes": SCOPES,
            "expires_at": "2030-01-01T00:00:00Z",
            "expires_in": 7200,
            "refreshed_at": "2030-01-01T00:00:00Z",
            "version": 0,
            "warnings": [],
        }
    )


@app.get("/healthz")
def healthz() -> str:
    """Report that the server is up."""
    return "ok"
