"""Which voiceprints are compared."""

from dataclasses import replace

import numpy as np

from onnx_models.fitting.trials import every_pair, listed
from tests.unit.onnx_models.known_speakers import known_speakers


def test_every_pair_is_a_trial_once() -> None:
    """Ten voiceprints of five speakers make 45 trials, five of them of one speaker."""
    collection = known_speakers(5, 2)
    trials = every_pair(collection, np.arange(10))
    assert (len(trials), int(trials.is_target.sum())) == (45, 5)
    pairs = {frozenset(pair) for pair in zip(trials.side_a.tolist(), trials.side_b.tolist(), strict=True)}
    assert len(pairs) == 45
    assert (trials.is_target == (collection.speakers[trials.side_a] == collection.speakers[trials.side_b])).all()


def test_overlapping_pieces_are_not_compared() -> None:
    """Pieces of one recording are a trial only where they share no moment; pieces that touch do not."""
    collection = known_speakers(2, 3)
    spans = np.array([(0, 0, 5), (0, 4, 9), (0, 5, 9), (1, 0, 5), (2, 4, 9), (2, 5, 9)], float)
    trials = every_pair(replace(collection, spans=spans), np.arange(6))
    targets = trials.where(trials.is_target)
    found = set(zip(targets.side_a.tolist(), targets.side_b.tolist(), strict=True))
    assert found == {(0, 2), (3, 4), (3, 5)}


def test_only_members_are_compared() -> None:
    """Voiceprints that are no members are in no trial."""
    trials = every_pair(known_speakers(5, 2), np.array([0, 1, 4]))
    assert set(trials.side_a.tolist()) | set(trials.side_b.tolist()) == {0, 1, 4}
    assert len(trials) == 3


def test_many_trials_are_thinned() -> None:
    """No more of a kind than asked for, each once and the same every time, however many there could be."""
    collection = known_speakers(20, 10)
    for most in (50, 3000):
        trials = every_pair(collection, np.arange(200), most=most)
        assert trials.is_target.sum() == min(most, 20 * 45)
        assert 0.9 * most <= (~trials.is_target).sum() <= most
        assert len(set(zip(trials.side_a.tolist(), trials.side_b.tolist(), strict=True))) == len(trials)
        again = every_pair(collection, np.arange(200), most=most)
        np.testing.assert_array_equal(trials.side_b, again.side_b)


def test_lists_say_who_is_compared() -> None:
    """A list's trials are those it names; who speaks says which are of one speaker."""
    trials = listed([(0, 1), (0, 2)], known_speakers(2, 2).speakers)
    assert trials.is_target.tolist() == [True, False]
    assert len(listed([], known_speakers(2, 2).speakers)) == 0
