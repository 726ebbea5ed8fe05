"""`voiceprint convert` from and to an object store: Arrow's own client of S3 against a server of this machine."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from appliance.exit_codes import ExitCode
from tests.integration.test_bulk import archive, matrix, vectors
from tests.patience import until

HUSH = "hush"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 with a bucket; it forgets all when it ends."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    log = tmp_path_factory.mktemp("s3") / "log"
    with log.open("w") as said, subprocess.Popen(command, stderr=said) as process:
        try:
            (address,) = until(lambda: re.findall(r"Running on (http://\S+)", log.read_text()), log.read_text)
            store(address, allow_bucket_creation=True).create_dir("archive")
            yield address
        finally:
            process.terminate()


def store(address: str, **options: Any) -> pyarrow.fs.S3FileSystem:
    host = address.removeprefix("http://")
    return pyarrow.fs.S3FileSystem(
        endpoint_override=host, scheme="http", access_key="reader", secret_key=HUSH, region="us-east-1", **options
    )


def command(*words: str) -> list[str | Path]:
    return [Path(sys.executable).with_name("voiceprint"), "convert", *words]


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words), capture_output=True, text=True, check=False, env=os.environ | environment, timeout=100
    )


def test_an_object_store_is_read_and_written(server: str, tmp_path: Path) -> None:
    """By patterns and folders; a run that was killed goes on, and neither files nor words hold what opens the store."""
    reading = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": HUSH, "AWS_REGION": "us-east-1"}
    reading |= {"AWS_ENDPOINT_URL": server, "VOICEPRINT_DATA_DIR": str(tmp_path)}
    made, files = vectors(300), store(server)
    for year, part in zip((2019, 2020, 2021), np.split(made, 3), strict=True):
        local = archive(tmp_path / "one.parquet", part)
        with files.open_output_stream(f"archive/voiceprints/{year}/a [1] %41 ä.parquet") as stream:
            stream.write(local.read_bytes())
    words = ("--rows-per-file", "100", "s3://archive/vectors")
    with subprocess.Popen(
        command("s3://archive/voiceprints", *words), stderr=subprocess.PIPE, env=os.environ | reading
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.kill()
    done = run("s3://archive/voiceprints", *words, **reading)
    assert done.returncode == 0, done.stderr
    assert "300 rows in, 300 vectors, 0 rejects" in done.stderr
    found = files.get_file_info(pyarrow.fs.FileSelector("archive/vectors"))
    parts = sorted(one.path for one in found if one.path.endswith(".parquet"))
    assert len(parts) == 3
    table = pa.concat_tables([pq.read_table(path, filesystem=files) for path in parts])
    assert matrix(table).tobytes() == made.tobytes()
    assert table["source"][0].as_py() == "s3://archive/voiceprints/2019/a [1] %41 ä.parquet"

    named = f"?endpoint_override={server.replace('/', '%2F').replace(':', '%3A')}"
    del reading["AWS_ENDPOINT_URL"]
    done = run(f"s3://archive/voiceprints/20[12]*/*{named}", str(tmp_path / "here"), **reading)
    assert done.returncode == 0, done.stderr
    assert "300 rows in, 300 vectors, 0 rejects" in done.stderr
    assert HUSH not in (tmp_path / "here/_manifest.json").read_text() + done.stderr
    lacking = run(f"s3://archive/nothing{named}", str(tmp_path / "nowhere"), **reading)
    assert (lacking.returncode, "there is no s3://archive/nothing" in lacking.stderr) == (ExitCode.MISCONFIGURED, True)


def test_an_address_holds_no_secrets(tmp_path: Path) -> None:
    """It would stand in the manifest and beside every vector; what was said is not repeated."""
    done = run(f"s3://reader:{HUSH}@archive/voiceprints", str(tmp_path / "out"), VOICEPRINT_DATA_DIR=str(tmp_path))
    assert done.returncode == ExitCode.MISCONFIGURED
    assert "no secrets" in done.stderr
    assert HUSH not in done.stderr
