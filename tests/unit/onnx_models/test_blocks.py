"""Blocks of another length."""

import numpy as np
import pytest

from onnx_models.blocks import reblocked


@pytest.mark.parametrize("lengths", [[], [0], [3, 4, 0, 5], [30], [1] * 13, [10, 10]])
def test_same_samples_in_equal_blocks(lengths: list[int]) -> None:
    """However the samples come, they leave in blocks of the asked length and a shorter last one."""
    samples = np.arange(sum(lengths), dtype=np.float32)
    given = np.split(samples, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(reblocked(given, 5))
    np.testing.assert_array_equal(np.concatenate([*blocks, np.empty(0, np.float32)]), samples)
    assert [len(block) for block in blocks[:-1]] == [5] * (len(blocks) - 1)
    assert all(0 < len(block) <= 5 for block in blocks)
