"""The app's runtime at hand in a request; makes nothing and decides nothing."""

from typing import cast

from flask import current_app

from webapp.services.runtime import Runtime

KEY = "coatcheck"


def runtime() -> Runtime:
    """Return the runtime of the app that serves this request."""
    return cast(Runtime, current_app.extensions[KEY])
