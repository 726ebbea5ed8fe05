"""Where the time of an extraction goes: every stage by itself, beside what bounds it.

    python -m benchmarks.stages DIR

DIR holds recordings, in folders or not; some of 12 s and a long one are cut from them. Everything is processor time of
one thread, so that other programs disturb little. Prints the table as Markdown, for one recording of 12 s and for an
hour of audio in one recording; a limit is what nobody could do without, measured in the same run.
"""

import asyncio
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import soundfile
import typer
from threadpoolctl import threadpool_limits

from benchmarks import outcome
from benchmarks.machine import REFERENCE_RATE, matrix_rate
from benchmarks.outcome import JsonFile, Rounds
from benchmarks.recordings import cuttings
from benchmarks.stages.keeping import Kept
from benchmarks.stages.listening import Listening
from benchmarks.stages.serving import served
from benchmarks.stages.stage import Figures, measured
from onnx_models import registry

_SHORT_SECONDS, _SHORTS, _LONG_SECONDS = 12.0, 16, 600.0
_HOUR = 3600.0
_RESAMPLE = "resample"


@dataclass(frozen=True, slots=True)
class _Part:
    """The stages of some recordings, of `seconds` in all, and processor seconds of all of it at once: as the sum of the
    stages, in process, and by the appliance."""

    seconds: float
    recordings: int
    stages: Sequence[Figures]
    in_process: float
    appliance: float
    kept: Kept

    def sum(self) -> float:
        """Without what recordings at the model's own rate do not need."""
        return sum(stage.seconds for stage in self.stages if stage.name != _RESAMPLE)


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recordings.", exists=True)],
    *,
    model: Annotated[str, typer.Option(help="Name of the model's card.")] = registry.DEFAULT_MODEL,
    models_dir: Annotated[Path | None, typer.Option(help="Where models are installed.", show_default=False)] = None,
    rounds: Rounds = outcome.MEDIAN_OF,
    json_file: JsonFile = None,
) -> None:
    """Where the time of an extraction goes."""
    installed = models_dir or Path(os.environ.get("VOICEPRINT_MODELS_DIR", registry.default_models_dir()))
    parts = {}
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(limits=1, user_api="blas"):
        listening = Listening(registry.speaker_card(model, installed), installed)
        for name, lengths in (("short", [_SHORT_SECONDS] * _SHORTS), ("long", [_LONG_SECONDS])):
            into = Path(scratch) / name
            into.mkdir()
            parts[name] = _part(listening, cuttings(folder, into, lengths), model, installed, rounds)
    rate = statistics.median(matrix_rate() for _ in range(outcome.MEDIAN_OF))
    typer.echo(_table(parts["short"], parts["long"], rate))
    outcome.written(json_file, "stages", {"model": model, "matrix_gflops_per_core": rate, **_figures(parts)})


def _part(listening: Listening, paths: Sequence[Path], model: str, models_dir: Path, rounds: int) -> _Part:
    stages = measured([*listening.stages(paths), listening.whole(paths)], rounds, matrix_rate)
    service = asyncio.run(served(paths, model, models_dir, rounds))
    seconds = sum(soundfile.info(path).duration for path in paths)
    return _Part(
        seconds,
        len(paths),
        [*stages[:-1], service.queue, service.http],
        stages[-1].seconds,
        service.whole,
        service.kept,
    )


def _table(short: _Part, long: _Part, rate: float) -> str:
    """Markdown: milliseconds of one short recording, seconds of an hour, the share of the limit in the latter."""
    each, hour = 1000 / short.recordings, _HOUR / long.seconds
    rows = [
        (
            _named(one),
            f"{one.seconds * each:.2f}",
            f"{two.seconds * hour:.2f}",
            f"{long.seconds / two.seconds:,.0f}" if two.seconds else "-",
            two.limit_name or "-",
            _share(one),
            _share(two),
        )
        for one, two in zip(short.stages, long.stages, strict=True)
    ]
    for name, one, two in (
        ("sum, at the model's rate", short.sum(), long.sum()),
        ("extraction in process", short.in_process, long.in_process),
        ("the appliance", short.appliance, long.appliance),
    ):
        rows.append((name, f"{one * each:.2f}", f"{two * hour:.2f}", f"{long.seconds / two:,.0f}", "-", "-", "-"))
    heads = (
        "stage",
        f"ms for {_SHORT_SECONDS:g} s",
        "s for an hour",
        "times real time",
        "limit",
        f"of it, {_SHORT_SECONDS:g} s",
        "of it, an hour",
    )
    fast, slow = (part.seconds / part.appliance * REFERENCE_RATE / rate for part in (long, short))
    return (
        f"{outcome.markdown(heads, rows)}\n\n"
        f"Processor time, on a core whose fp32 matrix product runs at {rate:.0f} GFLOP/s. On one of "
        f"{REFERENCE_RATE:.0f} the appliance would be {fast:.0f} times faster than real time with an hour in one "
        f"recording, {slow:.0f} times with recordings of {_SHORT_SECONDS:g} s."
    )


def _named(stage: Figures) -> str:
    return f"{stage.name}, from 8 kHz" if stage.name == _RESAMPLE else stage.name


def _share(stage: Figures) -> str:
    """How close a stage is to its limit."""
    if stage.limit_seconds is None or not stage.seconds:
        return "-"
    return f"{100 * stage.limit_seconds / stage.seconds:.0f} %"


def _figures(parts: Mapping[str, _Part]) -> dict[str, Any]:
    return {
        name: {
            "audio_seconds": part.seconds,
            "recordings": part.recordings,
            "stages": {
                stage.name: {
                    "processor_seconds": stage.seconds,
                    "limit": stage.limit_name,
                    "limit_seconds": stage.limit_seconds,
                }
                for stage in part.stages
            },
            "in_process_processor_seconds": part.in_process,
            "appliance_processor_seconds": part.appliance,
            "each_task": asdict(part.kept),
        }
        for name, part in parts.items()
    }


if __name__ == "__main__":
    typer.run(main)
