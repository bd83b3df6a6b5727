"""A mock TikTok for tests and demos. It runs as its own process and shares no code with webapp."""
