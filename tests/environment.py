"""A complete, valid environment for one app; every secret in it is made up at run time."""

import base64
import secrets

#: An address where nothing answers: for an app that makes no call.
NOBODY = "http://127.0.0.1:9"
CALLBACK = "/api/auth/tiktok/callback"


def complete(
    database_url: str,
    port: int,
    *,
    tiktok_url: str = NOBODY,
    client_key: str = "made-up-key",
    client_secret: str | None = None,
) -> dict[str, str]:
    """Return every setting an app needs to run at `port` against the sandbox at `tiktok_url`."""
    return {
        "TIKTOK_CLIENT_KEY": client_key,
        "TIKTOK_CLIENT_SECRET": client_secret or f"made-up-secret-{secrets.token_hex(16)}",
        "TIKTOK_REDIRECT_URI": f"http://127.0.0.1:{port}{CALLBACK}",
        "TIKTOK_SCOPES": "user.info.basic",
        "TIKTOK_OPTIONAL_SCOPES": "video.list",
        "TIKTOK_AUTHORIZE_URL": f"{tiktok_url}/v2/auth/authorize/",
        "TIKTOK_API_URL": f"{tiktok_url}/v2/",
        "PORT": str(port),
        "ALLOW_SANDBOX": "1",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": database_url,
        # On PostgreSQL the processes of a test keep their files in another folder than its app.
        "INSTANCE_ID": "made-up-instance",
        "RATELIMIT_ENABLED": "0",
        "SUPPORT_EMAIL": "support@example.com",
        "LOG_LEVEL": "DEBUG",
    }
