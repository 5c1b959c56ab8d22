"""Which source, cloud and auth spec a row means; what is not documented is refused, naming what is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bulkconn.core.custom import CUSTOM
from bulkconn.core.findings import AGAIN
from bulkconn.core.source import AuthSpec, PlatformCloud, Source
from bulkconn.core.suggest import nearest
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bulkconn.core.findings import Findings

#: The auth that a row means by giving a whole connection string.
CONNECTION_STRING = "connection_string"
#: The auth that a row means by saying nothing.
BASIC = "basic"


class Choice(NamedTuple):
    """A source and one of its auth specs (which knows its cloud)."""

    source: Source
    auth: AuthSpec

    @property
    def way(self) -> str:
        """Source, cloud and auth as messages name them."""
        return f"{self.source.slug} on {self.auth.platform_cloud} with auth={self.auth.auth}"


class Asked(NamedTuple):
    """What a row says about its source: stripped texts, empty where the row is silent.

    The three columns are the headers as the file writes them.
    """

    source: str
    platform_cloud: str
    auth: str
    source_column: str
    platform_cloud_column: str
    auth_column: str


def source_index(sources: Iterable[Source]) -> dict[str, Source]:
    """Index sources by slug and alias, in lower case.

    Raises:
        ValueError: two sources answer to one name; a defect of the list.
    """
    index: dict[str, Source] = {}
    for source in sources:
        for name in (source.slug, *source.aliases):
            if index.setdefault(name.lower(), source) is not source:
                raise ValueError(f"two sources answer to {name!r}")
    return index


def choose_source(asked: Asked, index: Mapping[str, Source], findings: Findings) -> Source | None:
    """Find the source that a row names."""
    known = ", ".join(dict.fromkeys((*(source.slug for source in index.values()), CUSTOM)))
    if not asked.source:
        findings.error(
            asked.source_column,
            "source is missing",
            allowed=known,
            fix=f"name the row's source, {AGAIN}",
        )
        return None
    source = index.get(asked.source.lower())
    if source is None:
        guess = nearest(asked.source, (*index, CUSTOM))
        findings.error(
            asked.source_column,
            "source is not known",
            found=asked.source,
            allowed=known,
            fix=f"write {guess}, {AGAIN}"
            if guess
            else f"write one of these, or describe the source yourself as source=custom, {AGAIN}",
        )
    return source


def choose_cloud(asked: Asked, default: PlatformCloud | None, findings: Findings) -> PlatformCloud | None:
    """Find the cloud that Experience Platform runs on for a row: its own word wins over the default."""
    if not asked.platform_cloud:
        if default is None:
            findings.error(
                asked.platform_cloud_column,
                "platform_cloud is missing",
                allowed=", ".join(PlatformCloud),
                fix=f"say where Experience Platform runs, in the row or by --platform-cloud, {AGAIN}",
            )
        return default
    try:
        return PlatformCloud(asked.platform_cloud.lower())
    except ValueError:
        guess = nearest(asked.platform_cloud, PlatformCloud)
        findings.error(
            asked.platform_cloud_column,
            "platform_cloud is not known",
            found=asked.platform_cloud,
            allowed=", ".join(PlatformCloud),
            fix=f"write {guess or ' or '.join(PlatformCloud)}, {AGAIN}",
        )
        return None


def choose_auth(
    asked: Asked,
    source: Source,
    cloud: PlatformCloud,
    findings: Findings,
    *,
    has_connection_string: bool,
) -> Choice | None:
    """Find the auth spec that a row means.

    A silent row means `connection_string` if it gives one, else `basic` where the source has it, else
    the only one that there is.
    """
    here = {auth.auth: auth for auth in source.auths if auth.platform_cloud is cloud}
    if not here:
        clouds = ", ".join(dict.fromkeys(auth.platform_cloud.value for auth in source.auths))
        findings.error(
            asked.platform_cloud_column,
            f"{source.slug} is not documented on {cloud}{source.absent and f': {source.absent}'}",
            found=cloud.value,
            allowed=clouds,
            fix=f"correct source or platform_cloud, or give the row as source=custom, {AGAIN}",
        )
        return None
    possible = ", ".join(here)
    wanted = asked.auth.lower()
    if not wanted:
        if has_connection_string:
            wanted = CONNECTION_STRING
        elif BASIC in here:
            wanted = BASIC
        elif len(here) == 1:
            wanted = next(iter(here))
        else:
            findings.error(
                asked.auth_column,
                f"auth is missing, and {source.slug} on {cloud} has several",
                allowed=possible,
                fix=f"write one of {possible}, {AGAIN}",
            )
            return None
    if wanted in here:
        return Choice(source, here[wanted])
    _refuse_auth(asked, source, cloud, wanted, findings)
    return None


def _refuse_auth(asked: Asked, source: Source, cloud: PlatformCloud, wanted: str, findings: Findings) -> None:
    here = [auth.auth for auth in source.auths if auth.platform_cloud is cloud]
    possible = ", ".join(here)
    elsewhere = [auth.platform_cloud.value for auth in source.auths if auth.auth == wanted]
    guess = nearest(wanted, here)
    if elsewhere:
        message = (
            f"auth={wanted} is documented for {source.slug} on {', '.join(elsewhere)} only, not on {cloud}"
        )
    elif guess:
        message = "auth is not known"
    else:
        message = f"auth={shown(wanted)} is not documented for {source.slug}"
    findings.error(
        asked.auth_column,
        message,
        found=asked.auth or wanted,
        allowed=possible,
        fix=f"write auth={guess or possible}, {AGAIN}"
        if guess or len(here) == 1
        else f"write one of {possible}, {AGAIN}",
    )
