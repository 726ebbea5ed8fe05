"""Many inputs, some of them bad: those are named and the others go on."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import typer

from appliance.exit_codes import ExitCode
from appliance.settings import colour
from schemas.errors import Refusal

_I = TypeVar("_I")
_R = TypeVar("_R")


def complain(line: str) -> None:
    """An error for people: red on a terminal, on standard error."""
    typer.secho(f"error: {line}", fg=typer.colors.RED, err=True, color=colour())


class Inputs:
    """Knows whether an input was refused; `tell` is given a line for each that was."""

    def __init__(self, tell: Callable[[str], None] = complain) -> None:
        self._tell = tell
        self.exit_code = ExitCode.DONE

    def worked(
        self, inputs: Iterable[_I], work: Callable[[_I], _R], name: Callable[[_I], str] = str
    ) -> Iterator[tuple[_I, _R]]:
        """The inputs that `work` did not refuse, each with its result."""
        for item in inputs:
            try:
                result = work(item)
            except Refusal as refusal:
                self._refuse(name(item), refusal.message)
            except OSError as error:
                self._refuse(name(item), error.strerror or str(error))
            else:
                yield item, result

    def _refuse(self, name: str, reason: str) -> None:
        self.exit_code = ExitCode.REFUSED
        self._tell(f"{name}: {reason}")
