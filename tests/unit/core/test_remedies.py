"""Every error has a remedy, and the remedy fits it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.remedies import remedy_for

REMEDIES: dict[str, tuple[str, int | None, str]] = {
    "not-sent": ("not_sent", None, "check the network, proxy and --base-url"),
    "no-answer": ("no_answer", None, "bulkconn settle"),
    "cut-off": ("cut_off", None, "bulkconn settle"),
    "interrupted": ("interrupted", None, "bulkconn settle"),
    "not-settled": ("not_settled", None, "bulkconn settle"),
    "created-without-id": ("created_without_id", 201, "bulkconn settle"),
    "resends": ("resends_exhausted", None, "ask Adobe support"),
    "exists": ("name_exists", None, "--on-existing adopt or create"),
    "not-certain": ("not_certainly_ours", None, "decide which is yours"),
    "twin": ("twin", None, "`bulkconn dedupe`"),
    "secret": ("secret_unavailable", None, "make the secret available"),
    "secret-missing": ("secret_not_found", None, "put the secret there or correct"),
    "secret-denied": ("secret_denied", None, "the store's policy"),
    "same-fault": ("same_fault", None, "it is not the rows"),
    "number-and-status": ("1304-400", 400, "--retry-failed"),
    "spec-not-offered": ("1413-400", 400, "ask Adobe to enable it"),
    "auth-spec-not-offered": ("1415-400", 400, "check platform_cloud"),
    "not-entitled": ("1100-400", 400, "licence"),
    "permission-1426": ("1426-400", 400, "Manage Sources"),
    "permission-2118": ("2118-403", 403, "Manage Sources"),
    "permission-2120": ("2120-403", 403, "Manage Sources"),
    "permission-2121": ("2121-403", 403, "Manage Sources"),
    "sandbox-2100": ("2100-404", 404, "create the sandbox"),
    "sandbox-2101": ("2101-404", 404, "create the sandbox"),
    "sandbox-header": ("2105-400", 400, "--sandbox"),
    "headers": ("2110-400", 400, "--org-id"),
    "org-header": ("400003", 400, "--org-id"),
    "key-missing": ("403000", 403, "--client-id"),
    "key-wrong": ("403003", 403, "--client-id"),
    "profile": ("403025", 403, "product profile"),
    "region": ("403027", 403, "--org-id"),
    "token-2000": ("2000-401", 401, "client secret"),
    "token-2001": ("2001-400", 400, "client secret"),
    "token-2002": ("2002", 401, "client secret"),
    "token-2114": ("2114-400", 400, "client secret"),
    "token-2115": ("2115-400", 400, "client secret"),
    "token-gateway": ("401013", 401, "client secret"),
    "token-missing": ("403010", 403, "client secret"),
    "status-400": ("http-400", None, "--retry-failed"),
    "status-401": ("http-401", None, "client secret"),
    "status-403": ("http-403", None, "Manage Sources"),
    "status-404": ("http-404", None, "--base-url"),
    "status-405": ("http-405", None, "--base-url"),
    "status-407": ("http-407", None, "HTTPS_PROXY"),
    "status-413": ("http-413", None, "--retry-failed"),
    "status-415": ("http-415", None, "report it"),
    "status-422": ("http-422", None, "--retry-failed"),
    "status-429": ("http-429", None, "lower --rate"),
    "status-302": ("http-302", None, "redirect is never followed"),
    "status-502": ("http-502", None, "bulkconn settle"),
    "status-beside-an-unknown-code": ("1399-400", 400, "--retry-failed"),
    "status-inside-the-code": ("1399-400", None, "--retry-failed"),
    "status-beside-wins-over-the-one-inside": ("1399-400", 503, "bulkconn settle"),
    "unknown-status": ("http-418", None, "see the message"),
    "unknown-code": ("ZZZ", None, "see the message"),
    "empty": ("", None, "see the message"),
}


@pytest.mark.parametrize(("code", "status", "words"), REMEDIES.values(), ids=REMEDIES.keys())
def test_remedy_for_an_error_says_what_mends_it(code: str, status: int | None, words: str) -> None:
    """A code of ours counts first, then the number, then the status."""
    assert words in remedy_for(code, status)


@given(code=st.text() | st.from_regex(r"(http|\w{1,5})-[\d²①]{1,4}"), status=st.none() | st.integers(0, 999))
def test_remedy_for_any_text_never_raises(code: str, status: int | None) -> None:
    """Codes come from the service and may hold anything, digits that are no numbers among it."""
    assert remedy_for(code, status)


@pytest.mark.parametrize("code", ["http-²", "x-①"], ids=["superscript", "circled"])
def test_remedy_for_digits_that_are_no_number_never_raises(code: str) -> None:
    """`isdigit` takes what `int` refuses."""
    assert "see the message" in remedy_for(code)
