"""The Tab key in the shells of those who type: commands, options, names of models, files. A shell that is not here is
not tried."""

import os
import pty
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.exit_codes import ExitCode
from tests.patience import PATIENCE, until
from tests.unit.appliance.commands.conftest import VOICEPRINT, Run

# What is typed before the Tab key, and what then stands there or is offered.
TYPED = [
    ("voiceprint ext", "extract"),
    ("voiceprint keys rev", "revoke"),
    ("voiceprint compare --matr", "--matrix"),
    ("voiceprint compare --model ge2e-", "ge2e-int8"),
]
FILE = ("voiceprint compare some", "something.wav")


def the_shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"this machine has no {name}")
    return found


@pytest.fixture
def home(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with a file, whose shell finds `voiceprint`."""
    (tmp_path / "something.wav").touch()
    path = f"{VOICEPRINT.parent}{os.pathsep}{os.environ['PATH']}"
    return environment | {"PATH": path, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "TERM": "xterm"}


@pytest.mark.parametrize(("words", "expected"), TYPED)
def test_bash(home: dict[str, str], words: str, expected: str) -> None:
    """With the script that `voiceprint completion bash` prints."""
    script = (
        'eval "$(voiceprint completion bash)"\n'
        f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}\n"
        '_voiceprint_completion voiceprint; echo "${COMPREPLY[@]}"'
    )
    said = subprocess.check_output([the_shell("bash"), "-c", script], env=home, text=True, timeout=PATIENCE)
    assert expected in said.split()


def test_fish(home: dict[str, str], tmp_path: Path) -> None:
    """With the file that fish looks for."""
    fish = the_shell("fish")
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    asked = "; ".join(f"complete --do-complete '{words}'" for words, _ in (*TYPED, FILE))
    script = f"voiceprint completion fish > ~/.config/fish/completions/voiceprint.fish; {asked}"
    said = subprocess.check_output([fish, "-c", script], cwd=tmp_path, env=home, text=True, timeout=PATIENCE)
    offered = [line.partition("\t")[0] for line in said.splitlines()]
    assert offered == [expected for _, expected in (*TYPED, FILE)]


def test_zsh(home: dict[str, str], tmp_path: Path) -> None:
    """With the file in a folder of `fpath`, on a terminal."""
    zsh = the_shell("zsh")
    (tmp_path / ".zfunc").mkdir()
    (tmp_path / ".zshrc").write_text(
        "voiceprint completion zsh > ~/.zfunc/_voiceprint\n"
        "fpath=(~/.zfunc $fpath); autoload -Uz compinit; compinit -u; PS1='ready> '\n"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [zsh, "-i"], cwd=tmp_path, env=home, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            drawn_with(ours, "ready> ")
            for words, expected in (*TYPED, FILE):
                # Ctrl-U empties the line of before.
                os.write(ours, f"\x15{words}\t".encode())
                drawn_with(ours, expected)
        finally:
            process.kill()
            os.close(ours)


def drawn_with(terminal: int, expected: str) -> None:
    """Returns once `expected` is drawn there."""
    drawn = bytearray()

    def stands() -> bool:
        if select.select([terminal], [], [], 0.1)[0]:
            drawn.extend(os.read(terminal, 65536))
        return expected.encode() in drawn

    until(stands, lambda: drawn.decode(errors="replace"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(run: Run, shell: str) -> None:
    """It names the command that it completes."""
    said = run("completion", shell)
    assert said.returncode == ExitCode.DONE
    assert "_VOICEPRINT_COMPLETE" in said.stdout


def test_other_shells_have_none(run: Run) -> None:
    """And the ones that have are named."""
    said = run("completion", "tcsh")
    assert said.returncode == ExitCode.MISCONFIGURED
    assert "fish" in said.stderr
