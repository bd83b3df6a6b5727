"""Signing in as the browser sees it: attempts, the way back, and signing in again."""
