"""The drawing of what grew, as SVG."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.scaling.growth import Crowd, Length

_SPEED, _WAIT = "tab:blue", "tab:orange"


def draw(crowds: Sequence[Crowd], lengths: Sequence[Length], path: Path) -> None:
    """Throughput and waiting by clients and by length. The same figures give the same bytes."""
    # Text stays text, which is small, and names of parts do not depend on chance.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "voiceprint", "font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        clients = [one.clients for one in crowds]
        _speeds(left, clients, [median(one.rate) for one in crowds], "calls a second")
        _waits(left.twinx(), clients, [median(one.tail) for one in crowds], "99 % within, seconds")
        _across(left, clients, "clients at a time, recordings of 3 s")
        seconds = [one.seconds for one in lengths]
        _speeds(right, seconds, [one.speed() for one in lengths], "times faster than real time")
        _waits(right.twinx(), seconds, [median(one.taken) for one in lengths], "POST to done, seconds")
        _across(right, seconds, "length of one recording, seconds")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _speeds(axes: Axes, across: Sequence[float], up: Sequence[float], label: str) -> None:
    axes.semilogx(across, up, marker="o", color=_SPEED)
    axes.set_ylim(bottom=0)
    axes.minorticks_off()
    axes.set_ylabel(label, color=_SPEED)


def _waits(axes: Axes, across: Sequence[float], up: Sequence[float], label: str) -> None:
    axes.loglog(across, up, marker="o", color=_WAIT)
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel(label, color=_WAIT)


def _across(axes: Axes, across: Sequence[float], label: str) -> None:
    """After both curves, of which each sets ticks of its own."""
    powers = [10**power for power in range(5) if 10**power <= max(across)]
    axes.set_xticks(powers, [f"{power:,}" for power in powers])
    axes.set_xlabel(label)
