"""The bodies of `sources` and `template`: what can be onboarded, and an inventory to fill in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.failure import print_json
from bulkconn.core.custom import SHOWN, is_custom
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.core.source import PlatformCloud
from bulkconn.core.suggest import nearest
from bulkconn.inventory.formats import InventoryFormat
from bulkconn.inventory.templates import example
from bulkconn.inventory.templates import template as skeleton
from bulkconn.report.sources import render_source, render_sources, source_json
from bulkconn.sources import ALL, find_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.source import Source


def sources(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn sources` was asked for, and give the exit code."""
    name = params["name"]
    chosen = (*ALL, SHOWN) if name is None else (_found(name),)
    if params["output"] == "json":
        print_json([source_json(source) for source in chosen])
    elif name is None:
        click.echo(render_sources(chosen))
    else:
        click.echo(render_source(chosen[0], example=example(chosen[0])))
    return int(ExitCode.OK)


def template(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn template` was asked for, and give the exit code."""
    # Two names of one source are one source.
    chosen = tuple({source.slug: source for source in map(_found, params["source"])}.values())
    cloud = params["platform_cloud"]
    text = skeleton(
        chosen,
        platform_cloud=PlatformCloud(cloud) if cloud else None,
        auth=params["auth"],
        format=InventoryFormat(params["format_"]),
    )
    click.echo(text, nl=False)
    return int(ExitCode.OK)


def _found(name: str) -> Source:
    """Give the source of a name.

    Raises:
        UsageError: there is none; the remedy guesses which was meant.
    """
    source = SHOWN if is_custom(name) else find_source(name)
    if source is not None:
        return source
    names = [one for known in (*ALL, SHOWN) for one in (known.slug, *known.aliases)]
    guess = nearest(name, names)
    raise UsageError(
        f"there is no source named {name!r}; known are {', '.join(known.slug for known in (*ALL, SHOWN))}",
        fix=f"did you mean {guess}?" if guess else "`bulkconn sources` lists what there is",
    )
