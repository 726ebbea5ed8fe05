"""A worker's models, and jobs that run on them."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_models import profiles, registry
from onnx_models.calibration import Calibration
from onnx_models.served import Served
from schemas.signatures import UNSIGNED, Signatures
from schemas.technologies import technologies
from tasks.jobs import Work, jobs
from tests.unit.onnx_models.heads.made_heads import write_head

CALIBRATION = Calibration(slope=9.0, offset=-3.5, short_slope=-2.0, short_offset=1.0, fitted="2026-11-21")
# The head makes 30 + 10 times the first value of a raw embedding.
AGE_LAYERS = [(np.eye(1, 256) * 10, np.array([30.0]))]

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def served(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The default model and one without a network, a profile `made` of the default's space and a head for its ages."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("ge2e", "silero-vad"):
        path = registry.card(name).path(models_dir)
        (folder / path.name).symlink_to(path)
    own = profiles.card_profile(registry.speaker_card("ge2e"))
    profiles.save_profile(
        dataclasses.replace(own, name="made", calibration=CALIBRATION, created="2026-11-21", cohort=None), folder
    )
    write_head(folder / "heads", AGE_LAYERS)
    return Served.open(["ge2e", "mfcc-stats"], models_dir=folder, device="cpu", profile="made")


@pytest.fixture
def run(served: Served, tmp_path: Path) -> Run:
    """Runs the job of a technology on a document or a recording; gives its result as it is shown."""

    def run(name: str, given: Any, *, signatures: Signatures = UNSIGNED, **parameters: Any) -> Any:
        declared = technologies()[name]
        path = tmp_path / "input"
        path.write_bytes(given.read_bytes() if isinstance(given, Path) else json.dumps(given).encode())
        with path.open("rb", buffering=0) as opened:
            work = Work(
                parameters=declared.parameters.model_validate(parameters),
                input=opened,
                input_sha256=bytes(32),
                created_ms=1_750_000_000_000,
                models=served,
                stop=lambda: False,
                signatures=signatures,
            )
            result = jobs()[name](work)
            (tmp_path / "result").write_bytes(result if isinstance(result, bytes) else b"".join(result))
        with (tmp_path / "result").open("rb") as stored:
            return json.loads(b"".join(declared.render(stored)))

    return run
