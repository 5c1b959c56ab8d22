"""The sources say what was collected from Adobe's pages, to the letter and to the last parameter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.source import AuthSpec, Need, Parameter, ValueKind
from bulkconn.sources import ALL, find_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.source import Source

_COLLECTED = Path(__file__).parents[4] / "shared" / "flow-service" / "sources.json"
_NEEDS = {True: Need.REQUIRED, False: Need.OPTIONAL, "unknown": Need.UNKNOWN}
_KINDS = {"connectionString": ValueKind.CONNECTION_STRING, "port": ValueKind.PORT}
#: Parameters that the pages want as Base64; the collection says it in words.
_BASE64 = {"privateKey", "keyFileContent"}


@pytest.fixture(scope="module")
def collected() -> dict[str, dict[str, Any]]:
    """Give what was collected, by slug, or skip."""
    if not _COLLECTED.exists():
        pytest.skip("the collected facts do not lie beside this repository")
    return {entry["source"]: entry for entry in json.loads(_COLLECTED.read_text("utf-8"))}


def test_catalogue_has_every_collected_source(collected: dict[str, dict[str, Any]]) -> None:
    """All of them, under the same slugs, in the same order."""
    assert [source.slug for source in ALL] == list(collected)


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_source_has_the_collected_ids_and_auth_specs(
    source: Source, collected: dict[str, dict[str, Any]]
) -> None:
    """Spec id, version, and each auth spec that has a documented name, on each cloud."""
    entry = collected[source.slug]
    assert source.connection_spec_id == entry["connectionSpecId"]
    assert source.connection_spec_version == entry["version"]
    assert set(_ours(source)) == {
        (cloud, spec["specName"]) for cloud, spec in _specs(entry) if spec["specName"] is not None
    }


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_parameters_of_a_source_are_the_collected_ones(
    source: Source, collected: dict[str, dict[str, Any]]
) -> None:
    """Names to the letter, need, secrecy, kind, allowed values and defaults."""
    ours = _ours(source)
    for cloud, spec in _specs(collected[source.slug]):
        if spec["specName"] is None:
            continue
        parameters = {one.name: one for auth in ours[cloud, spec["specName"]] for one in auth.parameters}
        assert set(parameters) == {one["name"] for one in spec["params"]}
        for one in spec["params"]:
            assert _facts(parameters[one["name"]]) == _collected_facts(one), one["name"]


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_strings_of_a_source_follow_the_collected_patterns(
    source: Source, collected: dict[str, dict[str, Any]]
) -> None:
    """The pattern to the letter but for the names of its places, its options, and `auth.type`."""
    ours = _ours(source)
    for cloud, spec in _specs(collected[source.slug]):
        for auth in ours.get((cloud, spec["specName"]), ()):
            assert _shape(auth.pattern) == _shape(spec["connectionStringPattern"] or "")
            options = {one["name"]: set(one["values"]) for one in spec.get("connectionStringOptions", ())}
            assert {part.key: set(part.allowed) for part in auth.string_parts if not part.always} == options
            assert auth.auth_type == spec.get("extraAuthKeys", {}).get("type")


def test_oracle_takes_both_collected_spellings(collected: dict[str, dict[str, Any]]) -> None:
    """Where pattern and example differ, both keys are documented."""
    (spec,) = [one for _, one in _specs(collected["oracle"]) if one["connectionStringPattern"]]
    assert "UserId=" in spec["connectionStringVariantInExample"]
    oracle = find_source("oracle")
    assert oracle is not None
    assert [part.also for part in oracle.auths[0].string_parts if part.key == "User Id"] == [("UserId",)]


def _specs(entry: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    return [(cloud, spec) for cloud, specs in entry["clouds"].items() for spec in specs]


def _ours(source: Source) -> dict[tuple[str, str], list[AuthSpec]]:
    """Give our auth specs by cloud and specName; Hive's one is two ways of ours."""
    found: dict[tuple[str, str], list[AuthSpec]] = {}
    for auth in source.auths:
        found.setdefault((auth.platform_cloud.value, auth.spec_name), []).append(auth)
    return found


def _shape(pattern: str) -> str:
    return re.sub(r"\{\w+\}", "{}", pattern)


def _facts(parameter: Parameter) -> dict[str, Any]:
    return {
        "need": parameter.need,
        "secret": parameter.secret,
        "kind": parameter.kind,
        "allowed": set(parameter.allowed),
        "default": parameter.default,
    }


def _collected_facts(one: dict[str, Any]) -> dict[str, Any]:
    kind = _KINDS.get(one["name"], ValueKind.TEXT)
    allowed = set(one["enum"] or ())
    if one["name"] in _BASE64:
        kind = ValueKind.BASE64
    elif one["type"] == "boolean":
        kind = ValueKind.BOOLEAN
    elif "boolean" in one["type"] or "boolean" in one["description"]:
        allowed = {"true", "false"}
    if allowed and one.get("enumStatus") == "contradictory" and one["enum"]:
        # Both pages are believed.
        allowed |= {value for page in one["enumVariants"].values() for value in page}
    return {
        "need": _NEEDS[one["required"]],
        "secret": one["secret"],
        "kind": kind,
        "allowed": allowed,
        "default": one["default"],
    }
