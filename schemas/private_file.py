"""Whose a file or folder is, and whether others may change or read what only its owner should."""

import os
import pwd
import stat
from pathlib import Path

_ROOT = 0


def user_name(number: int) -> str:
    """The name of the user `number`, or the number as sudo and chown take it where there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def amiss(path: Path, found: os.stat_result, *, group_of_root: bool = False) -> str:
    """What is wrong with the secret file at `path`, which is as `found`, and the cure; empty where nothing is.

    It belongs to this user or to root, and nobody else may read or write it; with `group_of_root`, the group may read
    what belongs to root.
    """
    if found.st_uid not in {_ROOT, os.geteuid()}:
        return f"{path} belongs to the user {user_name(found.st_uid)}: run this as that user, or give the file to yours"
    forbidden = 0o037 if group_of_root and found.st_uid == _ROOT else 0o077
    if stat.S_IMODE(found.st_mode) & forbidden:
        return f"others may read or write {path}: chmod 600 {path}"
    return ""


def folder_amiss(path: Path) -> str:
    """Who besides its owner may put files into the folder at `path`, and the cure; empty where nobody may, or where
    there is no such folder. What root gives to a group is that group's."""
    try:
        found = path.stat()
    except OSError:
        return ""
    forbidden = 0o002 if found.st_uid == _ROOT else 0o022
    return f"others may write to {path}: chmod go-w {path}" if found.st_mode & forbidden else ""
