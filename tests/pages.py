"""The pages of docs/ as tests see them: every example with its language, and with the reason where it is not run."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
# What a reader may type, and so what is run or says why not.
TYPED = ("sh", "console", "python")
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_RUN_BY = re.compile(r"<!-- run by: ([^>]+) -->")
_NOT_RUN = re.compile(r"\*Not run by a test: ([^*]+)\.\*")
_PRINTED = "<!-- printed -->"


@dataclass(frozen=True)
class Example:
    """What stands in one fence of a page, at a line of it.

    `not_run` is why it is not run, which the page says for all to read right before the fence. `run_by` is the test of
    the page's own that runs it, which a comment there names, or under the title for all fences. `printed` is so marked
    as well: what the one before prints.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    run_by: str = ""
    printed: bool = False

    @property
    def file(self) -> str | None:
        """The name under which others find it, where its first line names a file."""
        named = re.match(r"# ([\w-]+\.py)\n", self.text)
        return named[1] if named else None

    @property
    def shell(self) -> str:
        """What is typed, without the prompts of a console and what that answers."""
        if self.language != "console":
            return self.text
        typed = re.findall(r"^\$ ((?:.*\\\n)*.*)$", self.text, re.MULTILINE)
        return "\n".join(typed) + "\n"


def examples(page: Path) -> list[Example]:
    """Every fence of `page`, in order."""
    text = page.read_text()
    whole = re.match(r"# .*\n\n" + _RUN_BY.pattern, text)
    found = []
    for fence in _FENCE.finditer(text):
        above = text[: fence.start()].rstrip().rpartition("\n")[2].strip()
        not_run = _NOT_RUN.fullmatch(above)
        run_by = None if not_run else _RUN_BY.fullmatch(above) or whole
        found.append(
            Example(
                page.name,
                text.count("\n", 0, fence.start()) + 1,
                fence[2],
                textwrap.dedent(fence[3]),
                not_run=not_run[1] if not_run else "",
                run_by=run_by[1] if run_by else "",
                printed=above == _PRINTED,
            )
        )
    return found


def outside_of_fences(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def invocations(shell: str) -> Iterator[list[str]]:
    """The words after each `voiceprint` that `shell` starts, whoever else is asked to start it."""
    for command in _commands(shell):
        starts = [at for at, word in enumerate(command) if re.fullmatch(r"(\S*bin/)?voiceprint", word)]
        if starts and command[0] not in _TAKES_NAMES:
            yield command[starts[-1] + 1 :]


# Programs after which `voiceprint` names a folder or a unit.
_TAKES_NAMES = {"cd", "mkdir", "cp", "systemctl", "pip"}


def _commands(shell: str) -> Iterator[list[str]]:
    """The words of every simple command, without comments; a string that is given to a shell counts as well."""
    line = ""
    for more in shell.replace("\\\n", " ").splitlines():
        line += more + "\n"
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quotation that goes on in the next line
            continue
        line, command = "", list[str]()
        for word in [*words, ";"]:
            if set(word) <= set("();<>|&"):
                if command:
                    yield command
                command = []
            else:
                if command[-1:] == ["-c"]:
                    yield from _commands(word)
                command.append(word)
