from __future__ import annotations

from dataclasses import replace

import pytest

from tests.asr.families import CLIPS, FAMILIES, Family, Pair, make_clips, make_pair
from voxduct.onnx.prepare import Precision, prepare_whisper
from voxduct.onnx.whisper import load_recogniser


@pytest.fixture(scope="session", params=FAMILIES, ids=lambda family: family.name)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Each family's model in transformers and exported; made once."""
    family: Family = request.param
    return make_pair(family, tmp_path_factory.mktemp(family.name))


@pytest.fixture(scope="session")
def prepared_pair(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same, prepared in full precision: its decoder writes its cache in place."""
    target = tmp_path_factory.mktemp("prepared") / pair.family.name
    recogniser = load_recogniser(prepare_whisper(pair.folder, target, precision=Precision.FP32))
    encodings = [recogniser.model.encode(recogniser.log_mel.compute(clip)) for clip in make_clips(CLIPS)]
    return replace(pair, recogniser=recogniser, encodings=encodings, folder=target)
