"""Many threads that do one thing in the same moment; each inside the app's context."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from flask import Flask

Result = TypeVar("Result")

#: A thread that is not at the start by then never will be.
GATHERED_WITHIN = 30


def at_once(app: Flask, count: int, act: Callable[[int], Result]) -> list[Result | Exception]:
    """Call `act(0)` … `act(count - 1)` at once; return what each returned or raised."""
    start = Barrier(count)

    def run(number: int) -> Result | Exception:
        with app.app_context():
            start.wait(GATHERED_WITHIN)
            try:
                return act(number)
            except Exception as error:  # noqa: BLE001  # the test judges what was raised
                return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
