"""Audio source profiles: the mean and the calibration of one kind of recording, kept by name.

A profile is one JSON file, `profiles/<space>/<name>.json` in the models folder; vectors in it are float32,
little-endian, in Base64. What a model's card names, its own mean and calibration, is the profile `default`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pybase64

from onnx_models.calibration import Calibration
from onnx_models.install.writing import write_atomically
from onnx_models.registry import SpeakerCard, load_mean
from onnx_models.scoring import Vectors
from schemas.errors import ConfigurationError

DEFAULT_PROFILE = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """How voiceprints of `space` from one kind of recording are scored.

    `mean` is float32 of shape (dimension,), `created` an ISO date. `cohort`, where there is one, holds raw embeddings
    of other speakers, float32 of shape (speakers, dimension), against which scores are normalised before they are
    calibrated. Without `calibration` there are cosines, but no log-likelihood ratios.
    """

    name: str
    space: str
    mean: Vectors
    calibration: Calibration | None
    created: str
    cohort: Vectors | None = None


def card_profile(card: SpeakerCard) -> Profile:
    """The profile `default` of a model: its card's mean, and the calibration where the card names one.

    Raises ConfigurationError for a file that holds something else.
    """
    calibration = None
    if card.calibration is not None:
        path = card.folder / card.calibration
        try:
            calibration = Calibration.from_record(json.loads(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path} is not a calibration: {error}") from error
    created = calibration.fitted if calibration else ""
    return Profile(DEFAULT_PROFILE, card.space, load_mean(card), calibration, created)


def profiles(models_dir: Path, space: str) -> list[str]:
    """The names of the profiles of `space` that were saved, sorted; `default` is not among them."""
    return sorted(path.stem for path in _folder(models_dir, space).glob("*.json") if _NAME.fullmatch(path.stem))


def load_profile(name: str, space: str, models_dir: Path) -> Profile:
    """The saved profile `name` of `space`. Raises ConfigurationError when there is none, or its file is damaged."""
    path = _path(name, space, models_dir)
    if not path.is_file():
        known = ", ".join([DEFAULT_PROFILE, *profiles(models_dir, space)])
        raise ConfigurationError(
            f"there is no profile {name!r} for voiceprints of {space}; there are: {known}. "
            f"Make one with `voiceprint calibrate DIR --profile {name}`"
        )
    try:
        profile = _from_record(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is not a profile: {error}; calibrate again") from error
    if (profile.name, profile.space) != (name, space):
        raise ConfigurationError(f"{path} holds the profile {profile.name!r} of {profile.space}; it was moved")
    return profile


def find_profile(name: str, card: SpeakerCard, models_dir: Path) -> Profile:
    """The profile `name` for voiceprints of `card`, `default` among them. Raises ConfigurationError."""
    return card_profile(card) if name == DEFAULT_PROFILE else load_profile(name, card.space, models_dir)


def save_profile(profile: Profile, models_dir: Path) -> Path:
    """Writes `profile` whole or not at all, over one of the same name. Raises ConfigurationError with the cause."""
    path = _path(profile.name, profile.space, models_dir)
    write_atomically(path, encoded(profile))
    return path


def remove_profile(name: str, space: str, models_dir: Path) -> None:
    """Raises ConfigurationError when there is no such profile."""
    load_profile(name, space, models_dir)
    _path(name, space, models_dir).unlink()


def encoded(profile: Profile) -> bytes:
    """The profile's file."""
    record = {
        "format": _FORMAT,
        "name": profile.name,
        "space": profile.space,
        "created": profile.created,
        "dimension": len(profile.mean),
        "calibration": profile.calibration.record() if profile.calibration else None,
        "mean": _text(profile.mean),
        "cohort": None if profile.cohort is None else _text(profile.cohort),
    }
    return json.dumps(record, indent=1).encode() + b"\n"


def _from_record(record: Mapping[str, Any]) -> Profile:
    if record["format"] != _FORMAT:
        raise ValueError(f"its format is {record['format']}, this appliance knows {_FORMAT}")
    dimension = int(record["dimension"])
    (mean,) = _vectors(record["mean"], dimension)
    cohort = None if record["cohort"] is None else _vectors(record["cohort"], dimension)
    calibration = None if record["calibration"] is None else Calibration.from_record(record["calibration"])
    created = date.fromisoformat(record["created"]).isoformat()
    return Profile(record["name"], record["space"], mean, calibration, created, cohort)


def _text(vectors: Vectors) -> str:
    return pybase64.b64encode(vectors.astype("<f4", copy=False).tobytes()).decode()


def _vectors(text: str, dimension: int) -> Vectors:
    """Shape (n, dimension). Raises ValueError for anything else, and for numbers that are not finite."""
    flat = np.frombuffer(pybase64.b64decode(text, validate=True), "<f4")
    if not np.isfinite(flat).all():
        raise ValueError("a vector in it is not finite")
    return flat.reshape(-1, dimension).astype(np.float32)


def _folder(models_dir: Path, space: str) -> Path:
    return models_dir / "profiles" / space


def check_name(name: str) -> None:
    """Raises ConfigurationError for what cannot name a profile."""
    if not _NAME.fullmatch(name) or name == DEFAULT_PROFILE:
        raise ConfigurationError(
            f"{name!r} cannot name a profile: up to 64 of a-z, 0-9, '.', '_' and '-', and not {DEFAULT_PROFILE!r}, "
            "which is the model's own"
        )


def _path(name: str, space: str, models_dir: Path) -> Path:
    check_name(name)
    return _folder(models_dir, space) / f"{name}.json"
