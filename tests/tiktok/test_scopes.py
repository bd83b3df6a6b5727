"""The catalogue of what people can allow: complete, in plain words, unknown ones refused."""

import re

import pytest

from webapp.tiktok import scopes
from webapp.tiktok.scopes import CATALOGUE

KNOWN = [
    "user.info.basic",
    "user.info.profile",
    "user.info.stats",
    "video.list",
    "video.upload",
    "video.publish",
    "portability.all.single",
    "portability.all.ongoing",
    "portability.activity.single",
    "portability.activity.ongoing",
    "portability.directmessages.single",
    "portability.directmessages.ongoing",
    "portability.postsandprofile.single",
    "portability.postsandprofile.ongoing",
    "research.data.basic",
    "research.adlib.basic",
    "research.data.u18eu",
    "local.product.manage",
    "local.shop.manage",
    "local.voucher.manage",
    "artist.certification.read",
    "artist.certification.update",
    "message.list.read",
    "message.list.send",
    "message.list.manage",
    "business.basic",
]


def test_the_catalogue_is_tiktoks() -> None:
    assert sorted(CATALOGUE) == sorted(KNOWN)
    assert all(name == scope.id for name, scope in CATALOGUE.items())


def test_every_scope_speaks_plainly() -> None:
    jargon = re.compile(r"\b(scope|token|api|oauth|endpoint)\b", re.IGNORECASE)
    for scope in CATALOGUE.values():
        assert scope.label
        assert scope.label[0].isupper()
        assert 0 < len(scope.why.split()) <= 12
        assert scope.why.endswith(".")
        assert not scope.limits or scope.limits.endswith(".")
        assert not jargon.search(f"{scope.label} {scope.why} {scope.limits}")


@pytest.mark.rule(6)
def test_an_unknown_scope_is_refused_by_name() -> None:
    (problem,) = scopes.problems(["user.info.basic", "video.lst"])
    assert problem == ("video.lst", "is not a TikTok scope, but video.list is")
    assert scopes.problems(["zzz"]) == [("zzz", "is not a TikTok scope")]
    assert scopes.problems(KNOWN) == []


def test_business_basic_is_known_with_its_remark() -> None:
    assert [scope for scope, _remark in scopes.remarks(KNOWN)] == [
        "message.list.read",
        "message.list.send",
        "message.list.manage",
        "business.basic",
    ]
    assert scopes.remarks(["user.info.basic", "no.such.scope"]) == []


@pytest.mark.rule(4)
@pytest.mark.rule(5)
def test_the_basic_scope_comes_first_and_each_once() -> None:
    asked = scopes.asked_for(["video.list", "user.info.basic"], ["video.list", "video.upload"])
    assert asked == ("user.info.basic", "video.list", "video.upload")
