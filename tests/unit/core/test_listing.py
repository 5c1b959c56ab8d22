"""A page is whole or odd; an id is certain or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.listing import IdPage, OddPage, Page, read_count, read_created, read_ids, read_page
from bulkconn.core.names import ConnectionId
from bulkconn.core.reply import BodyState, ListedConnection, Reply

ID = "69f188b6-af07-4587-8061-e94d34637b41"
ETAG = '"6802064a-0000-0200-0000-6387c6b90000"'


def reply(body: object, **more: Any) -> Reply:
    """Make a whole 200."""
    more.setdefault("status", 200)
    return Reply(body=body, **more)


def test_read_page_full_item_keeps_what_may_be_kept() -> None:
    """Ids, name, spec, state, times and what an adoption compares are kept, secrets are not."""
    item = {
        "id": ID,
        "name": "orders",
        "description": "d",
        "connectionSpec": {"id": "spec", "version": "1.0"},
        "state": "enabled",
        "auth": {
            "specName": "Basic",
            "params": {
                "server": "db1",
                "database": "d1",
                "username": "u1",
                "password": "hunter2",
                "port": "1",
            },
        },
        "etag": ETAG,
        "createdAt": 1700000000000,
        "createdClient": "client",
        "sandboxName": "prod",
        "imsOrgId": "o@AdobeOrg",
    }
    page = read_page(reply({"items": [item], "_links": {}}))
    expected = ListedConnection(
        ConnectionId(ID),
        "orders",
        "spec",
        ETAG,
        "enabled",
        1700000000000,
        "client",
        "prod",
        "o@AdobeOrg",
        "d",
        (("server", "db1"), ("database", "d1"), ("username", "u1")),
    )
    assert page == Page((expected,), None)
    assert "hunter2" not in repr(page)


def test_read_page_bare_item_leaves_the_rest_unsaid() -> None:
    """Only id and name are needed; fields of another type count as not shown; the version is the etag."""
    odd = {"createdAt": "yesterday", "state": 5, "auth": [], "connectionSpec": "x", "version": "v"}
    page = read_page(reply({"items": [{"id": ID, "name": "n"}, {"id": ID, "name": ""} | odd]}))
    assert page == Page(
        (
            ListedConnection(ConnectionId(ID), "n", None),
            ListedConnection(ConnectionId(ID), "", None, etag="v"),
        ),
        None,
    )


ODD_REPLIES = {
    "status": (reply({"items": []}, status=206), "status 206 instead of 200"),
    "cut": (reply(None, body_state=BodyState.CUT), "the body was cut"),
    "not-json": (reply(None, body_state=BodyState.NOT_JSON), "the body is not JSON"),
    "empty": (reply(None), "the body is not a JSON object"),
    "list": (reply([]), "the body is not a JSON object"),
    "no-items": (reply({}), "the page has no list of items"),
    "items-object": (reply({"items": {}}), "the page has no list of items"),
    "item-text": (reply({"items": ["x"]}), "an item is not an object"),
    "item-without-id": (reply({"items": [{"name": "n"}]}), "an item has no readable id"),
    "item-with-number-id": (reply({"items": [{"id": 5, "name": "n"}]}), "an item has no readable id"),
    "item-without-name": (reply({"items": [{"id": ID}]}), "an item has no name"),
    "links-list": (reply({"items": [], "_links": []}), "the links of the page are not an object"),
    "next-text": (
        reply({"items": [], "_links": {"next": "x"}}),
        "the link to the next page is not an object",
    ),
    "href-number": (
        reply({"items": [], "_links": {"next": {"href": 5}}}),
        "the link to the next page is not text",
    ),
    "href-no-url": (
        reply({"items": [], "_links": {"next": {"href": "http://[x"}}}),
        "the link to the next page is not a URL",
    ),
}


@pytest.mark.parametrize(("given_reply", "reason"), ODD_REPLIES.values(), ids=ODD_REPLIES.keys())
def test_read_page_anything_less_than_a_whole_page_is_odd(given_reply: Reply, reason: str) -> None:
    """Only a whole 200 with readable items is a page."""
    assert read_page(given_reply) == OddPage(reason)


@pytest.mark.parametrize(
    ("href", "token"),
    [
        ("/connections?continuationToken=abc", "abc"),
        ("https://evil.example/x?limit=2&continuationToken=a%2Bb%3D%3D#frag", "a+b=="),
        ("?continuationToken=a+b/c==", "a+b/c=="),
        ("/connections?continuationToken=abc&continuationToken=abc", "abc"),
    ],
    ids=["relative", "other-host", "raw-base64", "said-twice"],
)
def test_read_page_next_link_gives_only_its_token(href: str, token: str) -> None:
    """Of a link nothing but the token is used."""
    assert read_page(reply({"items": [], "_links": {"next": {"href": href}}})) == Page((), token)


@pytest.mark.parametrize(
    "href",
    [
        "/connections",
        "/connections?continuationToken=",
        "/connections?continuationToken",
        "/c?continuationToken=a&continuationToken=b",
    ],
    ids=["none", "empty", "bare", "two"],
)
def test_read_page_next_link_without_a_certain_token_is_odd(href: str) -> None:
    """A chain that goes on nobody knows where is not at its end."""
    assert read_page(reply({"items": [], "_links": {"next": {"href": href}}})) == OddPage(
        "the link to the next page has no continuation token"
    )


@pytest.mark.parametrize(
    "links",
    [None, {}, {"next": None}, {"next": {}}, {"next": {"href": None}}, {"next": {"href": ""}}],
    ids=["null", "empty", "null-next", "empty-next", "null-href", "empty-href"],
)
def test_read_page_no_next_link_ends_the_chain(links: object) -> None:
    """Without a link to follow the page is the last one."""
    assert read_page(reply({"items": [], "_links": links})) == Page((), None)


CONNECTION_STRINGS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "postgresql": (
        "Server=db1;Database=d1;Port=5432;UID=u1;Password=hunter2;EncryptionMethod=1",
        (("server", "db1"), ("database", "d1"), ("username", "u1")),
    ),
    "other-words": (
        "host = db1 ; User Id=u1;PWD=hunter2",
        (("server", "db1"), ("username", "u1")),
    ),
    "twice": ("Server=a;Server=b;Database=d1;Password=hunter2", (("database", "d1"),)),
    "quoted": ('Server=db1;Password="hunter2;Database=x"', ()),
    "masked": ("********", ()),
    "jdbc": (
        "jdbc:snowflake://acme.example.com/?user=u1&password=hunter2&db=d1",
        (("server", "acme.example.com"), ("database", "d1"), ("username", "u1")),
    ),
    "empty-value": ("Server=;Database;UID= ", ()),
}


@pytest.mark.parametrize(("text", "expected"), CONNECTION_STRINGS.values(), ids=CONNECTION_STRINGS.keys())
def test_read_page_connection_string_keeps_three_keys_only(
    text: str, expected: tuple[tuple[str, str], ...]
) -> None:
    """Server, database and user are read out of a clear connection string; the string is not kept."""
    item = {"id": ID, "name": "n", "auth": {"params": {"connectionString": text}}}
    page = read_page(reply({"items": [item]}))
    assert isinstance(page, Page)
    assert page.items[0].visible == expected
    assert "hunter2" not in repr(page)


def test_read_page_parameters_of_other_sources_are_kept_as_far_as_they_are_compared() -> None:
    """Not every source calls its server a server; keys, tokens and the rest are dropped all the same."""
    params = {"account": "acme", "privateKey": "k", "warehouse": "w", "host": "h", "accessToken": "t"}
    page = read_page(reply({"items": [{"id": ID, "name": "n", "auth": {"params": params}}]}))
    assert isinstance(page, Page)
    assert page.items[0].visible == (("host", "h"), ("account", "acme"))


def test_read_page_parameter_beside_a_connection_string_wins() -> None:
    """What the service says by name counts more than what was parsed."""
    params = {"connectionString": "Server=old;UID=u", "server": "new", "database": 7}
    page = read_page(reply({"items": [{"id": ID, "name": "n", "auth": {"params": params}}]}))
    assert isinstance(page, Page)
    assert page.items[0].visible == (("server", "new"), ("username", "u"))


@pytest.mark.parametrize(
    ("given_reply", "count"),
    [
        (reply({"count": 0}), 0),
        (reply({"count": 17}), 17),
        (reply({"count": -1}), None),
        (reply({"count": True}), None),
        (reply({"count": "17"}), None),
        (reply({}), None),
        (reply(None, body_state=BodyState.CUT), None),
        (reply({"count": 1}, status=500), None),
    ],
    ids=["zero", "some", "negative", "bool", "text", "missing", "cut", "status"],
)
def test_read_count_only_a_number_counts(given_reply: Reply, count: int | None) -> None:
    """None means that the number is not known."""
    assert read_count(given_reply) == count


CREATED: dict[str, tuple[object, str | None, tuple[str | None, str | None]]] = {
    "body": ({"id": ID, "etag": ETAG}, None, (ID, ETAG)),
    "both": ({"id": ID, "etag": ETAG}, f"https://x/flowservice/connections/{ID}", (ID, ETAG)),
    "both-in-other-case": ({"id": ID}, f"/connections/{ID.upper()}/", (ID, None)),
    "location-only": (None, f"/connections/{ID}", (ID, None)),
    "location-with-query": (None, f"/connections/{ID}?x=/y", (ID, None)),
    "bare-location": (None, ID, (ID, None)),
    "body-id-unreadable": ({"id": 5, "etag": ETAG}, f"/connections/{ID}", (ID, ETAG)),
    "contradiction": ({"id": ID, "etag": ETAG}, "/connections/another", (None, None)),
    "nothing": ({"etag": ETAG}, None, (None, None)),
    "collection": (None, "https://x/flowservice/connections", (None, None)),
    "collection-bare": (None, "connections", (None, None)),
    "other-resource": (None, "/flows/1", (None, None)),
    "empty-location": (None, "", (None, None)),
    "location-no-url": (None, "http://[x", (None, None)),
    "id-with-slash": ({"id": "a/b"}, None, (None, None)),
    "id-with-blank": ({"id": "a b"}, None, (None, None)),
    "id-with-encoded-slash": (None, "/connections/a%2Fb", (None, None)),
    "id-empty": ({"id": ""}, None, (None, None)),
    "id-long": ({"id": "x" * 201}, None, (None, None)),
    "id-with-line": ({"id": "a\nb"}, None, (None, None)),
    "list": ([ID], None, (None, None)),
    "etag-number": ({"id": ID, "etag": 5}, None, (ID, None)),
    "etag-long": ({"id": ID, "etag": "x" * 501}, None, (ID, None)),
    "etag-empty": ({"id": ID, "etag": ""}, None, (ID, None)),
    "etag-with-line": ({"id": ID, "etag": "a\nb"}, None, (ID, None)),
}


@pytest.mark.parametrize(("body", "location", "expected"), CREATED.values(), ids=CREATED.keys())
def test_read_created_gives_a_certain_id_or_none(
    body: object, location: str | None, expected: tuple[str | None, str | None]
) -> None:
    """The id comes from body or Location; where they disagree there is none."""
    assert read_created(Reply(201, body, location=location)) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["items", "id", "name", "_links", "next", "href", "auth", "params", "count", "etag"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


def test_read_ids_wants_ids_alone() -> None:
    """Source connections and flows need no name to be counted."""
    links = {"next": {"href": "/x?continuationToken=t"}}
    body = {"items": [{"id": "a"}, {"id": "b", "name": 5}], "_links": links}
    assert read_ids(reply(body)) == IdPage(("a", "b"), "t")
    assert read_ids(reply({"items": []})) == IdPage((), None)


@pytest.mark.parametrize(
    "body", [{}, {"items": {}}, {"items": [5]}, {"items": [{}]}, {"items": [{"id": ""}]}, [], None], ids=repr
)
def test_read_ids_of_anything_less_than_a_whole_page_is_odd(body: object) -> None:
    """One that cannot be read may be the one that counts."""
    assert isinstance(read_ids(reply(body)), OddPage)


@given(body=json_values, items=json_values, links=json_values, location=st.none() | st.text())
def test_readers_any_json_value_never_raise(
    body: object, items: object, links: object, location: str | None
) -> None:
    """Nonsense is odd, none, or a page; never an exception."""
    for value in (body, {"items": items, "_links": links}, {"items": [items]}):
        assert isinstance(read_page(reply(value)), Page | OddPage)
        read_count(reply(value))
        read_created(Reply(201, value, location=location))
