"""A task belongs to the key that made it: to everybody else there is none such."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tasks.keys import record_key
from tests.conftest import CONVERSION, EXTRACTION, Appliance, ended
from tests.hardening.conftest import GOOD, stored
from tests.hardening.wire import assert_refused
from tests.made_keys import FILE, made_keys, revoke

Serve = Callable[..., Appliance]


def submit(client: httpx.Client, key: str, **headers: str) -> str:
    """The path of a new task of `key`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"X-API-Key": key}
    answer = client.post(CONVERSION, json={"voiceprints": [GOOD]}, headers=named)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def asked(client: httpx.Client, method: str, location: str, key: str, query: str = "") -> httpx.Response:
    return client.request(method, location + query, headers={"X-API-Key": key, "X-Request-Id": "one"})


@pytest.mark.parametrize("query", ["", "?wait=30"])
def test_the_task_of_another_is_unknown(serve: Serve, tmp_path: Path, query: str) -> None:
    """Polling, waiting for and erasing it is answered to the byte like an id that never was, and does it no harm."""
    owner, other = made_keys(tmp_path, "owner", "other")
    appliance = serve()
    with appliance.client() as client:
        location = submit(client, owner)
        nowhere = f"{CONVERSION}/{uuid.uuid4()}"
        for method in ("GET", "DELETE"):
            refusals = [asked(client, method, place, other, query) for place in (location, nowhere)]
            assert_refused(refusals[0], 404, "resource.not-found")
            assert refusals[0].content == refusals[1].content
            volatile = {"date", "x-correlation-id"}
            told = [{name: value for name, value in one.headers.items() if name not in volatile} for one in refusals]
            assert told[0] == told[1]
        assert asked(client, "GET", location, owner).json()["task"]["state"] == "pending"
        assert len(stored(tmp_path)) == 1
        assert asked(client, "DELETE", location, owner).status_code == 204
        assert asked(client, "GET", location, owner).status_code == 404


def test_each_key_lists_its_own(serve: Serve, tmp_path: Path) -> None:
    """Page by page, as they stand; nothing of another's, and after it is erased nothing of it."""
    owner, other = made_keys(tmp_path, "owner", "other")
    appliance = serve()

    def listed(client: httpx.Client, key: str, **query: object) -> dict[str, list[dict[str, str]]]:
        answer = client.get("/api/tasks", params=query, headers={"X-API-Key": key})  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        found: dict[str, list[dict[str, str]]] = answer.json()
        return found

    with appliance.client() as client:
        mine, theirs = [submit(client, owner) for _ in range(3)], submit(client, other)
        assert [one["location"] for one in listed(client, other)["tasks"]] == [theirs]
        assert {one["location"] for one in listed(client, owner)["tasks"]} == set(mine)
        first = listed(client, owner, limit=2)
        second = listed(client, owner, limit=2, after=first["next"])
        assert len(first["tasks"]) == 2
        assert {one["location"] for one in (*first["tasks"], *second["tasks"])} == set(mine)
        assert second["next"] is None
        assert {one["state"] for one in listed(client, owner, state="pending")["tasks"]} == {"pending"}
        assert listed(client, owner, technology="voice-activity-detection")["tasks"] == []
        assert asked(client, "DELETE", theirs, other).status_code == 204
        assert listed(client, other) == {"tasks": [], "next": None}


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=1001", "limit=1_0", "after=x", "after=1-2"])
def test_a_page_that_is_none(client: httpx.Client, query: str) -> None:
    """What cannot be asked of a list is named."""
    refused = client.get(f"/api/tasks?{query}")
    assert refused.status_code == 422
    assert [fault["location"] for fault in refused.json()["detail"]] == [["query", query.partition("=")[0]]]


def test_strangers_list_nothing(serve: Serve) -> None:
    """Without keys, where others come in as well, ids are all that keeps tasks apart: nobody is told them."""
    appliance = serve(host="0.0.0.0", allow_anonymous=True)  # noqa: S104  # of this machine, for this test
    with appliance.client() as client:
        assert_refused(client.get("/api/tasks"), 403, "request.forbidden")


def test_its_owner_has_it_from_beginning_to_end(start_appliance: Callable[..., Appliance], tmp_path: Path) -> None:
    """Who made it polls it, sees its result and erases it; another never sees it, whatever its state."""
    owner, other = made_keys(tmp_path / "data", "owner", "other")
    with start_appliance().client(headers={"X-API-Key": owner}) as client:
        location = submit(client, owner)
        assert ended(client, location)["task"]["state"] == "done"  # type: ignore[index]
        for method in ("GET", "DELETE"):
            assert asked(client, method, location, other, "?wait=10").status_code == 404
        assert asked(client, "GET", location, owner).json()["result"]
        assert asked(client, "DELETE", location, owner).status_code == 204


def test_a_key_of_the_same_name_inherits_nothing(serve: Serve, tmp_path: Path) -> None:
    """A key that takes another's place has neither its tasks nor its idempotency keys, and what was revoked is gone."""
    (old,) = made_keys(tmp_path, "desk")
    with serve().client() as client:
        location = submit(client, old, Idempotency_Key="k")
        (new,) = made_keys(tmp_path, "desk")
        revoke(tmp_path, old, datetime.now(UTC))
        assert asked(client, "GET", location, old).status_code == 401
        assert asked(client, "GET", location, new).status_code == 404
        assert submit(client, new, Idempotency_Key="k") != location


def test_tasks_from_before_there_were_keys(serve: Serve, tmp_path: Path) -> None:
    """What was made without a key is reachable as long as none is needed, and by no key from then on."""
    with serve().client() as client:
        location = submit(client, "none")
        assert client.get(location).status_code == 200
        (first,) = made_keys(tmp_path, "first")
        assert client.get(location).status_code == 401
        for method in ("GET", "DELETE"):
            assert asked(client, method, location, first).status_code == 404


def test_a_damaged_file_of_keys_closes_the_door(serve: Serve, tmp_path: Path) -> None:
    """Whatever happens to the file, it opens nothing: all that needs a key is a 503 with and without one, and the log
    says why; health stays, and a file that is whole again is taken at once."""
    (key,) = made_keys(tmp_path, "caller")
    appliance, file = serve(), tmp_path / FILE
    whole = file.read_bytes()

    def damage(content: bytes | None, mode: int = 0o600) -> None:
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
            file.chmod(mode)

    damages: list[tuple[bytes | None, int]] = [
        (b"", 0o600),
        (whole[:-10], 0o600),
        (whole.replace(b'"revoked": null,', b""), 0o600),
        (whole.replace(b'"version": 1', b'"version": 2'), 0o600),
        (b"[" * 100_000, 0o600),
        (b"{}", 0o600),
        (b'{"version": 1, "keys": []}', 0o600),
        (whole, 0o666),
        (None, 0),
    ]
    with appliance.client() as client:
        for content, mode in damages:
            damage(content, mode)
            for headers in ({}, {"X-API-Key": key}):
                answer = client.get("/api/system/info", headers=headers)
                assert_refused(answer, 503, "service.overloaded")
                assert answer.headers["Retry-After"] == "10"
                assert client.post(EXTRACTION, files={"file": b"x"}, headers=headers).status_code == 503
            assert client.get("/health").status_code == 200
            damage(whole)
            assert client.get("/api/system/info", headers={"X-API-Key": key}).status_code == 200
            assert client.get("/api/system/info").status_code == 401
    log = (appliance.data_dir / "up.log").read_text()
    assert log.count("nobody is let in: ") >= len(damages)
    assert key[12:] not in log


@pytest.mark.parametrize("damaged", [b"damaged", b""], ids=["changed", "empty"])
def test_a_damaged_task_of_another_is_unknown(serve: Serve, tmp_path: Path, redis_url: str, damaged: bytes) -> None:
    """Its owner learns that it has failed and erases it; to everybody else there is still none such."""
    owner, other = made_keys(tmp_path, "owner", "other")
    with serve().client() as client, Redis.from_url(redis_url) as redis:
        location = submit(client, owner)
        redis.set(record_key(location.rpartition("/")[2]), damaged)
        for method in ("GET", "DELETE"):
            assert_refused(asked(client, method, location, other), 404, "resource.not-found")
        assert asked(client, "GET", location, owner).json()["task"]["state"] == "failed"
        assert asked(client, "DELETE", location, owner).status_code == 204
        assert asked(client, "GET", location, owner).status_code == 404
