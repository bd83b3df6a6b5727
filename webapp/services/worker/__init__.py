"""The process that refreshes connections."""
