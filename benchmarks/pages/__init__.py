"""Pages and token requests through gunicorn, beside a bare Flask route."""
