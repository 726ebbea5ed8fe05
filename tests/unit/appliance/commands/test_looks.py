"""How the command line looks on a terminal and on a pipe, and what it says to wrong words."""

import subprocess
import sys

import pytest

from appliance.exit_codes import ExitCode
from tests.patience import PATIENCE
from tests.unit.appliance.commands.conftest import Run, seen

BOXES = "╭╮╰╯│─━┃"


@pytest.mark.parametrize("words", ["--help", "compare --help", "models --help", "models list", "nonsense"])
def test_on_a_pipe_all_is_plain(run: Run, words: str) -> None:
    """Neither colours nor boxes, which another program would stumble over."""
    said = run(*words.split())
    assert not set(said.stdout + said.stderr) & {"\x1b", *BOXES}


def test_on_a_terminal_headings_and_errors_stand_out(on_terminal: Run) -> None:
    """And the words are those of the pipe; with NO_COLOR nothing is coloured there either."""
    drawn = on_terminal("compare", "--help").stdout
    assert "\x1b[1mExamples:\x1b[0m" in drawn
    assert "\x1b[36m--prior" in drawn
    assert "Exit codes:\n  0    success" in seen(drawn)
    assert "\x1b[31merror: " in on_terminal("nonsense").stdout
    assert "\x1b" not in on_terminal("nonsense", NO_COLOR="1").stdout
    assert "\x1b" not in on_terminal("compare", "--help", NO_COLOR="1").stdout


def test_a_page_has_all_parts(run: Run) -> None:
    """What, arguments, options, examples, exit codes, environment, in this order."""
    page = run("watch", "--help").stdout
    places = [page.index(part) for part in ("Usage: voiceprint watch [OPTIONS] DIR", "  Turn every recording")]
    places += [
        page.index(f"\n{heading}:\n") for heading in ("Arguments", "Options", "Examples", "Exit codes", "Environment")
    ]
    assert places == sorted(places)
    assert "VOICEPRINT_MAX_AUDIO_LENGTH" in page


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("extrct", "Did you mean 'extract'?"),
        ("keys revke x", "Did you mean 'revoke'?"),
        ("compare --prioor 1 a b", "there is no option --prioor (did you mean --prior?)"),
        ("models verify gee2e", "there is no model 'gee2e' (did you mean ge2e?)"),
        ("profiles show defualt", "(did you mean default?)"),
    ],
)
def test_wrong_words_are_answered_with_the_nearest(run: Run, words: str, meant: str) -> None:
    """A command, an option, a model, a profile: on one line, and where it is all explained."""
    said = run(*words.split())
    assert said.returncode == ExitCode.MISCONFIGURED
    assert said.stdout == ""
    assert meant in said.stderr.splitlines()[0]


def test_help_is_light() -> None:
    """Neither what draws nor what computes is loaded to print a page."""
    code = (
        "import sys; sys.argv = ['voiceprint', 'compare', '--help']\n"
        "from appliance.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'rich', 'numpy', 'matplotlib', 'aiohttp', 'httpx'} & sys.modules.keys()))"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=PATIENCE)
    assert said.splitlines()[-1] == "[]"
