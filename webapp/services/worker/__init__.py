"""The process that keeps connections fresh."""
