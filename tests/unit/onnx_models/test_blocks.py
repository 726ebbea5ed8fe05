"""Blocks of another length."""

import numpy as np
import pytest

from onnx_models.blocks import overlapping, reblocked


@pytest.mark.parametrize("lengths", [[], [0], [3, 4, 0, 5], [30], [1] * 13, [10, 10]])
def test_same_samples_in_equal_blocks(lengths: list[int]) -> None:
    """However the samples come, they leave in blocks of the asked length and a shorter last one."""
    samples = np.arange(sum(lengths), dtype=np.float32)
    given = np.split(samples, np.cumsum(lengths)[:-1]) if lengths else []
    blocks = list(reblocked(given, 5))
    np.testing.assert_array_equal(np.concatenate([*blocks, np.empty(0, np.float32)]), samples)
    assert [len(block) for block in blocks[:-1]] == [5] * (len(blocks) - 1)
    assert all(0 < len(block) <= 5 for block in blocks)


@pytest.mark.parametrize(("count", "length", "step"), [(20, 5, 1), (20, 5, 3), (20, 5, 8), (20, 20, 4), (4, 5, 1)])
def test_overlapping_stretches_look_into_the_samples(count: int, length: int, step: int) -> None:
    """Each stretch begins one step after the one before, is whole, and can only be read."""
    samples = np.arange(count, dtype=np.float32)
    stretches = overlapping(samples, length, step)
    expected = [samples[start : start + length] for start in range(0, count - length + 1, step)]
    np.testing.assert_array_equal(stretches, np.reshape(expected, (-1, length)))
    assert not stretches.size or np.shares_memory(stretches, samples)
    assert not stretches.flags.writeable
