"""Whether the first operator is still awaited: until then the setup page is open, without a value.

Once this process has seen an operator, the answer stays no: who takes the last one away does not
open the page again before the next start.
"""

from datetime import datetime, timedelta

from flask import Flask, current_app

from webapp.services.operators import roles
from webapp.views.http.house import house

_KEY = "coatcheck.first_operator"
#: Without an operator the look reads every row, so it is not taken for each request.
LOOK_EVERY = timedelta(seconds=10)


class FirstOperator:
    """Remembers the last look; two threads at once may both look."""

    def __init__(self) -> None:
        self._there = False
        self._looked: datetime | None = None

    def awaited(self) -> bool:
        """Tell whether there was no operator at the last look, ten seconds ago at most."""
        if self._there:
            return False
        now = house().clock()
        if self._looked is None or now - self._looked >= LOOK_EVERY:
            self._there = roles.has_operators(house())
            self._looked = now
        return not self._there


def register(app: Flask) -> None:
    """Give the app its memory."""
    app.extensions[_KEY] = FirstOperator()


def awaited() -> bool:
    """Tell whether nobody is an operator yet."""
    memory: FirstOperator = current_app.extensions[_KEY]
    return memory.awaited()
