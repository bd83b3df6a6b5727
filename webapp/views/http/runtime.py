"""Access to the app's runtime during a request."""

from typing import cast

from flask import current_app

from webapp.services.runtime import Runtime

KEY = "coatcheck"


def runtime() -> Runtime:
    """Return the runtime of the app that serves this request."""
    return cast(Runtime, current_app.extensions[KEY])
