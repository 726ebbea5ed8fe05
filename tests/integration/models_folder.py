"""Models folders of tests' own."""

from pathlib import Path


def with_networks_of(models_dir: Path, folder: Path) -> Path:
    """`folder`, with links to the files that are installed in `models_dir`, and nothing of a user's own."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in models_dir.iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)
    return folder
