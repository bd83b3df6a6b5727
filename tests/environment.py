"""A complete, valid environment for one app; every secret in it is made up at run time."""

import base64
import secrets

CALLBACK = "/api/auth/tiktok/callback"


def complete(database_url: str, tiktok_url: str, port: int) -> dict[str, str]:
    """Return every setting an app needs to run at `port` against the sandbox at `tiktok_url`."""
    return {
        "TIKTOK_CLIENT_KEY": f"made-up-key-{secrets.token_hex(4)}",
        "TIKTOK_CLIENT_SECRET": f"made-up-secret-{secrets.token_hex(16)}",
        "TIKTOK_REDIRECT_URI": f"http://127.0.0.1:{port}{CALLBACK}",
        "TIKTOK_SCOPES": "user.info.basic",
        "TIKTOK_OPTIONAL_SCOPES": "video.list",
        "TIKTOK_AUTHORIZE_URL": f"{tiktok_url}/v2/auth/authorize/",
        "TIKTOK_API_URL": f"{tiktok_url}/v2/",
        "ALLOW_SANDBOX": "1",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": database_url,
        "RATELIMIT_ENABLED": "0",
        "SUPPORT_EMAIL": "support@example.com",
        "PRIVACY_URL": "",
        "TERMS_URL": "",
        "LOG_LEVEL": "DEBUG",
    }
