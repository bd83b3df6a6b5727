"""Counts every request and how long its answer took; knows nothing of what is in them."""

import time

from flask import Flask, Response, g, request

from webapp import metrics


def register(app: Flask) -> None:
    """Count from here on. Call it before anything that may refuse a request."""

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _count(response: Response) -> Response:
        began = g.get("began")
        took = 0.0 if began is None else time.perf_counter() - began
        metrics.count(request.endpoint, request.method, response.status_code, took)
        return response
