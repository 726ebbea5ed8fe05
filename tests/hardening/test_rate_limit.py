"""A caller that submits more tasks in a minute than it may is told so before anything of its request is read."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import requests

from schemas.technologies import technologies
from tests.conftest import API, CONVERSION, EXTRACTION, Appliance
from tests.hardening.conftest import GOOD, stored
from tests.hardening.test_limits import chunk, chunked
from tests.hardening.wire import assert_refused, connect, received, request
from tests.made_keys import made_keys
from tests.patience import PATIENCE, until

Serve = Callable[..., Appliance]
DOCUMENT = {"voiceprints": [GOOD]}
RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def send(client: httpx.Client, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(CONVERSION, json=DOCUMENT, headers=named)


def told(answer: httpx.Response) -> list[int]:
    """Limit, remaining and reset."""
    return [int(answer.headers[name]) for name in RATE]


def assert_limited(answer: httpx.Response, limit: int) -> None:
    assert_refused(answer, 429, "request.rate-limit-exceeded")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert told(answer)[:2] == [limit, 0]
    assert 0 < told(answer)[2] <= 60


def test_the_task_after_the_last_is_refused(serve: Serve) -> None:
    """Every 202 tells what is left, and then each technology and each way of sending is 429, and nothing is stored."""
    appliance = serve(rate_limit=2)
    with appliance.client() as client:
        answers = [send(client), client.post(EXTRACTION, files={"file": b"x"})]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert [told(answer)[:2] for answer in answers] == [[2, 1], [2, 0]]
        assert told(answers[0])[2] == 30
        assert 30 < told(answers[1])[2] <= 60
        for name, technology in technologies().items():
            if technology.missing is None:
                assert_limited(client.post(f"{API}/{name}", content=b"whatever"), 2)
        for path in ("/health", "/api/system/status", answers[0].headers["Location"]):
            assert client.get(path).status_code == 200
        assert client.delete(answers[0].headers["Location"]).status_code == 204
    assert len(stored(appliance.data_dir)) == 1


def test_nothing_of_the_body_is_read(serve: Serve) -> None:
    """Who has sent only the beginning is answered already, and one that sends all before it listens learns it too."""
    appliance = serve(rate_limit=1)
    with appliance.client() as client:
        assert send(client).status_code == 202
    with connect(appliance.url) as connection:
        connection.sendall(chunked(EXTRACTION) + chunk(bytes(1000)))
        assert_refused(received(connection), 429, "request.rate-limit-exceeded")
    late = requests.post(appliance.url + EXTRACTION, files={"file": bytes(30_000_000)}, timeout=PATIENCE)
    assert late.status_code == 429
    assert len(stored(appliance.data_dir)) == 1


def test_without_a_limit_nothing_is_told(serve: Serve) -> None:
    """By default there is none, and Redis keeps nothing about callers."""
    with serve().client() as client:
        answers = [send(client) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {202}
    assert not [name for answer in answers for name in RATE if name in answer.headers]


def test_each_api_key_has_its_own_rate(serve: Serve, tmp_path: Path) -> None:
    """One caller that has used its room takes none of another's, however it presents its key; a key's own limit goes
    before the one that is set."""
    first, second = made_keys(tmp_path, "first", "second")
    (third,) = made_keys(tmp_path, "third", rate_limit=3)
    with serve(rate_limit=1).client() as client:
        assert [told(send(client, X_API_Key=third))[:2] for _ in range(3)] == [[3, 2], [3, 1], [3, 0]]
        assert_limited(send(client, X_API_Key=third), 3)
        assert send(client, X_API_Key=first).status_code == 202
        assert_limited(send(client, Authorization=f"Bearer {first}"), 1)
        assert send(client, X_API_Key=second).status_code == 202
        assert send(client, X_API_Key="wrong").status_code == 401


def test_without_keys_an_address_has_a_rate(serve: Serve) -> None:
    """What it says of itself changes nothing, unless a trusted proxy says it."""
    with serve(rate_limit=1).client() as client:
        assert send(client).status_code == 202
        assert_limited(send(client, X_API_Key="made up", X_Forwarded_For="192.0.2.1"), 1)


def test_behind_a_proxy_each_client_has_its_own(serve: Serve) -> None:
    """The last address in the list counts, which the proxy wrote; of IPv6 the network."""
    with serve(rate_limit=1, trusted_proxies="127.0.0.1").client() as client:
        for used, same, other in (
            ("192.0.2.1", "192.0.2.99, 192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ):
            assert send(client, X_Forwarded_For=used).status_code == 202
            assert_limited(send(client, X_Forwarded_For=same), 1)
            assert send(client, X_Forwarded_For=other).status_code == 202


def test_what_is_refused_unread_does_not_count(serve: Serve) -> None:
    """Neither a wrong parameter nor a full queue takes of the rate."""
    with serve(rate_limit=2, max_queue_length=1).client() as client:
        assert client.post(EXTRACTION, params={"channel_mode": "x"}).status_code == 422
        first = send(client)
        assert told(first)[:2] == [2, 1]
        assert send(client).status_code == 503
        assert client.delete(first.headers["Location"]).status_code == 204
        assert told(send(client))[:2] == [2, 0]


def test_what_is_sent_again_is_taken(serve: Serve) -> None:
    """A request whose answer was lost makes no task: it counts for nothing and is answered beyond the limit."""
    with serve(rate_limit=1).client() as client:
        first = send(client, Idempotency_Key="k")
        again = send(client, Idempotency_Key="k")
        assert again.status_code == 202
        assert again.json() == first.json()
        assert told(again)[:2] == [1, 0]
        assert_limited(send(client, Idempotency_Key="new"), 1)


def test_what_is_sent_again_after_its_task_was_erased_counts(serve: Serve) -> None:
    """While its body is on its way, the earlier task is taken back: what comes then is a new one, beyond the limit."""
    appliance = serve(rate_limit=1)
    # Blanks enough for a file: what is shorter has none before its end.
    body = b" " * (1 << 21) + json.dumps(DOCUMENT).encode()
    with appliance.client() as client, connect(appliance.url) as connection:
        first = send(client, Idempotency_Key="k")
        connection.sendall(request("POST", CONVERSION, "Idempotency-Key: k", body=body[:-1], length=len(body)))
        # It is known for the first by then: its file is begun beside the other's.
        until(lambda: len(stored(appliance.data_dir)) == 2)
        assert client.delete(first.headers["Location"]).status_code == 204
        connection.sendall(body[-1:])
        assert_refused(received(connection), 429, "request.rate-limit-exceeded")
    assert not stored(appliance.data_dir)


def test_processes_count_together(serve: Serve) -> None:
    """Two servers on one Redis share what a caller may submit."""
    with serve(rate_limit=3).client() as one, serve(rate_limit=3).client() as other:
        assert [told(send(client))[1] for client in (one, other, one)] == [2, 1, 0]
        assert_limited(send(other), 3)
