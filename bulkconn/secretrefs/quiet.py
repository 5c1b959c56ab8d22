"""Libraries that must not write on their own: at debug level some of them log whole answers."""

from __future__ import annotations

import logging

_ABOVE_ALL = logging.CRITICAL + 1


def silence(*names: str) -> None:
    """Let the loggers of these names, and all below them, say nothing; call it once they are imported.

    A variable of the environment may have set levels of their own (`GOOGLE_SDK_PYTHON_LOGGING_SCOPE`), so
    each is silenced by itself.
    """
    for name in (*names, *list(logging.root.manager.loggerDict)):
        if any(name == one or name.startswith(f"{one}.") for one in names):
            logging.getLogger(name).setLevel(_ABOVE_ALL)
