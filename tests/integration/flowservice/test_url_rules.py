"""Credentials go out encrypted, or to this machine."""

from __future__ import annotations

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.flowservice import check_url

GOOD = {
    "https://platform.adobe.io/a/b": "https://platform.adobe.io/a/b",
    " https://platform.adobe.io/x// ": "https://platform.adobe.io/x",
    "http://localhost:8080/": "http://localhost:8080",
    "http://LOCALHOST": "http://LOCALHOST",
    "http://127.9.9.9:1/a": "http://127.9.9.9:1/a",
    "http://[::1]:8080": "http://[::1]:8080",
}


@pytest.mark.parametrize(("url", "expected"), GOOD.items())
def test_check_url_good_one_comes_back_without_its_last_slash(url: str, expected: str) -> None:
    """HTTPS anywhere and HTTP on this machine are fine."""
    assert check_url(url) == expected


BAD = {
    "http://platform.adobe.io": "--base-url is not encrypted, and platform.adobe.io is not this machine",
    "http://localhost.evil": "--base-url is not encrypted, and localhost.evil is not this machine",
    "http://10.0.0.1": "--base-url is not encrypted, and 10.0.0.1 is not this machine",
    "https://u:hunter2@platform.adobe.io": "--base-url holds a user name or password",
    "https://hunter2@platform.adobe.io": "--base-url holds a user name or password",
    "platform.adobe.io": "--base-url is not a web address",
    "ftp://x/y": "--base-url is not a web address",
    "https:///path": "--base-url is not a web address",
    "https://x:0": "--base-url is not a web address",
    "": "--base-url is not a web address",
    "https://[x": "--base-url is not a URL",
    "https://x:99999": "--base-url is not a URL",
    "https://x/y?z=1": "--base-url holds more than host and path",
    "https://x/y#z": "--base-url holds more than host and path",
    "https://x/ö": "--base-url holds more than host and path",
    "https://x/y z": "--base-url holds more than host and path",
}


@pytest.mark.parametrize(("url", "message"), BAD.items())
def test_check_url_bad_one_is_refused_with_a_remedy(url: str, message: str) -> None:
    """Each fault is named, with what to do, and a password is not repeated."""
    with pytest.raises(UsageError) as caught:
        check_url(url)
    assert str(caught.value) == message
    assert caught.value.fix
    assert "hunter2" not in repr(caught.value) + caught.value.fix


def test_check_url_http_elsewhere_can_be_allowed() -> None:
    """A test set-up may send unencrypted when told so in so many words."""
    assert check_url("http://flow.test:80", setting="--ims-url", allow_http=True) == "http://flow.test:80"
