"""The recordings of a folder."""

from pathlib import Path

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm", ".amr"}


def recordings_in(folder: Path) -> list[Path]:
    """Every recording in `folder` and below, by its suffix, sorted so that every run sees one order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def recordings_by_speaker(folder: Path) -> dict[str, list[Path]]:
    """The recordings of every speaker; `folder` has one folder for each, named after the speaker."""
    speakers = {path.name: recordings_in(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    return {name: paths for name, paths in speakers.items() if paths}
