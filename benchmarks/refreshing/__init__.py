"""Refreshes by the worker, beside naive loops, and claims of due connections."""
