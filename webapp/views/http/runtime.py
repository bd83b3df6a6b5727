"""The app's house at hand in a request; makes nothing and decides nothing."""

from typing import cast

from flask import current_app

from webapp.services.house import House

KEY = "coatcheck"


def house() -> House:
    """Return the house of the app that serves this request."""
    return cast(House, current_app.extensions[KEY])
