"""One recording's windows through the network in batches.

A batch never holds windows of two recordings and its size is fixed, so a voiceprint depends on nothing but its
recording and is the same bits every time.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from onnx_models.families import Window
from onnx_models.session import Session

Vectors = npt.NDArray[np.float32]


def embed(session: Session, output: str, windows: Iterable[Window], size: int) -> Iterator[Vectors]:
    """The network's `output` for every window in order, in arrays of shape (at most `size`, dimension).

    Only windows of equal shapes share a batch: padding would change what a network makes of them.
    """
    batch: list[Window] = []
    for window in windows:
        if batch and (len(batch) == size or _shapes(batch[0]) != _shapes(window)):
            yield _run(session, output, batch)
            batch = []
        batch.append(window)
    if batch:
        yield _run(session, output, batch)


def _shapes(window: Window) -> dict[str, tuple[int, ...]]:
    return {name: values.shape for name, values in window.items()}


def _run(session: Session, output: str, batch: list[Window]) -> Vectors:
    inputs = {name: np.stack([window[name] for window in batch]) for name in batch[0]}
    return session.run((output,), inputs)[0]
