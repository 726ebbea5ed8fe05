"""`voiceprint calibrate`: how good a model is on one's own recordings, and a profile fitted to them."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.commands import progress, table
from appliance.commands.completion import model_names
from appliance.commands.inputs import Inputs
from appliance.commands.own import own_models
from appliance.settings import PREFIX, Settings
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from onnx_models.fitting.collecting import Piece
    from onnx_models.fitting.corpus import Corpus, Labelled
    from onnx_models.fitting.outcome import Outcome
    from onnx_models.fitting.trial_scores import Material
    from onnx_models.profiles import Profile
    from onnx_models.registry import SpeakerCard
    from onnx_models.scoring import Vectors


def calibrate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|TRIALS",
            help="A folder with one folder of recordings for each speaker; a .csv with the columns file, speaker and, "
            "where known, sex; or a list of trials, `1 file file` for one speaker and `0 file file` for two.",
            readable=False,
        ),
    ],
    *,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the files of a list lie.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .csv with the columns speaker and sex; speakers.csv in DIR when not given.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=f"Speaker model, over {PREFIX}MODEL.", autocompletion=model_names, show_default=False
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Keep the result as this audio source profile.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the profile there as well.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page there, a DET curve and score histograms.", show_default=False),
    ] = None,
    pieces: Annotated[
        bool,
        typer.Option(
            "--pieces",
            help="Compare pieces of the recordings, of 1 s of speech to half of each, instead of the whole: lengths "
            "then vary, and one recording of each speaker is enough. Optimistic, since both sides are of one session.",
        ),
    ] = False,
    max_speech_length: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=1_000_000,
            metavar="SECONDS",
            help="Net speech of a recording that is listened to.",
            show_default=False,
        ),
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Recordings of other speakers, one each, to normalise scores against where that helps.",
            show_default=False,
        ),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Fit nothing: measure the model's own profile, or that of --profile.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure a model on recordings of known speakers, and fit mean and calibration to them.

    What is shown of a fit was measured on speakers that were held out of it.
    """
    _refuse_contradictions(
        profile=profile,
        pieces=pieces,
        measure=measure,
        fits=bool(out or cohort),
        max_speech_length=max_speech_length,
    )
    settings = own_models(model=model)

    from onnx_models import profiles, registry  # noqa: PLC0415
    from onnx_models.fitting import corpus  # noqa: PLC0415
    from onnx_models.fitting.cross_validation import STEPS  # noqa: PLC0415
    from onnx_models.fitting.outcome import by_fitting, by_measuring  # noqa: PLC0415
    from onnx_models.install.writing import require_writable, write_atomically  # noqa: PLC0415

    card = registry.speaker_card(settings.model, settings.models)
    own = profiles.card_profile(card)
    measured = profiles.find_profile(profile, card, settings.models) if measure and profile else own
    known = corpus.read(source, root, labels)
    if pieces and known.trials is not None:
        raise ConfigurationError("--pieces makes trials of its own: give a folder or a table, not a list of trials")
    kept = profiles.profile_path(profile, card.space, settings.models) if profile and not measure else None
    for target in (kept, out, report and report / "index.html"):
        if target:
            require_writable(target)
    listener = _Listener(settings, card, pieces=pieces, max_speech_length=max_speech_length)
    with listener.bar as bar:
        material = _material(known, listener, own, card.unit_length, cohort, pieces=pieces)
        if measure:
            outcome = by_measuring(material, measured)
        else:
            step = partial(bar.advance, bar.add_task("fitting", total=STEPS))
            outcome = by_fitting(material, own, name=profile or source.stem, step=step)
    written = []
    if kept:
        written.append(profiles.save_profile(outcome.profile, settings.models))
    if out:
        write_atomically(out, profiles.encoded(outcome.profile))
        written.append(out)
    if report:
        from appliance import calibration_report  # noqa: PLC0415

        written.append(calibration_report.write(report, outcome, card, source.name))
    _print(outcome, cohort=cohort is not None, as_json=as_json)
    for path in written:
        typer.echo(path, err=True)
    raise typer.Exit(listener.inputs.exit_code)


def _refuse_contradictions(
    *, profile: str | None, pieces: bool, measure: bool, fits: bool, max_speech_length: float | None
) -> None:
    from onnx_models.profiles import check_name  # noqa: PLC0415

    if measure and fits:
        raise ConfigurationError("--measure fits nothing, so there is nothing for --out and --cohort")
    if pieces and max_speech_length:
        raise ConfigurationError("--pieces cuts speech to lengths of its own; leave --max-speech-length out")
    if profile and not measure:
        check_name(profile)


_NO_HELP = "not used, since it does not lower the held-out Cllr"


class _Listener:
    """Turns recordings into raw voiceprints under a progress bar; those that are refused are named and passed over."""

    def __init__(
        self, settings: Settings, card: "SpeakerCard", *, pieces: bool, max_speech_length: float | None
    ) -> None:
        import numpy as np  # noqa: PLC0415

        from onnx_models.extractor import Extractor  # noqa: PLC0415
        from onnx_models.fitting.collecting import PIECES  # noqa: PLC0415
        from onnx_models.media import MediaLimits  # noqa: PLC0415

        self._extractor = Extractor.open(
            card.name,
            models_dir=settings.models,
            device=settings.device,
            limits=MediaLimits(max_audio_length=settings.max_audio_length),
            mean=np.zeros(card.dimension, np.float32),
        )
        self._pieces = PIECES if pieces else ()
        self._max_speech_length = max_speech_length
        self.bar = progress.bar()
        self.inputs = Inputs(progress.complaints(self.bar.console))

    def hear(self, recordings: "Sequence[Labelled]", what: str) -> "list[tuple[Labelled, list[Piece]]]":
        """Every recording with its voiceprints, in order; none for one that was refused."""
        from onnx_models.fitting.collecting import heard  # noqa: PLC0415

        def work(labelled: "Labelled") -> "list[Piece]":
            extract = partial(self._extractor.extract, labelled.path)
            return heard(extract, pieces=self._pieces, most=self._max_speech_length)

        found = dict(
            self.inputs.worked(
                self.bar.track(recordings, description=what), work, name=lambda labelled: str(labelled.path)
            )
        )
        return [(labelled, found.get(labelled, [])) for labelled in recordings]


def _material(
    known: "Corpus", listener: _Listener, own: "Profile", unit_length: bool, cohort: Path | None, *, pieces: bool
) -> "Material":
    """What is measured or fitted on. Raises ConfigurationError when every recording was refused."""
    import numpy as np  # noqa: PLC0415

    from onnx_models.fitting.collecting import collection  # noqa: PLC0415
    from onnx_models.fitting.trial_scores import Material  # noqa: PLC0415
    from onnx_models.fitting.trials import every_pair, listed  # noqa: PLC0415

    heard = listener.hear(known.recordings, "extracting")
    if not any(found for _, found in heard):
        raise ConfigurationError("none of the recordings could be used")
    joined = collection(heard)
    if known.trials is None:
        trials = every_pair(joined, np.flatnonzero(joined.whole != pieces))
    else:
        places = {int(number): place for place, number in enumerate(joined.spans[:, 0])}
        pairs = [(places[a], places[b]) for a, b in known.trials if a in places and b in places]
        trials = listed(pairs, joined.speakers)
    others = None if cohort is None else _cohort(cohort, listener)
    return Material(joined, trials, own.mean, unit_length, others)


def _cohort(folder: Path, listener: _Listener) -> "Vectors":
    from onnx_models.fitting import corpus  # noqa: PLC0415
    from onnx_models.fitting.collecting import collection  # noqa: PLC0415

    heard = listener.hear(corpus.strangers(folder), "extracting the cohort")
    if not any(found for _, found in heard):
        raise ConfigurationError(f"--cohort: none of the recordings of {folder} could be used")
    others = collection(heard)
    return others.raw[others.whole]


def _print(outcome: "Outcome", *, cohort: bool, as_json: bool) -> None:
    from appliance.calibration_report import intervals, written  # noqa: PLC0415
    from onnx_models.fitting.evaluation import MEASURES  # noqa: PLC0415
    from onnx_models.profiles import DEFAULT_PROFILE  # noqa: PLC0415

    if as_json:
        from schemas import json  # noqa: PLC0415

        sys.stdout.buffer.write(json.encode(outcome.record(), indent=True) + b"\n")
        return
    before = f"{DEFAULT_PROFILE}, before" if outcome.before else ""
    columns = [(before, group) for group in outcome.before]
    columns += [(outcome.profile.name, group) for group in outcome.groups]
    heads = [f"{profile}: {group.name}" for profile, group in columns]
    counts = [("speakers", [str(group.speakers) for _, group in columns])]
    counts += [("target trials", [str(group.targets) for _, group in columns])]
    counts += [("other trials", [str(group.nontargets) for _, group in columns])]
    figures = [(name, [written(name, group.figures[name]) for _, group in columns]) for name in MEASURES]
    notes = [("95 % interval", list(found))] if any(found := intervals([group for _, group in columns])) else []
    table.show(("measure (95 % interval)", *heads), [(name, *cells) for name, cells in (*counts, *figures, *notes)])
    if cohort:
        helps = "scores are normalised against it" if outcome.profile.cohort is not None else _NO_HELP
        typer.echo(f"cohort: {helps}")
    if outcome.variant:
        typer.echo(f"chosen by held-out Cllr: {outcome.variant}", err=True)
