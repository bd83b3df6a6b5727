"""Operators' pages and exports with a million people, beside a thousand."""
