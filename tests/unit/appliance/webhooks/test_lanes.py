"""How many callbacks go to one receiver at a time."""

from appliance.webhooks.lanes import Lanes


def test_a_lane_is_as_wide_as_it_says() -> None:
    """Receivers have their places to themselves, and what leaves makes room."""
    lanes = Lanes(2, clock=lambda: 0.0)
    assert [lanes.enter("a"), lanes.enter("a"), lanes.enter("b")] == [0.0, 0.0, 0.0]
    assert lanes.enter("a") > 0
    lanes.leave("a", 1.0)
    assert lanes.enter("a") == 0.0


def test_those_sent_away_return_one_after_the_other() -> None:
    """As fast as the receiver has been taking them, and within a minute."""
    lanes = Lanes(2, clock=lambda: 100.0)
    lanes.enter("slow")
    lanes.enter("slow")
    for _ in range(20):
        lanes.leave("slow", 10.0)
        lanes.enter("slow")
    turns = [round(lanes.enter("slow")) for _ in range(20)]
    assert turns[:4] == [5, 10, 15, 20]
    assert turns[-1] == 60


def test_lanes_that_are_empty_are_forgotten() -> None:
    """Nothing is kept of a receiver that nobody calls."""
    now = 0.0
    lanes = Lanes(1, clock=lambda: now)
    lanes.enter("a")
    wait = lanes.enter("a")
    lanes.leave("a", 1.0)
    assert lanes._lanes
    now = wait
    assert lanes.enter("a") == 0.0
    lanes.leave("a", 1.0)
    assert not lanes._lanes
