"""`voiceprint watch`: a drop folder, whose recordings become voiceprints."""

import signal
import sys
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import progress
from appliance.commands.completion import model_names
from appliance.exit_codes import ExitCode
from appliance.settings import PREFIX, load
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from appliance.drop_folder.work import Outcome, Watch


def watch(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that recordings are put into, and all folders in it.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write voiceprints there, in the same folders; beside the recordings when not given."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Speaker model, over {PREFIX}MODEL.",
            autocompletion=model_names,
            show_default=False,
        ),
    ] = None,
    settle: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="For how long a file has to be left alone before it counts as whole."
        ),
    ] = 2.0,
    every: Annotated[float, typer.Option(min=0.01, metavar="SECONDS", help="How often the folder is looked at.")] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="End when all is done that is there, with exit code 3 if any is refused.")
    ] = False,
    retry_rejects: Annotated[
        bool, typer.Option("--retry-rejects", help="Look again at files that were refused before.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each recording instead of the voiceprints' paths.")
    ] = False,
) -> None:
    """Turn every recording that is put into a folder into voiceprints, once each, until Ctrl-C.

    call.wav becomes call.wav.0.vp, and of a second channel call.wav.1.vp. A file that is still being written is waited
    for; one that changes is done again. What is refused is named in _rejects.ndjson beside the voiceprints and not
    tried again before it changes. What was done is remembered there too, in .voiceprint-watch.ndjson: after a restart,
    also after a power cut or a kill, nothing is missed and nothing done twice.
    """
    settings = load(model=model)
    out = out or folder
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}: make it first")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--out: {out} cannot be made: {error.strerror}") from error
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())

    from appliance.drop_folder.journal import Journal  # noqa: PLC0415
    from appliance.drop_folder.settled import dropped  # noqa: PLC0415
    from appliance.drop_folder.work import Watch  # noqa: PLC0415
    from appliance.voices.reading import opener  # noqa: PLC0415
    from schemas.signatures import Signatures  # noqa: PLC0415

    opening = opener(settings.models, settings.device, settings.max_audio_length, settings.threads)
    with Journal(out) as journal:
        journal.begin({file.name for file in dropped(folder)}, retry_rejects=retry_rejects)
        watching = Watch(
            folder,
            out,
            opening(settings.model),
            Signatures.of(settings.ring(), settings.unsigned_voiceprints),
            journal,
            settle=settle,
            stop=stop.is_set,
        )
        typer.echo(f"watching {folder} with {settings.model}; Ctrl-C ends it", err=True)
        refused = _follow(watching, stop, every, once=once, as_json=as_json)
    raise typer.Exit(ExitCode.REFUSED if once and refused else ExitCode.DONE)


def _follow(watching: "Watch", stop: Event, every: float, *, once: bool, as_json: bool) -> int:
    """Tells of everything until it is stopped or, with `once`, until nothing is left; how many were refused."""
    refused = done = 0
    with progress.spinner() as spinner:
        complain = progress.complaints(spinner.console)
        while not stop.is_set():
            outcomes, waiting = watching.look()
            for outcome in outcomes:
                if outcome.reason:
                    refused += 1
                    complain(f"{outcome.name}: {outcome.reason}")
                else:
                    done += 1
                if as_json or outcome.paths:
                    _tell(outcome, as_json=as_json)
                spinner.update(f"{done} done, {refused} refused")
            if once and not waiting:
                break
            stop.wait(every)
    return refused


def _tell(outcome: "Outcome", *, as_json: bool) -> None:
    from appliance.drop_folder.settled import written  # noqa: PLC0415

    paths = [written(path) for path in outcome.paths]
    if not as_json:
        speech = f"   {outcome.speech_length:.1f} s of speech" if sys.stdout.isatty() else ""
        for path in paths:
            typer.echo(f"{path}{speech}")
        return
    from schemas import json  # noqa: PLC0415

    told: dict[str, object] = {"file": outcome.name, "voiceprints": paths}
    told |= {"error": outcome.reason} if outcome.reason else {"speech_length": outcome.speech_length}
    sys.stdout.buffer.write(json.encode(told) + b"\n")
    sys.stdout.buffer.flush()
