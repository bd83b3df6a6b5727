"""A demo that needs no settings: fake people, a mock TikTok, the web server and the worker."""
