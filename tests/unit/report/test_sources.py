"""What `sources` prints: one screen for each source, and the documented JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.inventory.templates import example
from bulkconn.report.sources import render_source, render_sources, source_json
from bulkconn.sources import ALL, find_source

if TYPE_CHECKING:
    from bulkconn.core.source import Source


def _screen(source: Source) -> list[str]:
    return render_source(source, example=example(source)).splitlines()


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_source_fits_one_screen(source: Source) -> None:
    """Forty lines of eighty columns, counting how often a terminal breaks the lines of the CSV."""
    lines = _screen(source)
    text = lines[: next(number for number, line in enumerate(lines) if line.startswith("name,"))]
    assert all(len(line) <= 80 for line in text)
    assert sum(-(-max(len(line), 1) // 80) for line in lines) <= 40


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_source_names_every_way_column_value_and_caution(source: Source) -> None:
    """Nothing that the catalogue knows of a source is left out."""
    screen = " ".join(" ".join(_screen(source)).split())
    wanted = {*source.aliases, source.slug, source.title, source.connection_spec_id, *source.notes}
    for auth in source.auths:
        wanted |= {f"auth = {auth.auth} on {auth.platform_cloud}", f'"{auth.spec_name}"'}
        wanted |= {what.name for what in auth.parameters} | {part.column for part in auth.string_parts}
        wanted |= {", ".join(what.allowed) for what in auth.parameters}
        wanted |= {", ".join(part.allowed) for part in auth.string_parts}
        wanted |= {f"{what.default} if left out" for what in auth.parameters if what.default}
    wanted |= {one.message for one in (*source.cautions, *(c for a in source.auths for c in a.cautions))}
    assert not {text for text in wanted if " ".join(text.split()) not in screen}


def test_source_as_text_reads_as_documented() -> None:
    """Ways, a table of columns by way, a warning, a working example."""
    hive = find_source("hive")
    assert hive is not None
    assert _screen(hive) == [
        "Apache Hive on Azure HDInsights: source = hive (also apache-hive)",
        "connection spec aac9bbd4-6c01-46ce-b47e-51c6f0f6db3f, version 1.0",
        "",
        'A auth = connection_string on azure "HDInsights Basic Authentication"',
        'B auth = basic on azure             "HDInsights Basic Authentication"',
        "",
        "                   A B",
        "connectionString*  ? .  Whole connection string; no pattern is documented",
        "host               . ?  Host name or IP address",
        "username           . ?  Login name",
        "password*          . ?  Password of the login",
        "? maybe required, no page says; * secret, best as a reference",
        "",
        "warning: Adobe's page of hive contradicts itself: its table has host, username",
        "  and password, its body a connectionString: give the row the other way",
        "  (auth=basic or auth=connection_string) if the service refuses it",
        "Spark, whose auth spec has the same name, takes host, username and password.",
        "",
        "with HIVE_CONNECTION_STRING, HIVE_PASSWORD set,",
        "as CSV:",
        "name,source,platform_cloud,auth,sandbox,connectionString,host,username,password",
        *example(hive).splitlines()[1:],
    ]


def test_source_without_notes_has_none() -> None:
    """No heading stands over nothing."""
    spark = find_source("spark")
    assert spark is not None
    assert "password*  x  Password of the login\nx required; * secret, best as a reference\n\nwith" in (
        "\n".join(_screen(spark))
    )


def test_list_of_sources_has_two_lines_each_and_says_how_to_go_on() -> None:
    """Names, title and ways of all; the last line says what shows more."""
    lines = render_sources(ALL).splitlines()
    assert lines[:2] == [
        "postgres (also postgresql): PostgreSQL",
        "  connection_string on azure, basic on azure, basic on aws",
    ]
    assert "couchbase: Couchbase" in lines
    assert len(lines) == 2 * len(ALL) + 2
    assert "`bulkconn sources NAME`" in lines[-1]


def test_json_of_a_source_has_the_documented_keys() -> None:
    """Scripts rest on these keys; a part of a string is required only where there is no whole."""
    phoenix = find_source("phoenix")
    assert phoenix is not None
    assert source_json(phoenix) == {
        "source": "phoenix",
        "aliases": ["apache-phoenix"],
        "title": "Phoenix",
        "connection_spec_id": "102706fb-a5cd-42ee-afe0-bc42f017ff43",
        "auths": [
            {
                "auth": "basic",
                "spec_name": "Basic Authentication",
                "platform_cloud": "azure",
                "columns": [
                    {"name": name, "required": True, "secret": secret, "allowed": allowed, "default": None}
                    for name, secret, allowed in (
                        ("host", False, []),
                        ("username", False, []),
                        ("password", True, []),
                        ("port", False, []),
                        ("httpPath", False, []),
                        ("enableSsl", False, ["true", "false"]),
                    )
                ],
            }
        ],
    }
    postgres = find_source("postgres")
    assert postgres is not None
    (string, *_) = source_json(postgres)["auths"]
    assert not any(column["required"] for column in string["columns"])
