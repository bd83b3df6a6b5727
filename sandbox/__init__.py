"""A pretend TikTok in its own process, for tests and demos; never shares an import with webapp."""
