"""Audio source profiles: the mean and the calibration of one kind of recording, kept by name.

A profile is one JSON file, `profiles/<space>/<name>.json` in the models folder; vectors in it are float32,
little-endian, in Base64. What a model's card names, its own mean and calibration, is the profile `default`.
"""

import json
import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pybase64

from onnx_models.calibration import Calibration
from onnx_models.install.writing import remove_file, write_atomically
from onnx_models.registry import SpeakerCard, load_mean
from onnx_models.scoring import Vectors
from schemas import plain_file
from schemas.errors import ConfigurationError
from schemas.faults import reason
from schemas.suggestion import meant

DEFAULT_PROFILE = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FORMAT = 1
_FIELDS = frozenset({"format", "name", "space", "created", "dimension", "calibration", "mean", "cohort"})
# A cohort of ten thousand speakers with 1024 values each.
MOST_BYTES = 64 << 20
_MOST_CALIBRATION_BYTES = 1 << 16


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
            calibration = Calibration.from_record(plain_file.read_json(path, _MOST_CALIBRATION_BYTES))
        except (OSError, ValueError, ArithmeticError) as error:
            raise ConfigurationError(f"{path} is not a calibration: {reason(error)}") from error
    created = calibration.fitted if calibration else ""
    return Profile(DEFAULT_PROFILE, card.space, load_mean(card), calibration, created)


def profiles(models_dir: Path, space: str) -> list[str]:
    """The names of the profiles of `space` that were saved, sorted; `default` is not among them."""
    return sorted(
        path.stem
        for path in _folder(models_dir, space).glob("*.json")
        if _NAME.fullmatch(path.stem) and path.stem != DEFAULT_PROFILE and path.is_file()
    )


def load_profile(name: str, space: str, models_dir: Path) -> Profile:
    """The saved profile `name` of `space`. Raises ConfigurationError when there is none, or its file is damaged."""
    path = profile_path(name, space, models_dir)
    if not os.path.lexists(path):
        raise _unknown(name, space, models_dir)
    try:
        profile = _from_record(plain_file.read_json(path, MOST_BYTES))
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        raise ConfigurationError(f"{path} is not a profile: {reason(error)}; calibrate again") from error
    if (profile.name, profile.space) != (name, space):
        raise ConfigurationError(f"{path} holds the profile {profile.name!r} of {profile.space}; it was moved")
    return profile


def find_profile(name: str, card: SpeakerCard, models_dir: Path) -> Profile:
    """The profile `name` for voiceprints of `card`, `default` among them. Raises ConfigurationError."""
    if name == DEFAULT_PROFILE:
        return card_profile(card)
    profile = load_profile(name, card.space, models_dir)
    if len(profile.mean) != card.dimension:
        raise ConfigurationError(
            f"the profile {name!r} has a mean of {len(profile.mean)} values, and {card.name} makes {card.dimension}"
        )
    return profile


def save_profile(profile: Profile, models_dir: Path) -> Path:
    """Writes `profile` whole or not at all, over one of the same name. Raises ConfigurationError with the cause."""
    path = profile_path(profile.name, profile.space, models_dir)
    write_atomically(path, encoded(profile))
    return path


def remove_profile(name: str, space: str, models_dir: Path) -> None:
    """Deletes a profile, also one that cannot be read. Raises ConfigurationError when there is none, or it stays."""
    path = profile_path(name, space, models_dir)
    if not os.path.lexists(path):
        raise _unknown(name, space, models_dir)
    remove_file(path)


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


def _unknown(name: str, space: str, models_dir: Path) -> ConfigurationError:
    known = [DEFAULT_PROFILE, *profiles(models_dir, space)]
    return ConfigurationError(
        f"there is no profile {name!r} for voiceprints of {space}{meant(name, known)}; there are: {', '.join(known)}. "
        f"Make one with `voiceprint calibrate DIR --profile {name}`"
    )


def _from_record(record: Any) -> Profile:
    """Raises ValueError, TypeError or ArithmeticError for anything else."""
    if not isinstance(record, dict) or (missing := sorted(_FIELDS - record.keys())):
        raise ValueError(f"it has no {', '.join(missing)}" if isinstance(record, dict) else "it is no JSON object")
    if record["format"] != _FORMAT:
        raise ValueError(f"its format is {record['format']!r}, this appliance knows {_FORMAT}")
    if not isinstance(record["name"], str) or not isinstance(record["space"], str):
        raise TypeError("its name and its space must be text")
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


def profile_path(name: str, space: str, models_dir: Path) -> Path:
    """Where the profile `name` of `space` is kept. Raises ConfigurationError for what cannot name a profile."""
    check_name(name)
    return _folder(models_dir, space) / f"{name}.json"
