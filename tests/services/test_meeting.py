"""Two browsers of one person at once: what one ends, the other neither breaks nor leaves behind."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.servers import Sandbox
from tests.services.grants import given, join
from tests.services.holding import rows, runtime_of
from tests.walk import begin, come_back, consent
from webapp.models import PersonRef
from webapp.services.connect import disconnect
from webapp.services.connect.disconnect import Outcome, delete_person
from webapp.services.runtime import Runtime
from webapp.views.people import connect


@pytest.mark.usefixtures("each_database")
def test_who_connects_again_while_the_account_is_deleted_leaves_no_grant_at_tiktok(
    app: Flask, runtime: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = join(runtime, given(sandbox, runtime.clock()))
    real, again = disconnect.disconnect_person, [True]

    def meanwhile(runtime: Runtime, person: PersonRef) -> Outcome:
        outcome = real(runtime, person)
        if again.pop() if again else False:
            join(runtime, given(sandbox, runtime.clock()))
        return outcome

    monkeypatch.setattr(disconnect, "disconnect_person", meanwhile)
    delete_person(runtime, done.person)
    assert rows(app) == []
    assert sandbox.books()[done.open_id]["ended"] == "revoked"


def test_an_account_that_goes_before_the_sign_in_ends_ends_signed_out_with_a_page_that_says_so(
    app: Flask, client: FlaskClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another browser deletes it while this one waits for TikTok to say the name."""

    def deleted_meanwhile(_runtime: Runtime, person: PersonRef, _fresh: object) -> None:
        delete_person(runtime_of(app), person)

    monkeypatch.setattr(connect, "update_profile", deleted_meanwhile)
    answer = come_back(client, consent(begin(client), "mara"))
    assert answer.status_code == 409
    assert "This account was just deleted" in answer.text
    assert client.get("/account").location == "/"
    assert rows(app) == []
