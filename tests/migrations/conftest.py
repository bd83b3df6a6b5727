"""Fixtures of the migrations: a database with nothing in it, and a hand on `flask db`."""

from collections.abc import Iterator

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Engine

from tests.environment import complete
from tests.fixtures.database import dispose
from webapp.app import create_app
from webapp.database import db
from webapp.settings import load


class Migrator:
    """`flask db upgrade` and `flask db downgrade` on one database."""

    def __init__(self, app: Flask, engine: Engine) -> None:
        self.app = app
        self.engine = engine

    def up(self, revision: str = "head") -> None:
        """Upgrade to a revision; "base" is nothing at all."""
        if revision != "base":
            flask_migrate.upgrade(revision=revision)

    def down(self, revision: str) -> None:
        """Downgrade to a revision; "base" is nothing at all."""
        flask_migrate.downgrade(revision=revision)


@pytest.fixture
def migrator(each_database: str, database_url: str) -> Iterator[Migrator]:
    """Both databases, one after the other, empty; with the app's context around the test."""
    app = create_app(load(complete(database_url, 8000)))
    with app.app_context():
        yield Migrator(app, db.engine)
    dispose(app)
