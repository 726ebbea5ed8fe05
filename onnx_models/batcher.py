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


def embed(session: Session, output: str | int, windows: Iterable[Window], size: int) -> Iterator[Vectors]:
    """The network's `output`, by name or position, for every window in order: arrays (at most `size`, dimension).

    Only windows of equal shapes share a batch: padding would change what a network makes of them.
    """
    name = output if isinstance(output, str) else session.outputs[output]
    batch: list[Window] = []
    for window in windows:
        if batch and (len(batch) == size or _shapes(batch[0]) != _shapes(window)):
            yield _run(session, name, batch)
            batch = []
        batch.append(window)
    if batch:
        yield _run(session, name, batch)


def _shapes(window: Window) -> list[tuple[int, ...]]:
    return [values.shape for values in window]


def _run(session: Session, output: str, batch: list[Window]) -> Vectors:
    inputs = {name: np.stack(values) for name, values in zip(session.inputs, zip(*batch, strict=True), strict=True)}
    return session.run((output,), inputs)[0]
