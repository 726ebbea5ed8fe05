"""What a day's hours of audio would take, from the figures of one machine: a plan on paper, no measurement.

    python -m benchmarks.stages DIR --model ge2e-int8 --json stages.json
    python -m benchmarks.plan stages.json [--hours 1000000] [--call 60] [--tasks-a-second 1500]

A task costs something for itself and something for every second of its audio: `benchmarks.stages` has measured short
recordings and a long one, which tells both. `--tasks-a-second` is what `benchmarks.queue` says of one Redis. Prints
Markdown, as in docs/scaling.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.outcome import markdown
from schemas import json

_DAY = 86_400.0
# What a machine with one accelerator is said to do with ECAPA-512, times faster than real time; not measured here.
_PUBLISHED_GPU = 1100.0
# Of a queue, a store or a core no more than this is planned for: what comes does not come evenly.
_FILL = 0.6
_WORKER_STAGES = ("decode", "voice activity", "quality", "front end", "network", "container", "queue")
_BEFORE_NETWORK = ("decode", "voice activity", "quality", "front end", "container", "queue")


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds of a task: for itself, and for each second of its audio."""

    fixed: float
    each: float

    def of(self, seconds: float) -> float:
        return self.fixed + self.each * seconds


def cost(figures: Mapping[str, Any], stages: tuple[str, ...]) -> Cost:
    """Of some of the stages together, by the line through the short recordings and the long one."""
    points = []
    for part in (figures["short"], figures["long"]):
        spent = sum(part["stages"][name]["processor_seconds"] for name in stages)
        points.append((part["audio_seconds"] / part["recordings"], spent / part["recordings"]))
    (short, little), (long, much) = points
    each = max(0.0, (much - little) / (long - short))
    return Cost(max(0.0, little - each * short), each)


def main(
    figures_file: Annotated[Path, typer.Argument(metavar="FILE", help="What benchmarks.stages wrote.", exists=True)],
    *,
    hours: Annotated[float, typer.Option(help="Hours of audio a day.")] = 1_000_000,
    call: Annotated[float, typer.Option(help="Length of a recording, seconds.")] = 60.0,
    bitrate: Annotated[float, typer.Option(help="Of the recordings, bit/s: 64,000 is mu-law.")] = 64_000,
    tasks_a_second: Annotated[float, typer.Option(help="Of one Redis, by benchmarks.queue.")] = 1500.0,
    retention: Annotated[float, typer.Option(help="How long results stay, seconds.")] = 3600.0,
) -> None:
    """Print what a day's hours of audio would take."""
    figures = json.decode(figures_file.read_bytes())
    tasks = hours * 3600 / call / _DAY
    kept = figures["short"]["each_task"]
    worker, feeding, http = (cost(figures, stages) for stages in (_WORKER_STAGES, _BEFORE_NETWORK, ("HTTP",)))
    cores = tasks * worker.of(call) / _FILL
    commands = tasks * kept["commands"] + cores * kept["idle_commands"]
    kept_tasks = tasks * retention
    beside = tasks * feeding.of(call) / _FILL
    rows = [
        ("recordings", f"{tasks:,.0f} a second of {call:g} s", f"{hours:,.0f} hours a day, spread evenly"),
        ("arriving", f"{tasks * call * bitrate / 1e6:,.0f} Mbit/s", f"{bitrate / 1000:g} kbit/s each"),
        (
            "workers, one core each",
            f"{cores:,.0f}",
            f"{worker.fixed * 1000:.1f} ms a task and {worker.each * 1000:.2f} ms a second of audio, {_FILL:.0%} busy",
        ),
        (
            "HTTP processes",
            f"{tasks * http.of(call) / _FILL:,.1f}",
            f"{http.of(call) * 1000:.1f} ms a task with its polls, {_FILL:.0%} busy",
        ),
        ("Redis servers", f"{tasks / tasks_a_second / _FILL:,.1f}", f"{tasks_a_second:,.0f} tasks a second each"),
        (
            "Redis commands",
            f"{commands:,.0f} a second",
            f"{kept['commands']:.0f} a task, and {kept['idle_commands']:.0f} a second of every worker",
        ),
        (
            "Redis memory",
            f"{kept_tasks * kept['memory_bytes'] / 1e9:,.1f} GB",
            f"{kept['memory_bytes']:,.0f} bytes a task, kept for {retention:g} s",
        ),
        ("Redis log", f"{tasks * kept['log_bytes'] / 1e6:,.1f} MB/s", f"{kept['log_bytes']:,.0f} bytes a task"),
        (
            "results",
            f"{kept_tasks:,.0f} files, {kept_tasks * kept['result_bytes'] / 1e9:,.1f} GB",
            f"{kept['result_bytes']:,.0f} bytes each",
        ),
        (
            "or GPUs, not measured",
            f"{tasks * call / _PUBLISHED_GPU:,.0f}",
            f"as published, {_PUBLISHED_GPU:,.0f} times real time; beside {beside:,.0f} cores",
        ),
    ]
    typer.echo(markdown(("what", "how much", "from"), rows))


if __name__ == "__main__":
    typer.run(main)
