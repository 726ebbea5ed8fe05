"""Which voiceprints meet in one comparison."""

import numpy as np
import pytest

from appliance.shadow.blocks import MOST_ON_A_SIDE, MOST_PAIRS, Block, blocks
from onnx_models.fitting.trials import Trials


def cut(sides: np.ndarray) -> tuple[Trials, list[Block]]:
    """The trials of pairs, (trials, 2), and their blocks."""
    trials = Trials(sides[:, 0], sides[:, 1], np.zeros(len(sides), bool))
    return trials, list(blocks(trials))


def made(kind: str) -> np.ndarray:
    """Pairs as lists have them, (trials, 2)."""
    generator = np.random.default_rng(1)
    return {
        "dense": lambda: np.stack(np.triu_indices(900, k=1), axis=1),
        "sparse": lambda: generator.integers(5000, size=(20_000, 2)),
        "one against all": lambda: np.stack([np.zeros(12_000, np.int64), np.arange(12_000)], axis=1),
        "all against one": lambda: np.stack([np.arange(12_000), np.zeros(12_000, np.int64)], axis=1),
        "repeated": lambda: np.array([[0, 1], [1, 0], [0, 1], [2, 2]]),
    }[kind]()


@pytest.mark.parametrize("kind", ["dense", "sparse", "one against all", "all against one", "repeated"])
def test_every_trial_is_answered_once_within_the_limits(kind: str) -> None:
    """The rows and columns of a trial lead to its two recordings, in blocks that the contract allows."""
    trials, found = cut(made(kind))
    answered = np.concatenate([block.trials for block in found])
    assert np.array_equal(np.sort(answered), np.arange(len(trials)))
    for block in found:
        assert np.array_equal(block.a[block.columns], trials.side_a[block.trials])
        assert np.array_equal(block.b[block.rows], trials.side_b[block.trials])
        assert len(block.a) * len(block.b) <= MOST_PAIRS
        assert max(len(block.a), len(block.b)) <= MOST_ON_A_SIDE


def test_a_sparse_list_does_not_cost_a_full_matrix() -> None:
    """20,000 trials of 5,000 recordings cost neither a call each nor the 25,000,000 scores of all pairs."""
    _, found = cut(made("sparse"))
    assert len(found) < 100
    assert sum(len(block.a) * len(block.b) for block in found) < 25_000_000 / 5


def test_a_dense_list_costs_little_more_than_its_trials() -> None:
    """Where every pair is a trial, at most half of the scores are of none."""
    trials, found = cut(made("dense"))
    assert sum(len(block.a) * len(block.b) for block in found) <= 2 * len(trials) + 50_000
