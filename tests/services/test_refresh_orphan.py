"""A disconnect and a refresh that cross: whatever the order, nothing is left alive at TikTok."""

from dataclasses import replace
from threading import Event

import pytest
from flask import Flask

from tests.servers import Sandbox
from tests.services.crowd import at_once
from tests.services.grants import given, join
from tests.services.holding import assert_forgotten, runtime_of, the_row
from webapp.services.connect.disconnect import disconnect_person
from webapp.services.refresh.on_demand import ReconnectRequired, fresh_access
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet

#: Longer than anything here takes; a test that waits so long has failed.
PATIENCE = 30


class Crossing(Provider):
    """TikTok as it is, where a refresh and a revoke wait for each other at the worst moment."""

    def __init__(self, true: Provider) -> None:
        """Take the true provider."""
        self._true = true
        self.rotated, self.disconnecting, self.refresh_over = Event(), Event(), Event()
        self._refreshes = 0

    def refresh(self, refresh_token: str) -> TokenSet:
        self._refreshes += 1
        tokens = self._true.refresh(refresh_token)
        if self._refreshes == 1:
            self.rotated.set()
            assert self.disconnecting.wait(PATIENCE)
        return tokens

    def revoke(self, access_token: str) -> None:
        if not self.disconnecting.is_set():
            self.disconnecting.set()
            assert self.refresh_over.wait(PATIENCE)
        self._true.revoke(access_token)


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("old_tokens_die", [False, True])
def test_a_refresh_that_ends_while_a_disconnect_is_under_way_leaves_no_orphan(
    app: Flask, sandbox: Sandbox, *, old_tokens_die: bool
) -> None:
    sandbox.settings(old_access_tokens_die=old_tokens_die)
    crossing = Crossing(runtime_of(app).provider)
    runtime = replace(runtime_of(app), provider=crossing)
    with app.app_context():
        done = join(runtime, given(sandbox, runtime.clock()))

    def act(number: int) -> None:
        if number:
            assert crossing.rotated.wait(PATIENCE)
            disconnect_person(runtime, done.person)
            return
        try:
            fresh_access(runtime, done.open_id, pressed=True)
        finally:
            crossing.refresh_over.set()

    refreshed, disconnected = at_once(app, 2, act)
    assert isinstance(refreshed, ReconnectRequired)
    assert disconnected is None
    assert sandbox.books()[done.open_id]["ended"] == "revoked"
    assert_forgotten(the_row(app))
