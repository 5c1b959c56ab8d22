"""`.env` and `bulkconn.toml` of the current directory, which stand behind flags and environment.

flag > environment > `.env` > files named by `..._FILE` > `bulkconn.toml` > `--adobe-config` (for the keys
that it has) > default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from bulkconn.core.errors import UsageError

_TOML: Final = "bulkconn.toml"
_DOTENV: Final = ".env"

#: Flags that `bulkconn.toml` may set for every command that has them, and `scopes`, which has no flag.
KEYS: Final = (
    *("ledger", "output", "log_format", "log_level"),
    *("base_url", "ims_url", "client_id", "org_id", "adobe_config", "insecure_http", "timeout"),
    *("sandbox", "platform_cloud", "encoding", "skip_invalid", "forbid_plaintext_secrets"),
    "check_specs",
    *("rate", "concurrency", "max_attempts", "max_resends", "settle_grace", "max_wait", "drain"),
    *("on_existing", "marker", "scopes", "events", "otel"),
)
_SECRETS: Final = ("client_secret", "access_token")
#: Variables that name a file with the value of another one: containers are given secrets so. `PGPASSWORD` is
#: libpq's, for the ledger.
FROM_FILES: Final = (
    *("BULKCONN_CLIENT_SECRET_FILE", "BULKCONN_ACCESS_TOKEN_FILE", "BULKCONN_INVENTORY_AUTHORIZATION_FILE"),
    *("BULKCONN_LEDGER_FILE", "PGPASSWORD_FILE", "BULKCONN_NOTIFY_FILE"),
    "BULKCONN_SERVE_TOKEN_FILE",
)


def load_dotenv() -> None:
    """Add what `.env` says to the environment, where that says nothing.

    Raises:
        UsageError: the file cannot be read.
    """
    path = Path(_DOTENV)
    if not path.is_file():
        return
    from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file

    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read", fix="save it as UTF-8 text that you may read") from error
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)


def load_secret_files() -> None:
    """Add what files such as `BULKCONN_CLIENT_SECRET_FILE` hold to the environment, where that says nothing.

    Raises:
        UsageError: a file cannot be read.
    """
    for variable in FROM_FILES:
        path, name = os.environ.get(variable, ""), variable.removesuffix("_FILE")
        if not path or os.environ.get(name):
            continue
        try:
            os.environ[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            # Not chained: what is wrong with the text may quote it.
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UsageError(
                f"{variable}: {path} cannot be read: {why}",
                fix="name a file of UTF-8 text that this user may read, or leave the variable out",
            ) from None


def read_toml() -> dict[str, Any]:
    """Give what `bulkconn.toml` says, keys with `_`; empty where there is no such file.

    Raises:
        UsageError: it is no TOML, has a key that no flag has, or holds a secret.
    """
    path = Path(_TOML)
    if not path.is_file():
        return {}
    import tomllib  # noqa: PLC0415 - only where there is such a file

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{_TOML} cannot be read: {error.strerror}", fix="check the file's permissions"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # Not chained: the message may quote a value.
        raise UsageError(
            f"{_TOML} is not TOML", fix='write lines such as rate = 20 or org-id = "..."'
        ) from None
    return {_checked(key): value for key, value in content.items()}


def _checked(key: str) -> str:
    name = key.replace("-", "_").lower()
    if name in _SECRETS:
        raise UsageError(
            f"{_TOML} holds {key}, and a secret has no place in it",
            fix=f"delete the line, and set BULKCONN_{name.upper()} in the environment or in {_DOTENV}",
        )
    if name not in KEYS:
        from bulkconn.core.suggest import nearest  # noqa: PLC0415 - only for mistakes

        guess = nearest(name, KEYS)
        raise UsageError(
            f"{_TOML} has a key that no flag has: {key}",
            fix=f"write {guess.replace('_', '-')}"
            if guess
            else "delete the line; keys are named as flags are",
        )
    return name
