"""Technologies and jobs are found by their files, and a file that falls short is named."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import schemas.technologies
import tasks.jobs
from schemas.errors import ConfigurationError
from schemas.technologies import technologies
from tasks.jobs import jobs

FOLDERS = {schemas.technologies: technologies, tasks.jobs: jobs}


@pytest.fixture
def seam(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder of the package that the test names; what is put there is found like the package's own files."""
    monkeypatch.setattr(request.param, "__path__", [*request.param.__path__, str(tmp_path)])
    before = set(sys.modules)
    FOLDERS[request.param].cache_clear()
    yield tmp_path
    FOLDERS[request.param].cache_clear()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_each_technology_has_a_job() -> None:
    """There is a job for every technology but those that say that they are missing."""
    assert {name for name, declared in technologies().items() if declared.missing is None} == set(jobs())
    assert "speaker-identification-voiceprint-extraction" in technologies()


DECLARATION = """\
from schemas.technologies import Result, Technology
TECHNOLOGY = Technology({name!r}, 'what it does', iter, Result)
"""


@pytest.mark.parametrize("seam", [schemas.technologies], indirect=True)
def test_a_new_file_is_a_new_technology(seam: Path) -> None:
    """One file is all that a technology needs to be known."""
    (seam / "weather_forecast.py").write_text(DECLARATION.format(name="weather-forecast"))
    assert technologies()["weather-forecast"].summary == "what it does"


@pytest.mark.parametrize(
    "text",
    ["", "TECHNOLOGY = 'a name'\n", DECLARATION.format(name="another-name")],
    ids=["no declaration", "not a Technology", "another name"],
)
@pytest.mark.parametrize("seam", [schemas.technologies], indirect=True)
def test_a_faulty_technology_is_named(seam: Path, text: str) -> None:
    """A file without a declaration of its own name stops the start with that file's name."""
    (seam / "weather_forecast.py").write_text(text)
    with pytest.raises(ConfigurationError, match=r"schemas/technologies/weather_forecast\.py must declare TECHNOLOGY"):
        technologies()


@pytest.mark.parametrize("text", ["", "run = 'not callable'\n"])
@pytest.mark.parametrize("name", ["weather_forecast", "speaker_weighing"])
@pytest.mark.parametrize("seam", [tasks.jobs], indirect=True)
def test_a_faulty_job_is_named(seam: Path, name: str, text: str) -> None:
    """A job file without `run` stops the start with that file's name."""
    (seam / f"{name}.py").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"tasks/jobs/{name}\.py must define run\(\)"):
        jobs()


@pytest.mark.parametrize("seam", [tasks.jobs], indirect=True)
def test_a_job_of_no_technology_is_named(seam: Path) -> None:
    """A job whose technology is not declared stops the start with that file's name."""
    (seam / "weather_forecast.py").write_text("def run(work): return b''\n")
    with pytest.raises(ConfigurationError, match=r"tasks/jobs/weather_forecast\.py"):
        jobs()


@pytest.mark.parametrize("seam", [schemas.technologies], indirect=True)
def test_a_technology_without_its_job_is_named(seam: Path) -> None:
    """A technology that nothing carries out stops the start of a worker."""
    (seam / "weather_forecast.py").write_text(DECLARATION.format(name="weather-forecast"))
    jobs.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match="tasks/jobs lacks a file for weather-forecast"):
            jobs()
    finally:
        jobs.cache_clear()
