"""How sources are found by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkconn.core.choice import source_index
from tests.unit.core.rows import ACME, ODD


def test_source_index_of_sources_has_slugs_and_aliases() -> None:
    """Every name leads to its source."""
    assert source_index([ACME, ODD]) == {"acme": ACME, "acme-db": ACME, "odd": ODD}


def test_source_index_of_sources_that_share_a_name_raises() -> None:
    """A list in which a name means two sources is a defect."""
    with pytest.raises(ValueError, match="two sources answer to 'acme-db'"):
        source_index([ACME, replace(ODD, aliases=("acme-db",))])
