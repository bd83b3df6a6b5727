"""Programs that measure how fast tokens are kept and handed out; no part of the app, no test."""
