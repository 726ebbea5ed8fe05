"""What came of measuring a profile on recordings of known speakers, or of fitting one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from onnx_models.calibration import Numbers
from onnx_models.fitting import evaluation
from onnx_models.fitting.cross_validation import Variant, fitted
from onnx_models.fitting.evaluation import Group
from onnx_models.fitting.trial_scores import Material, TrialScores
from onnx_models.fitting.trials import Collection, Trials
from onnx_models.profiles import Profile
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A profile, the figures of its groups of trials, and what they were taken from.

    `llrs` of `trials` in `collection`, (trials,), are those of trials that were held out where `profile` was fitted.
    `variants` are then what was tried, with the held-out Cllr of each, and `variant` is what was chosen. `before` are
    the figures of the model's own profile on the same trials, where it has a calibration.
    """

    profile: Profile
    llrs: Numbers
    trials: Trials
    collection: Collection
    groups: Sequence[Group]
    before: Sequence[Group] = ()
    variant: Variant | None = None
    variants: Sequence[tuple[Variant, float]] = ()

    def record(self) -> dict[str, Any]:
        """Everything but the scores, for JSON; rates and costs are shares of 1, intervals hold 95 %, and are
        None of too few speakers."""
        calibration = self.profile.calibration
        return {
            "profile": self.profile.name,
            "space": self.profile.space,
            "calibration": calibration.record() if calibration else None,
            "mean": None if self.variant is None else "fitted" if self.variant.fitted_mean else "the model's own",
            "cohort": self.profile.cohort is not None,
            "trials": [_group(group) for group in self.groups],
            "before": [_group(group) for group in self.before],
            "held_out": [{"variant": str(variant), "cllr": found} for variant, found in self.variants],
        }


def by_measuring(material: Material, profile: Profile) -> Outcome:
    """How `profile` does on the trials of `material`.

    Raises ConfigurationError when it has no calibration, or when trials of one speaker or of two are missing.
    """
    if profile.calibration is None:
        raise ConfigurationError(
            f"the profile {profile.name!r} has no calibration to measure; leave --measure out to fit one"
        )
    trials, collection = material.trials, material.collection
    llrs = TrialScores(material).ratios(profile, profile.calibration)
    groups = evaluation.groups(llrs, trials, collection)
    if not groups:
        missing = "two speakers" if trials.is_target.any() else "one speaker"
        raise ConfigurationError(f"there are no trials of {missing}, so there is nothing to measure: add recordings")
    return Outcome(profile, llrs, trials, collection, groups)


def by_fitting(
    material: Material, own: Profile, *, name: str, means: Sequence[bool] = (False, True), step: Callable[[], None]
) -> Outcome:
    """The profile `name`, fitted on `material` and measured on held-out speakers, beside the model's `own` profile.

    `means` and `step` are those of `cross_validation.fitted`, which also says what is raised.
    """
    found = fitted(material, name=name, space=own.space, means=means, step=step)
    return Outcome(
        profile=found.profile,
        llrs=found.llrs,
        trials=material.trials,
        collection=material.collection,
        groups=evaluation.groups(found.llrs, material.trials, material.collection),
        before=by_measuring(material, own).groups if own.calibration else (),
        variant=found.variant,
        variants=list(found.held_out.items()),
    )


def _group(group: Group) -> dict[str, Any]:
    figures = {
        name: {"value": figure.value, "interval": figure.interval and list(figure.interval)}
        for name, figure in group.figures.items()
    }
    counts = {"speakers": group.speakers, "targets": group.targets, "nontargets": group.nontargets}
    return {"group": group.name, **counts, **figures}
