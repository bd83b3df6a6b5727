"""Pages for people who connect."""
