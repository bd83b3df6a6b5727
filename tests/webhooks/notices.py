"""Makes and signs TikTok's notices as TikTok does; shares no line with the app that checks them."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from webapp.database import reading
from webapp.models import User
from webapp.services.runtime import Runtime

ADDRESS = "/webhooks/tiktok"
SECRET = "test_client_secret"
#: The vector of TikTok's contract.
STAMP = "1633174587"
BODY = (
    b'{"client_key":"bwo2m45353a6k85","event":"authorization.removed","create_time":1615338610,'
    b'"user_openid":"act.example12345Example12345Example","content":"{\\"reason\\": 1 }"}'
)
SEAL = "39c29244091b6bb0d67eca735a97218805842b7c8cea52dde8296f6c0c36ae09"


def seal(secret: str, stamp: object, body: bytes) -> str:
    """Return the hex HMAC-SHA256 over `stamp.body`."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def runtime_of(app: Flask) -> Runtime:
    """Return the app's runtime."""
    runtime = app.extensions["coatcheck"]
    assert isinstance(runtime, Runtime)
    return runtime


def row_of(app: Flask, open_id: str) -> User:
    """Return the person's row as it stands."""
    with app.app_context(), reading() as session:
        return session.scalars(select(User).where(User.open_id == open_id)).one()


@dataclass(frozen=True)
class TikTok:
    """Sends signed notices to the app in this process."""

    app: Flask
    clock: Callable[[], datetime]

    @property
    def now(self) -> int:
        """Return the app's present in whole seconds."""
        return int(self.clock().timestamp())

    def sends(self, body: bytes, *, stamp: object = None, **headers: str) -> TestResponse:
        """Post `body`, signed now unless `stamp` says when; further headers as they are."""
        stamp = self.now if stamp is None else stamp
        secret = runtime_of(self.app).settings.tiktok_client_secret.get_secret_value()
        signed = {"TikTok-Signature": f"t={stamp},s={seal(secret, stamp, body)}"}
        client = self.app.test_client()
        return client.post(
            ADDRESS, data=body, headers=signed | headers, content_type="application/json"
        )

    def body(self, open_id: str, reason: object = 1, **changes: Any) -> bytes:
        """Return the body of `authorization.removed`, of now, with some fields replaced."""
        told = {
            "client_key": runtime_of(self.app).settings.tiktok_client_key,
            "event": "authorization.removed",
            "create_time": self.now,
            "user_openid": open_id,
            "content": json.dumps({"reason": reason}),
        }
        return json.dumps(told | changes).encode()

    def removes(self, open_id: str, reason: object = 1, **changes: Any) -> None:
        """Tell that the authorization was removed; the app must say 200 at once."""
        answer = self.sends(self.body(open_id, reason, **changes))
        assert (answer.status_code, answer.data) == (200, b"")
