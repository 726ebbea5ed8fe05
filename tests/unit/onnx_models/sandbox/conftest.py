"""A zygote whose children misbehave."""

import os
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from onnx_models.sandbox.confinement import Limits
from onnx_models.sandbox.talk import Talk
from onnx_models.sandbox.zygote import Zygote

LIMITS = Limits(processor_seconds=60, memory_bytes=64 << 20)
Ask = Callable[..., Talk]


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Its children do what `deeds` names."""
    started = Zygote("deeds", [Path(__file__).parent])
    yield started
    started.end()


@pytest.fixture
def media() -> Iterator[FileIO]:
    """An open file that could be written to."""
    with os.fdopen(os.memfd_create("media"), "r+b", buffering=0) as file:
        file.write(b"what is to be read")
        file.seek(0)
        yield file


@pytest.fixture
def ask(zygote: Zygote, media: FileIO) -> Iterator[Ask]:
    """Has a child do `deed`; it is gone with the test."""
    talks = []

    def ask(deed: str, limits: Limits = LIMITS) -> Talk:
        talks.append(zygote.ask({"deed": deed}, media.fileno(), limits))
        return talks[-1]

    yield ask
    for talk in talks:
        talk.close()


def told(talk: Talk, name: str) -> Any:
    """What the child says next under this name."""
    answer = talk.next(0, never)
    assert isinstance(answer, dict)
    return answer[name]


def came_of(talk: Talk) -> Any:
    """What came of a deed."""
    assert told(talk, "pid") > 1
    return told(talk, "came")
