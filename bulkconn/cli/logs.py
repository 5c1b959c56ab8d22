"""structlog, set up once a process: to stderr, for people on a terminal and as JSON elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

MASK: Final = "***"
#: Keys whose values are never written, whoever logs them: the second lock behind SecretStr.
SECRET_KEYS: Final = frozenset(
    {
        *("password", "passwd", "pwd", "secret", "token", "key", "api_key", "x-api-key", "credentials"),
        *("connectionstring", "connection_string", "access_token", "accesstoken", "refresh_token"),
        *("client_secret", "clientsecret", "authorization", "auth", "auth_params", "params", "body"),
        *("payload", "headers", "request", "cookie", "dsn"),
        # Secret parameters and parts of single sources, under both of their spellings.
        *("privatekey", "private_key", "privatekeypassphrase", "private_key_passphrase", "refreshtoken"),
        *(
            "keyfilecontent",
            "key_file_content",
            "serviceprincipalkey",
            "service_principal_key",
            "account_key",
        ),
    }
)


#: Events that the live view of a run shows, in its own way.
_IN_VIEW: Final = ("row.", "gate.", "place.", "service.", "token.renewed", "run.started", "run.ended")


class _Stderr:
    """The stderr of the moment: the live view replaces `sys.stderr` while it draws."""

    def write(self, text: str) -> int:
        """Write to it."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stderr.flush()


def redact_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask the values of secret keys, also inside mappings."""
    return cast("EventDict", _masked(event))


def drop_what_a_view_shows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what the live view shows already.

    Raises:
        structlog.DropEvent: this is such an event.
    """
    if str(event.get("event", "")).startswith(_IN_VIEW):
        raise structlog.DropEvent
    return event


def configure_logs(
    log_format: str | None, level: str | None, *, beside_view: bool = False
) -> FilteringBoundLogger:
    """Set structlog up and give the logger.

    Args:
        log_format: `console` or `json`; None decides by whether stderr is a terminal.
        level: `debug`, `info`, `warning` or `error`; None is `info`.
        beside_view: A live view is drawn: what it shows is not logged too, unless format or level were given.
    """
    is_console = sys.stderr.isatty() if log_format is None else log_format == "console"
    renderer: Processor
    if is_console:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_no_values)
    else:
        renderer = structlog.processors.JSONRenderer(serializer=_dump)
    quiet = [drop_what_a_view_shows] if beside_view and log_format is None and level is None else []
    structlog.configure(
        processors=[
            *quiet,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, (level or "info").upper())),
        logger_factory=_factory(is_console=is_console),
        cache_logger_on_first_use=True,
    )
    return cast("FilteringBoundLogger", structlog.get_logger())


def _factory(*, is_console: bool) -> Any:  # noqa: ANN401 - one of two factories of structlog
    if is_console or not hasattr(sys.stderr, "buffer"):
        return structlog.WriteLoggerFactory(file=cast("TextIO", _Stderr()))
    return structlog.BytesLoggerFactory(file=sys.stderr.buffer)


def _dump(event: Any, **_options: Any) -> bytes | str:  # noqa: ANN401 - structlog's signature
    raw = orjson.dumps(event, default=str)
    return raw if hasattr(sys.stderr, "buffer") else raw.decode()


def _no_values(sio: TextIO, exc_info: Any) -> None:  # noqa: ANN401 - structlog's signature
    """Write an exception's kind alone: its text may hold a payload."""
    sio.write(exc_info[0].__name__ if exc_info and exc_info[0] else "")


def _masked(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: MASK if name.lower() in SECRET_KEYS else _masked(value) if isinstance(value, dict) else value
        for name, value in mapping.items()
    }
