"""JSON bodies that are not what a technology takes."""

from typing import Any

import httpx
import pytest

from schemas import json
from schemas.voiceprint import MAXIMUM_BYTES, encode, to_base64
from tests.conftest import API, CONVERSION, ended
from tests.hardening.conftest import GOOD
from tests.hardening.wire import assert_refused
from tests.unit.schemas.sample_voiceprints import voiceprint

VALUES = json.decode(json.encode(voiceprint().vector))


def post(client: httpx.Client, body: bytes, content_type: str = "application/json", **headers: str) -> httpx.Response:
    return client.post(CONVERSION, content=body, headers={"Content-Type": content_type, **headers})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{voiceprints}",
        b'{"voiceprints": ["AAAA"]} and more',
        b'{"voiceprints": ["AAAA"]',
        b'{"voiceprints": NaN}',
        b'{"voiceprints": [Infinity]}',
        b'{"voiceprints": ["\xff"]}',
        b'{"voiceprints": ["\\ud800"]}',
        b'\xef\xbb\xbf{"voiceprints": ["AAAA"]}',
        '{"voiceprints": ["AAAA"]}'.encode("utf-16"),
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"voiceprints": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_not_json_is_refused(client: httpx.Client, body: bytes) -> None:
    """What does not parse, also for its depth or its encoding, is 400."""
    assert_refused(post(client, body), 400, "request.invalid")


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(client: httpx.Client, body: bytes) -> None:
    """JSON of another kind parses and is 422."""
    assert_refused(post(client, body), 422, "request.validation-error", (("body",), "model_type"))


@pytest.mark.parametrize(
    ("document", "place", "kind"),
    [
        ({}, ("voiceprints",), "missing"),
        ({"voiceprints": None}, ("voiceprints",), "list_type"),
        ({"voiceprints": GOOD}, ("voiceprints",), "list_type"),
        ({"voiceprints": {"0": GOOD}}, ("voiceprints",), "list_type"),
        ({"voiceprints": []}, ("voiceprints",), "too_short"),
        ({"voiceprints": ["AAAA"] * 50_001}, ("voiceprints",), "too_long"),
    ],
    ids=["missing", "null", "text", "object", "none", "50,001"],
)
def test_the_list_of_voiceprints_is_checked(
    client: httpx.Client, document: dict[str, Any], place: tuple[str, ...], kind: str
) -> None:
    """One to 50,000 voiceprints in a list, or 422."""
    answer = client.post(CONVERSION, json=document)
    assert_refused(answer, 422, "request.validation-error", (("body", *place), kind))


def test_every_bad_item_is_named(client: httpx.Client) -> None:
    """What is not Base64 text is 422 at once, with one detail for each index and none for the good ones."""
    sent = [GOOD, 1, None, ["AAAA"], "@@@@", "A", "AAA=A", "AA\nAA", " AAAA", "\u00e4", GOOD]
    answer = client.post(CONVERSION, json={"voiceprints": sent})
    kinds = ["string_type"] * 3 + ["value_error"] * 6
    faults = [(("body", "voiceprints", index), kind) for index, kind in enumerate(kinds, 1)]
    assert_refused(answer, 422, "request.validation-error", *faults)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (CONVERSION, "voiceprints"),
        (f"{API}/speaker-identification-voiceprint-merging", "voiceprints"),
        (f"{API}/speaker-identification-voiceprint-comparison", "voiceprints_a"),
        (f"{API}/speaker-identification-voiceprint-comparison", "voiceprints_b"),
        (f"{API}/gender-identification-voiceprints", "voiceprints"),
    ],
)
def test_a_voiceprint_that_is_larger_than_any(client: httpx.Client, path: str, name: str) -> None:
    """It is 422 at once, named by its index."""
    document = {"voiceprints_a": [GOOD], "voiceprints_b": [GOOD]} if name != "voiceprints" else {}
    answer = client.post(path, json=document | {name: [GOOD, "A" * (MAXIMUM_BYTES * 4 // 3 + 4)]})
    assert_refused(answer, 422, "request.validation-error", (("body", name, 1), "string_too_long"))


def test_more_values_than_any_request_has_are_not_parsed(client: httpx.Client) -> None:
    """A few bytes of JSON each would become gigabytes of objects: refused by counting, before parsing."""
    body = b'{"voiceprints": [' + b"[]," * 2_000_000 + b"[]]}"
    assert_refused(post(client, body), 422, "request.validation-error", (("body",), "too_long"))


def test_of_a_key_that_comes_twice_the_last_counts(client: httpx.Client) -> None:
    """The check and the task read the same one."""
    answer = post(client, b'{"voiceprints": ["@"], "voiceprints": ["%s"]}' % GOOD.encode())
    assert ended(client, answer.headers["Location"])["result"] == {"vector_voiceprints": [VALUES]}
    answer = post(client, b'{"voiceprints": ["%s"], "voiceprints": ["@"]}' % GOOD.encode())
    assert answer.status_code == 422


def test_damaged_voiceprints_among_good_ones_reject_the_task(client: httpx.Client) -> None:
    """Base64 that holds no voiceprint of ours passes the door; the task names each by its index and what it is."""
    container = encode(voiceprint())
    flipped = bytearray(container)
    flipped[200] ^= 1
    sent = [container, b"VPT 5", container[:-9], container, bytes(flipped), container + b"AAA", b""]
    texts = [to_base64(one) for one in sent]
    answer = client.post(CONVERSION, json={"voiceprints": texts})
    assert answer.status_code == 202
    body: dict[str, Any] = ended(client, answer.headers["Location"])
    assert set(body) == {"task", "error"}
    assert body["task"]["state"] == "rejected"
    assert body["error"]["type"] == "task.validation-error"
    assert [(tuple(detail["location"]), detail["type"]) for detail in body["error"]["detail"]] == [
        (("body", "voiceprints", 1), "voiceprint.wrong-magic"),
        (("body", "voiceprints", 2), "voiceprint.truncated"),
        (("body", "voiceprints", 4), "voiceprint.damaged"),
        (("body", "voiceprints", 5), "voiceprint.wrong-length"),
        (("body", "voiceprints", 6), "voiceprint.wrong-magic"),
    ]
    good = [text for text, one in zip(texts, sent, strict=True) if one == container]
    answer = client.post(CONVERSION, json={"voiceprints": good})
    assert ended(client, answer.headers["Location"])["result"] == {"vector_voiceprints": [VALUES, VALUES]}


def test_fifty_thousand_bad_voiceprints_are_all_named(client: httpx.Client) -> None:
    """An error too large for the task's record is read from its file."""
    answer = client.post(CONVERSION, json={"voiceprints": ["AAAA"] * 50_000})
    body: dict[str, Any] = ended(client, answer.headers["Location"])
    assert [detail["location"][-1] for detail in body["error"]["detail"]] == list(range(50_000))


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/vnd.api+json", "json"])
def test_another_content_type_is_refused(client: httpx.Client, content_type: str) -> None:
    """Voiceprints come as application/json, and anything else is 415."""
    answer = post(client, json.encode({"voiceprints": [GOOD]}), content_type)
    assert_refused(answer, 415, "request.unsupported-media")


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    """No body is unpacked on the way in, so none can grow there."""
    answer = post(client, b"\x1f\x8b\x08", **{"Content-Encoding": "gzip"})
    assert_refused(answer, 415, "request.unsupported-media")
