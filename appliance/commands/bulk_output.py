"""Where goes what is made in bulk: into a folder, or into a database, of which a folder tells what is done."""

from typing import Annotated

import typer

from schemas.errors import ConfigurationError

To = Annotated[
    str | None,
    typer.Option(
        help="Format of the output: parquet, when not given, arrow, ndjson, npy, kaldi or base64.", show_default=False
    ),
]
Records = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="What is done and the rejects, when the output is a database; ./TABLE.records when not given.",
        show_default=False,
    ),
]


def destination(output: str, to: str | None, records: str | None) -> tuple[str, str]:
    """The format or the address of the database, and the folder. Raises ConfigurationError."""
    from tasks.bulk import sinks  # noqa: PLC0415

    sink = sinks.find(output)
    if sink is None:
        if records:
            raise ConfigurationError("--records: a folder has its records in it; only a database needs another place")
        return to or "parquet", output
    if to:
        raise ConfigurationError("--to is for files; a database has entries of its own")
    address = sink.normal(output)
    return address, records or f"{address.rpartition('/')[2]}.records"
