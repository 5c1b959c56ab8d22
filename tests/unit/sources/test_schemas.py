"""The emulator's JSON Schemas, a second reading of Adobe's pages, agree with what the sources build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.request import build_request
from bulkconn.emulator.errors import FlowServiceError
from bulkconn.emulator.settings import Cloud
from bulkconn.emulator.specs import Catalogue, load_catalogue
from bulkconn.sources import ALL
from tests.unit.sources.rows import SPECS, complete_row, minimal_row, valid

if TYPE_CHECKING:
    from bulkconn.core.source import AuthSpec, Source


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """Give the emulator's connection specs."""
    return load_catalogue()


def _body(source: Source, auth: AuthSpec) -> dict[str, Any]:
    return build_request(valid(complete_row(source, auth)), {}).body()


def test_emulator_has_the_auth_specs_of_the_sources(catalogue: Catalogue) -> None:
    """The same connection specs, versions and auth spec names on each cloud, and no others."""
    assert {
        (cloud.value, document["id"], document["version"], auth_spec["name"])
        for cloud in Cloud
        for document in catalogue.documents(cloud)
        for auth_spec in document["authSpec"]
    } == {
        (auth.platform_cloud.value, source.connection_spec_id, "1.0", auth.spec_name)
        for source in ALL
        for auth in source.auths
    }


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_schema_takes_complete_and_minimal_bodies(
    source: Source, auth: AuthSpec, catalogue: Catalogue
) -> None:
    """What the examples and what the required columns alone make is accepted on the row's cloud."""
    cloud = Cloud(auth.platform_cloud.value)
    catalogue.check_body(_body(source, auth), cloud)
    catalogue.check_body(build_request(valid(minimal_row(source, auth)), {}).body(), cloud)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_schema_knows_the_same_parameters_and_secrets(
    source: Source, auth: AuthSpec, catalogue: Catalogue
) -> None:
    """Another parameter is refused, and what we hold secret the schema marks as a password."""
    body = _body(source, auth)
    body["auth"]["params"]["colour"] = "red"
    with pytest.raises(FlowServiceError, match="colour"):
        catalogue.check_body(body, Cloud(auth.platform_cloud.value))
    ours = {what.name for what in auth.parameters if what.secret}
    assert ours <= catalogue.secret_params(source.connection_spec_id, auth.spec_name)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_schema_refuses_a_body_without_a_required_parameter(
    source: Source, auth: AuthSpec, catalogue: Catalogue
) -> None:
    """What a page requires, the schema requires; what has a default may be left to the service."""
    for what in auth.parameters:
        body = _body(source, auth)
        body["auth"]["params"].pop(what.name, None)
        if (what.required and what.default is None) or not body["auth"]["params"]:
            with pytest.raises(FlowServiceError) as raised:
                catalogue.check_body(body, Cloud(auth.platform_cloud.value))
            assert raised.value.code == "1304-400"
        else:
            catalogue.check_body(body, Cloud(auth.platform_cloud.value))


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_schema_allows_what_the_source_allows(source: Source, auth: AuthSpec, catalogue: Catalogue) -> None:
    """Every documented value is accepted, another one is not."""
    for what in auth.parameters:
        body = _body(source, auth)
        for value in what.allowed:
            body["auth"]["params"][what.name] = value
            catalogue.check_body(body, Cloud(auth.platform_cloud.value))
        if what.allowed:
            body["auth"]["params"][what.name] = "neither"
            with pytest.raises(FlowServiceError, match=what.name):
                catalogue.check_body(body, Cloud(auth.platform_cloud.value))
