"""`voiceprint compare`: two voices, and all of a folder."""

import base64
import json
import math
import re
import shutil
from pathlib import Path

import pytest

from appliance.exit_codes import ExitCode
from appliance.voices.verdict import VERDICTS, per_cent, probability, signed, verdict
from tests.conftest import RECORDINGS
from tests.unit.appliance.commands.conftest import Run, seen

ROOT = Path(__file__).parents[4]


def test_words_and_colours_are_those_of_the_console() -> None:
    """Who sees a score in the browser and in the terminal reads the same."""
    written = (ROOT / "appliance/console/words.js").read_text()
    told = re.findall(r"\[(-?(?:[\d.]+|Infinity)), \"(\w+)\", \"([^\"]+)\"\]", written)
    assert [(float(least), words) for least, _, words in told] == [(one.least, one.words) for one in VERDICTS]
    light = (ROOT / "appliance/console/colours.css").read_text().partition("@media")[0]
    for one, (_, tone, _) in zip(VERDICTS, told, strict=True):
        assert f"--{tone}: {one.ground}; --on-{tone}: {one.ink};" in light


@pytest.mark.parametrize(("llr", "prior"), [(0, 0.5), (3.2, 0.01), (-5, 0.9), (800, 0.5), (-800, 0.5)])
def test_the_probability_is_that_of_bayes(llr: float, prior: float) -> None:
    """Odds after the evidence are those before it times the ratio."""
    found = probability(llr, prior)
    assert 0 <= found <= 1
    if abs(llr) < 100:
        assert math.isclose(found / (1 - found), prior / (1 - prior) * math.exp(llr))


def test_no_figure_says_more_than_is_known() -> None:
    """No probability reads as certain, and a score just below a verdict has the one below."""
    assert (per_cent(0.99999), per_cent(0.00001), per_cent(0.5)) == ("over 99.9 %", "under 0.1 %", "50.0 %")
    assert verdict(4.6).words != verdict(4.5999).words
    assert (signed(0.04), signed(-7.26)) == ("+0.0", "-7.3")


def test_recordings_and_voiceprints_mix(run: Run, folder: Path) -> None:
    """A recording and a voiceprint have the scores that two voiceprints have, to the last bit; channels are apart."""
    mixed = run("compare", RECORDINGS / "call.flac", folder / "stranger.0.vp", "--json")
    assert mixed.returncode == ExitCode.DONE, mixed.stderr
    told = json.loads(mixed.stdout)
    assert (told["model"], told["prior"]) == ("ge2e", 0.5)
    assert [pair["a"]["channel"] for pair in told["pairs"]] == [0, 1]
    for pair in told["pairs"]:
        kept = run("compare", folder / f"call.{pair['a']['channel']}.vp", folder / "stranger.0.vp", "--json")
        assert json.loads(kept.stdout)["pairs"][0]["llr"] == pair["llr"] < -4.6
        assert pair["verdict"] == "Different speakers, very likely"


def test_on_a_pipe_it_is_a_line_for_each_pair(run: Run, folder: Path) -> None:
    """Tab-separated under a head, without colours; in Base64 a voiceprint is the same."""
    text = folder / "answer.txt"
    text.write_bytes(base64.b64encode((folder / "answer.0.vp").read_bytes()) + b"\n")
    said = run("compare", folder / "call.1.vp", text, "--prior", "0.01")
    assert said.returncode == ExitCode.DONE
    head, line = said.stdout.splitlines()
    assert head == "a\tb\tLLR\tverdict\tprobability"
    assert line.split("\t")[2:] == ["+13.5", "Same speaker, very likely", "over 99.9 %"]
    assert said.stderr == ""


def test_on_a_terminal_the_verdict_is_coloured(on_terminal: Run, folder: Path) -> None:
    """And the prior, which the probability rests on, is told."""
    said = on_terminal("compare", folder / "call.1.vp", folder / "answer.0.vp")
    assert said.returncode == ExitCode.DONE
    assert "\x1b[" in said.stdout
    assert "Same speaker, very likely" in seen(said.stdout)
    assert "50 % of such pairs" in seen(said.stdout)


def test_a_threshold_is_told_by_the_exit_code(run: Run, folder: Path) -> None:
    """4 below it, 0 from it on, for scripts."""
    pair = (folder / "call.1.vp", folder / "answer.0.vp")
    assert run("compare", *pair, "--threshold", "3").returncode == ExitCode.DONE
    assert run("compare", *pair, "--threshold", "30").returncode == ExitCode.BELOW


def test_what_cannot_be_compared_is_named(run: Run, folder: Path, tmp_path: Path) -> None:
    """A missing file, one that is no recording, and wrong words; nothing is printed that might be taken for a score."""
    bad = tmp_path / "bad.wav"
    bad.write_text("no recording")
    for other, reason in ((tmp_path / "none.wav", "No such file"), (bad, "this is text, not a recording")):
        said = run("compare", folder / "call.0.vp", other)
        assert (said.returncode, said.stdout) == (ExitCode.REFUSED, "")
        assert f"{other}: {reason}" in said.stderr
    for words in (("one.wav",), (), ("a", "b", "--png", tmp_path / "x.png"), ("a", "b", "--prior", "1")):
        assert run("compare", *words).returncode == ExitCode.MISCONFIGURED


def test_voices_of_two_models_are_not_compared(run: Run, folder: Path) -> None:
    """A recording is extracted with the voiceprint's model; --model names another, and the voiceprint is refused."""
    other = run("compare", folder / "call.0.vp", RECORDINGS / "answer.flac", "--model", "mfcc-stats")
    assert other.returncode == ExitCode.REFUSED
    assert "it is of the model ge2e" in other.stderr
    wrong = run("compare", folder / "call.0.vp", folder / "call.1.vp", "--model", "ge2")
    assert wrong.returncode == ExitCode.MISCONFIGURED
    assert "did you mean ge2e" in wrong.stderr


def test_a_matrix_is_square_and_symmetric(run: Run, folder: Path, tmp_path: Path) -> None:
    """All with all, as a table and as a picture; recordings whose voiceprints lie there are not read again."""
    shutil.copy(RECORDINGS / "stranger.flac", folder)
    (folder / "_rejects.ndjson").write_text("{}")
    picture = tmp_path / "heat.png"
    said = run("compare", "--matrix", folder, "--png", picture)
    assert said.returncode == ExitCode.DONE, said.stderr
    head, *rows = [line.split("\t") for line in said.stdout.splitlines()]
    assert head == ["voice", "answer.0", "call.0", "call.1", "stranger.0"]
    assert [row[0] for row in rows] == head[1:]
    cells = [row[1:] for row in rows]
    assert cells == [list(column) for column in zip(*cells, strict=True)]
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = run("compare", "--matrix", folder, "--png", picture)
    assert "overwrite it with --force" in again.stderr
    told = json.loads(run("compare", "--matrix", folder, "--json").stdout)
    assert [voice["name"] for voice in told["voices"]] == head[1:]
    assert [signed(llr) for llr in told["llr"][0]][1:] == cells[0][1:]


def test_a_matrix_is_coloured_on_a_terminal(on_terminal: Run, folder: Path) -> None:
    """Numbers stand above the columns, since names would leave no room for scores."""
    drawn = on_terminal("compare", "--matrix", folder).stdout
    assert "48;2;177;74;2" in drawn or "48;5;" in drawn
    assert "1  answer.0" in seen(drawn)
