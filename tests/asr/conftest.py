from __future__ import annotations

import pytest

from tests.asr.families import FAMILIES, Family, Pair, make_pair


@pytest.fixture(scope="session", params=FAMILIES, ids=lambda family: family.name)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Each family's model in transformers and exported; made once."""
    family: Family = request.param
    return make_pair(family, tmp_path_factory.mktemp(family.name))
