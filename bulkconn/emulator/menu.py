"""The menu of faults: a name for everything that can be made to go wrong.

Knows names, places and lengths only. What a fault does on the wire is in `sabotage.py`, when it strikes
is in `faults.py`.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Fault", "Place", "fault_menu"]


class Place(StrEnum):
    """What draws a fault."""

    #: A POST /connections whose headers are in order.
    POST = "post"
    #: A GET of /connections, /connections/{id} or /connectionSpecs/{id} whose headers are in order.
    LOOKUP = "get"
    #: A DELETE /connections/{id} whose headers are in order.
    DELETE = "delete"
    #: A PATCH of a connection whose headers are in order.
    PATCH = "patch"
    #: A newly accepted TCP connection.
    ACCEPT = "accept"
    #: A request for a token.
    TOKEN = "token"  # noqa: S105 - the name of a place, not a secret


class Fault(StrEnum):
    """Everything that can be made to go wrong.

    Those in a `get_`, `delete_`, `patch_` or `token_` name strike there.
    """

    #: Nothing goes wrong; for scripts.
    OK = "ok"
    #: A newly accepted TCP connection is reset before a byte of it is read. Which request it would have
    #: carried is unknown, so it has no script by name, and kept-alive connections never meet it.
    REFUSE = "refuse"
    #: The connection is reset; nothing is created.
    RESET_BEFORE = "reset_before"
    #: Created, then the connection is reset without an answer.
    RESET_AFTER_CREATE = "reset_after_create"
    #: 500 in Flow Service's shape; nothing is created.
    STATUS_500_BEFORE = "status_500_before"
    #: Created, then 500 in Flow Service's shape.
    STATUS_500_AFTER = "status_500_after"
    #: 503 without a body; nothing is created. Seconds: the Retry-After header, none without.
    STATUS_503 = "status_503"
    #: Created, then 504 from the gateway.
    STATUS_504_AFTER = "status_504_after"
    #: Created at once, answered late. Seconds: the delay.
    SLOW = "slow"
    #: Takes effect late, even if the client has gone by then. Seconds: the delay.
    SLOW_CREATE = "slow_create"
    #: Created; 201 without Location, and the connection closes in the middle of the body.
    CUT_BODY = "cut_body"
    #: Created; 201 without Location, and the body is not JSON.
    BAD_JSON = "bad_json"
    #: Created; 201 without Location, and the body is `{}`.
    NO_ID = "no_id"
    #: Created; 201 with Location and an empty body.
    LOCATION_ONLY = "location_only"
    #: Created; 201 with the usual body, without Location.
    BODY_ONLY = "body_only"
    #: 429 in the gateway's shape with Retry-After; nothing is created. Seconds: the header.
    STATUS_429 = "status_429"
    #: 429 as a page of HTML without Retry-After; nothing is created.
    STATUS_429_ODD = "status_429_odd"
    #: Created, then 429 as a page of HTML without Retry-After.
    STATUS_429_ODD_AFTER = "status_429_odd_after"
    #: This and every API request that follows gets the gateway's 429. Seconds: for how long.
    STORM_429 = "storm_429"
    #: The token of this request is revoked: 401 now and whenever it is used again.
    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - the name of a fault, not a secret
    #: The service goes down: every connection is reset, new ones are refused. Seconds: for how long.
    DOWN = "down"
    #: This and every API request that follows gets 503. Seconds: for how long.
    OUTAGE = "outage"
    #: 302 to another host; nothing is created.
    REDIRECT_302 = "redirect_302"
    #: 400 in Flow Service's shape (1312-400); nothing is created.
    STATUS_400 = "status_400"
    #: 400 in Flow Service's shape (1100-400): the organisation is not entitled to the source.
    NOT_ENTITLED = "not_entitled"
    #: 403 in the gateway's shape (403025); nothing is created.
    STATUS_403 = "status_403"
    #: 404 as plain text without any code, as from a wrong path; nothing is created.
    STATUS_404_PLAIN = "status_404_plain"
    #: 408 in Flow Service's shape (1006-408); nothing is created.
    STATUS_408 = "status_408"
    #: 409 in the older shape; nothing is created. No page documents this status.
    STATUS_409 = "status_409"
    #: 413 in the framework's shape; nothing is created.
    STATUS_413 = "status_413"
    #: 422 in the older shape; nothing is created.
    STATUS_422 = "status_422"
    #: Created, then a line that is no HTTP.
    GARBAGE = "garbage"
    #: 400 whose text repeats the whole request body, secrets included; nothing is created.
    ECHO = "echo"
    #: Nothing goes wrong with a lookup; for scripts.
    GET_OK = "get_ok"
    #: 500 in Flow Service's shape.
    GET_STATUS_500 = "get_status_500"
    #: 403 in the gateway's shape (403025).
    GET_STATUS_403 = "get_status_403"
    #: 429 in the gateway's shape with Retry-After. Seconds: the header.
    GET_STATUS_429 = "get_status_429"
    #: 404 as plain text without any code.
    GET_STATUS_404_PLAIN = "get_status_404_plain"
    #: The connection is reset.
    GET_RESET = "get_reset"
    #: The answer is right, and late. Seconds: the delay.
    GET_SLOW = "get_slow"
    #: 200, and the connection closes in the middle of the body.
    GET_CUT_BODY = "get_cut_body"
    #: 200, and the body is not JSON.
    GET_BAD_JSON = "get_bad_json"
    #: 200 with `{"items": {}}`.
    GET_ODD_SHAPE = "get_odd_shape"
    #: A next link that leads to the same page over and over.
    GET_REPEAT_TOKEN = "get_repeat_token"  # noqa: S105 - the name of a fault, not a secret
    #: A next link on another host; its token is the right one.
    GET_FOREIGN_NEXT = "get_foreign_next"
    #: One connection is missing from an otherwise whole answer; a lookup by id finds nothing.
    GET_HIDE = "get_hide"
    #: Nothing goes wrong with a DELETE; for scripts.
    DELETE_OK = "delete_ok"
    #: The connection is reset; nothing is deleted.
    DELETE_RESET = "delete_reset"
    #: Deleted, then the connection is reset without an answer.
    DELETE_RESET_AFTER = "delete_reset_after"
    #: 500 in Flow Service's shape; nothing is deleted.
    DELETE_STATUS_500 = "delete_status_500"
    #: Deleted, then 504 from the gateway.
    DELETE_STATUS_504_AFTER = "delete_status_504_after"
    #: Deleted, and answered with 202, as the destinations API documents.
    DELETE_STATUS_202 = "delete_status_202"
    #: 404 as plain text without any code; nothing is deleted.
    DELETE_STATUS_404_PLAIN = "delete_status_404_plain"
    #: 400 in Flow Service's shape (1416-400): not in this state; nothing is deleted.
    DELETE_STATUS_400 = "delete_status_400"
    #: Deleted at once, answered late. Seconds: the delay.
    DELETE_SLOW = "delete_slow"
    #: Nothing goes wrong with a PATCH; for scripts.
    PATCH_OK = "patch_ok"
    #: The connection is reset; nothing is changed.
    PATCH_RESET_BEFORE = "patch_reset_before"
    #: Changed, then the connection is reset without an answer.
    PATCH_RESET_AFTER = "patch_reset_after"
    #: 500 in Flow Service's shape; nothing is changed.
    PATCH_STATUS_500_BEFORE = "patch_status_500_before"
    #: Changed, then 500 in Flow Service's shape.
    PATCH_STATUS_500_AFTER = "patch_status_500_after"
    #: 429 in the gateway's shape with Retry-After; nothing is changed. Seconds: the header.
    PATCH_STATUS_429 = "patch_status_429"
    #: The token of this request is revoked: 401 now and whenever it is used again.
    PATCH_REVOKE_TOKEN = "patch_revoke_token"  # noqa: S105 - the name of a fault, not a secret
    #: Changed at once, answered late. Seconds: the delay.
    PATCH_SLOW = "patch_slow"
    #: Changed; 200, and the connection closes in the middle of the body.
    PATCH_CUT_BODY = "patch_cut_body"
    #: Changed; 200, and the body is not JSON.
    PATCH_BAD_JSON = "patch_bad_json"
    #: Somebody else changes the connection just before: 412, whatever the etag says.
    PATCH_OVERTAKEN = "patch_overtaken"
    #: 400 whose text repeats the whole request body, secrets included; nothing is changed.
    PATCH_ECHO = "patch_echo"
    #: The token endpoint works; for scripts.
    TOKEN_OK = "token_ok"  # noqa: S105 - the name of a fault, not a secret
    #: The token endpoint answers 500.
    TOKEN_STATUS_500 = "token_status_500"  # noqa: S105 - the name of a fault, not a secret
    #: The token endpoint answers 429 with Retry-After. Seconds: the header.
    TOKEN_STATUS_429 = "token_status_429"  # noqa: S105 - the name of a fault, not a secret

    @property
    def place(self) -> Place:
        """What draws this fault."""
        if self is Fault.REFUSE:
            return Place.ACCEPT
        for place in (Place.LOOKUP, Place.DELETE, Place.PATCH, Place.TOKEN):
            if self.value.startswith(f"{place}_"):
                return place
        return Place.POST

    @property
    def creates(self) -> bool:
        """Whether a POST that meets it creates a connection all the same."""
        return self in _CREATES

    @property
    def takes_seconds(self) -> bool:
        """Whether its length, its delay or its Retry-After can be chosen."""
        return self in _TAKES_SECONDS

    @property
    def usual_seconds(self) -> float:
        """Its seconds for a plan that does not say; 0 where it has none."""
        return _USUAL_SECONDS.get(self, 0.0)


#: Seconds of the faults that last, for a plan that does not say.
_USUAL_SECONDS = {
    Fault.SLOW: 1.0,
    Fault.SLOW_CREATE: 1.0,
    Fault.STATUS_429: 1.0,
    Fault.STORM_429: 2.0,
    Fault.DOWN: 2.0,
    Fault.OUTAGE: 2.0,
    Fault.GET_STATUS_429: 1.0,
    Fault.GET_SLOW: 1.0,
    Fault.DELETE_SLOW: 1.0,
    Fault.PATCH_STATUS_429: 1.0,
    Fault.PATCH_SLOW: 1.0,
    Fault.TOKEN_STATUS_429: 1.0,
}
_TAKES_SECONDS = frozenset({*_USUAL_SECONDS, Fault.STATUS_503})

_CREATES = frozenset(
    {
        Fault.OK,
        Fault.RESET_AFTER_CREATE,
        Fault.STATUS_500_AFTER,
        Fault.STATUS_504_AFTER,
        Fault.SLOW,
        Fault.SLOW_CREATE,
        Fault.CUT_BODY,
        Fault.BAD_JSON,
        Fault.NO_ID,
        Fault.LOCATION_ONLY,
        Fault.BODY_ONLY,
        Fault.STATUS_429_ODD_AFTER,
        Fault.GARBAGE,
    }
)


def fault_menu() -> str:
    """Give the names of all faults, separated by commas; `*` marks those that take seconds."""
    return ", ".join(f"{fault}*" if fault.takes_seconds else str(fault) for fault in Fault)
