"""The figures of docs/scores.md that follow from arithmetic, or from the shipped calibration, are what these give."""

import math
import re
from pathlib import Path

import numpy as np

from onnx_models import profiles, registry

PAGE = (Path(__file__).parents[2] / "docs/scores.md").read_text()


def table(heading: str) -> tuple[list[str], list[list[str]]]:
    """The first table under `heading`: the cells of its head, and those of each row."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return head, rows


def figure(text: str) -> str:
    found = re.search(r"-?[\d,]+(\.\d+)?", text)
    assert found, text
    return found[0].replace(",", "")


def agrees(cell: str, value: float) -> bool:
    """Whether `cell` is `value`, rounded to as many digits as it has."""
    told = figure(cell)
    if cell.startswith("over "):
        return value > float(told)
    return round(abs(float(told) - value), 9) <= 0.5 * 10.0 ** -len(told.partition(".")[2])


def odds(text: str) -> float:
    """Of `1 in 100 …` or `199 in 200 …`: the chances for against those against."""
    share, of = re.findall(r"[\d,]+", text)[:2]
    return int(share) / (int(of.replace(",", "")) - int(share))


def test_what_a_score_means() -> None:
    """A score is so many times likelier as its exponential says."""
    _, rows = table("What a score of 3.2 means")
    assert len(rows) == 9
    assert all(agrees(times, math.exp(float(score))) for score, times in rows)


def test_base_rates() -> None:
    """A score and a base rate make a probability by Bayes' rule, in per cent."""
    (_, *rates), rows = table("Base rates: from evidence to a probability")
    assert len(rates) == 5
    for score, *shown in rows:
        for rate, cell in zip(rates, shown, strict=True):
            after = odds(rate.replace("one comparison", "1")) * math.exp(float(score))
            assert agrees(cell, 100 * after / (1 + after)), (score, rate)


def test_thresholds_from_costs() -> None:
    """A threshold is the logarithm of the costs over the odds."""
    _, rows = table("A threshold follows from costs")
    for situation, *shown in rows:
        for cost, cell in zip((0.1, 1, 10, 100), shown, strict=True):
            assert agrees(cell, math.log(cost / odds(situation))), situation


def test_searches() -> None:
    """So many comparisons at a rate give so many false matches."""
    (_, *rates), rows = table("Searching is not comparing")
    for people, *shown in rows:
        for rate, cell in zip(rates, shown, strict=True):
            per_cent = float(re.findall(r"([\d.]+) %", rate)[0])
            assert agrees(cell, int(figure(people)) * per_cent / 100), (people, rate)


def test_short_speech() -> None:
    """The shipped calibration gives these scores to cosines of 1 and 0.6."""
    calibration = profiles.card_profile(registry.speaker_card(registry.DEFAULT_MODEL)).calibration
    assert calibration is not None
    _, rows = table("What short speech can and cannot say")
    for length, *shown in rows:
        seconds = [float(figure(length))]
        for cosine, cell in zip((1.0, 0.6), shown, strict=True):
            assert agrees(cell, float(calibration.llr(np.array([[cosine]]), seconds, seconds)[0, 0])), length
