"""Uploads that are not the form they should be."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.conftest import EXTRACTION, Appliance, ended
from tests.hardening.wire import FORM, assert_refused, connect, form, part, received, request

SOUND = b"this is no recording, but nobody looks before the task runs"
FILE = part("file", SOUND)


def post(client: httpx.Client, body: bytes, content_type: str = FORM, **headers: str) -> httpx.Response:
    return client.post(EXTRACTION, content=body, headers={"Content-Type": content_type, **headers})


def config(text: bytes) -> bytes:
    return part("config", text, filename=None)


def test_a_form_without_a_file_is_refused(client: httpx.Client) -> None:
    """Without a part named 'file' the answer is 422, located at that part."""
    answer = post(client, form(part("sound", SOUND), config(b"{}")))
    assert_refused(answer, 422, "request.validation-error", (("body", "file"), "missing"))


@pytest.mark.parametrize("name", ["file", "config"])
def test_a_part_that_counts_comes_once(client: httpx.Client, name: str) -> None:
    """Two files or two configs are refused instead of one being chosen."""
    answer = post(client, form(part(name, b"{}"), part(name, b"{}"), FILE))
    assert_refused(answer, 422, "request.validation-error", (("body", name), "repeated"))


def test_a_parameter_that_is_no_list_comes_once(client: httpx.Client) -> None:
    """A mode given twice is named; channels may come one by one."""
    answer = client.post(f"{EXTRACTION}?channel_mode=mix&channel_mode=mix", files={"file": SOUND})
    assert_refused(answer, 422, "request.validation-error", (("query", "channel_mode"), "repeated"))
    assert client.post(f"{EXTRACTION}?channels=0&channels=1", files={"file": SOUND}).status_code == 202


def test_a_file_needs_no_file_name(client: httpx.Client) -> None:
    """A part named 'file' is the recording, whether or not it calls itself a file."""
    answer = post(client, form(part("file", SOUND, filename=None)))
    assert answer.status_code == 202


def test_an_empty_file_is_rejected_as_a_task(client: httpx.Client) -> None:
    """A file of no bytes is a file, and its task says that it is empty."""
    answer = post(client, form(part("file", b"")))
    assert answer.status_code == 202
    body: dict[str, Any] = ended(client, answer.headers["Location"])
    assert body["task"]["state"] == "rejected"
    assert set(body["error"]) == {"type", "message", "detail"}
    assert body["error"]["type"] == "task.validation-error"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(form(FILE), "multipart/form-data", id="no boundary"),
        pytest.param(form(FILE), "multipart/form-data; boundary=", id="empty boundary"),
        pytest.param(form(FILE), f"multipart/form-data; boundary={'b' * 71}", id="boundary too long"),
        pytest.param(form(FILE), "multipart/form-data; boundary=other", id="another boundary"),
        pytest.param(b"", FORM, id="nothing"),
        pytest.param(b"no form at all", FORM, id="no form"),
        pytest.param(FILE, FORM, id="no closing boundary"),
        pytest.param(FILE[:-20], FORM, id="cut within the file"),
        pytest.param(FILE[:20], FORM, id="cut within a header"),
        pytest.param(b"--edge\r\n", FORM, id="cut after a boundary"),
        pytest.param(form(b"--edge\r\nnonsense\r\n\r\nx\r\n"), FORM, id="header without a colon"),
        pytest.param(form(part("file", SOUND, f"X-Long: {'x' * 100_000}")), FORM, id="giant header"),
        pytest.param(form(part("file", SOUND, *["X: x"] * 10_000)), FORM, id="ten thousand headers"),
        pytest.param(b"--edge\r\n" + b"x" * 3_000_000, FORM, id="header without an end"),
        pytest.param(
            form(part("file", b"--in\r\n\r\nx\r\n--in--\r\n", "Content-Type: multipart/mixed; boundary=in")),
            FORM,
            id="a form within the form",
        ),
        pytest.param(form(*[part("x", b"")] * 1000, FILE), FORM, id="a thousand parts"),
    ],
)
def test_a_malformed_form_is_refused(client: httpx.Client, body: bytes, content_type: str) -> None:
    """What cannot be read as a form is 400, whatever is wrong with it."""
    assert_refused(post(client, body, content_type), 400, "request.invalid")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (part("file", SOUND, "no colon"), "header"),
        (part("file", SOUND, f"X-Long: {'x' * 100_000}"), "header length"),
        (part("file", SOUND, *["X: x"] * 10_000), "header count"),
        (form(*[part("x", b"")] * 1000), "segment count"),
    ],
)
def test_what_is_wrong_with_a_part_is_told(client: httpx.Client, broken: bytes, words: str) -> None:
    """In words for people, and without what was sent."""
    message = assert_refused(post(client, form(broken)), 400, "request.invalid")
    assert words in message
    assert message.startswith("the form cannot be read: ")


@pytest.mark.parametrize("before", [b"\n" * 600, b"\r\n" * 300, b"x" * 600 + b"\r\n", b" " * 600, b"--other\r\n" * 100])
def test_a_form_begins_soon(client: httpx.Client, before: bytes) -> None:
    """What stands before the first boundary is skipped, up to 512 bytes."""
    message = assert_refused(post(client, before + form(FILE)), 400, "request.invalid")
    assert "does not begin within 512 bytes" in message
    assert post(client, before[:500] + b"\r\n" + form(FILE)).status_code == 202


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "Base64", "x-uuencode", "gzip"])
@pytest.mark.parametrize("name", ["file", "config"])
def test_a_part_that_is_encoded_is_refused(client: httpx.Client, name: str, encoding: str) -> None:
    """It would be stored as it came: 415 names the part and its encoding."""
    encoded = part(name, b"UklGRg==", f"Content-Transfer-Encoding: {encoding}")
    message = assert_refused(post(client, form(encoded)), 415, "request.unsupported-media")
    assert f"{name!r} has Content-Transfer-Encoding {encoding.lower()}" in message


@pytest.mark.parametrize("encoding", ["gzip", "Deflate", "gzip, identity"])
@pytest.mark.parametrize("name", ["file", "config"])
def test_a_part_that_is_compressed_is_refused(client: httpx.Client, name: str, encoding: str) -> None:
    """As a request is that says so of itself."""
    message = assert_refused(
        post(client, form(part(name, gzip.compress(SOUND), f"Content-Encoding: {encoding}"))),
        415,
        "request.unsupported-media",
    )
    assert f"{name!r} has Content-Encoding {encoding.lower()}" in message


def test_a_part_may_say_that_it_is_not_compressed(client: httpx.Client) -> None:
    """It is taken as it is."""
    assert post(client, form(part("file", SOUND, "Content-Encoding: identity"))).status_code == 202


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7bit", "Binary"])
def test_a_part_that_is_not_encoded_may_say_so(client: httpx.Client, encoding: str) -> None:
    """Clients of mail's ways do."""
    sent = form(part("file", SOUND, f"Content-Transfer-Encoding: {encoding}"))
    assert post(client, sent).status_code == 202


@pytest.mark.parametrize(
    "disposition",
    [
        b'filename="a;b.wav"',
        b'filename="a\\"b%.wav"',
        b'filename="../../etc/passwd"',
        b'filename="\xc3\xa4\'\xe2\x82\xac.wav"',
        b'filename="\xff\xfe.wav"',
        b"filename*=UTF-8''%e2%82%ac.wav",
        b'filename="%00%0d%0a.wav"',
        b'filename="' + b"x" * 4000 + b'"',
        b'filename=""',
        b'filename="a\tb.wav"',
    ],
)
def test_odd_file_names_are_no_fault(client: httpx.Client, disposition: bytes) -> None:
    """Nobody reads them."""
    sent = part("file", SOUND).replace(b'filename="a.wav"', disposition)
    assert disposition in sent
    assert post(client, form(sent)).status_code == 202


@pytest.mark.usefixtures("client")
def test_a_body_cut_short_leaves_nothing(appliance: Appliance) -> None:
    """A client that announces more than it sends, and hangs up, is forgotten."""
    with connect(appliance.url) as connection:
        connection.sendall(request("POST", EXTRACTION, f"Content-Type: {FORM}", body=form(FILE), length=10_000))


@pytest.mark.usefixtures("client")
def test_a_body_longer_than_announced_is_refused(appliance: Appliance) -> None:
    """What follows a request's end is not HTTP, and says so in the same shape as every error."""
    with connect(appliance.url) as connection:
        connection.sendall(request("POST", EXTRACTION, f"Content-Type: {FORM}", body=form(FILE), length=50))
        assert_refused(received(connection), 400, "request.invalid")


@pytest.mark.parametrize("text", [b"{", b"[]", b"1", b"null", b"[" * 100_000, b'{"channel_mode": "\xff"}'])
def test_a_config_that_is_no_object_is_refused(client: httpx.Client, text: bytes) -> None:
    """The part 'config' is a JSON object or 422, before and after the file."""
    for parts in ((config(text), FILE), (FILE, config(text))):
        answer = post(client, form(*parts))
        assert_refused(answer, 422, "request.validation-error", (("body", "config"), "malformed"))


@pytest.mark.parametrize("text", [b"", b"{}", b'{"channel_mode": null, "channels": null}'])
def test_what_is_not_set_is_the_default(client: httpx.Client, text: bytes) -> None:
    """An empty config, and nulls in one, are what clients send whose user chose nothing."""
    assert post(client, form(config(text), FILE)).status_code == 202


@pytest.mark.parametrize("name", ["config", "stray"])
def test_parts_beside_the_file_are_bounded(client: httpx.Client, name: str) -> None:
    """More than a mebibyte that is not the file is 413."""
    text = b'{"x": "' + b"x" * (1 << 20) + b'"}'
    assert_refused(post(client, form(part(name, text), FILE)), 413, "request.size-limit-exceeded")


@pytest.mark.parametrize("order", [1, -1])
def test_unknown_keys_and_parts_are_ignored(client: httpx.Client, order: int) -> None:
    """A config may come first or last, and what is not known in it or beside it is no fault."""
    parts = (config(b'{"language": "en", "nested": {"a": [1]}}'), FILE, part("stray", b"x"))[::order]
    assert post(client, form(*parts)).status_code == 202


@pytest.mark.parametrize(
    ("given", "place", "kind"),
    [
        ({"channel_mode": "x"}, ("channel_mode",), "literal_error"),
        ({"channels": "a"}, ("channels",), "value_error"),
        ({"channels": "0,,1"}, ("channels",), "value_error"),
        ({"channels": ""}, ("channels",), "value_error"),
        ({"channels": "-1"}, ("channels", 0), "greater_than_equal"),
        ({"channels": "0,-1"}, ("channels", 1), "greater_than_equal"),
        ({"channels": "9" * 400}, ("channels", 0), "less_than"),
        ({"channels": "9" * 5000}, ("channels",), "value_error"),
        ({"max_speech_length": "0"}, ("max_speech_length",), "greater_than"),
        ({"max_speech_length": "-1"}, ("max_speech_length",), "greater_than"),
        ({"max_speech_length": "NaN"}, ("max_speech_length",), "finite_number"),
        ({"max_speech_length": "inf"}, ("max_speech_length",), "finite_number"),
        ({"max_speech_length": "1e400"}, ("max_speech_length",), "less_than_equal"),
        ({"max_speech_length": "long"}, ("max_speech_length",), "float_parsing"),
        ({"include_vector_voiceprint": "maybe"}, ("include_vector_voiceprint",), "bool_parsing"),
        ({"include_vector_voiceprint": ""}, ("include_vector_voiceprint",), "bool_parsing"),
    ],
)
def test_a_wrong_parameter_is_located(
    client: httpx.Client, given: dict[str, str], place: tuple[str | int, ...], kind: str
) -> None:
    """A value that is none is 422 and named by where it stood, in the query as in the config."""
    asked = client.post(EXTRACTION, files={"file": SOUND}, params=given)
    assert_refused(asked, 422, "request.validation-error", (("query", *place), kind))
    configured = post(client, form(FILE, config(json.dumps(given).encode())))
    assert_refused(configured, 422, "request.validation-error", (("config", *place), kind))


def test_every_wrong_parameter_is_named(client: httpx.Client) -> None:
    """One answer tells all that is wrong, each at its own place."""
    answer = client.post(
        EXTRACTION,
        params={"channel_mode": "x"},
        files={"file": SOUND, "config": (None, '{"channels": [1.5], "max_speech_length": {}}')},
    )
    # The query is looked at before the body is read.
    assert_refused(answer, 422, "request.validation-error", (("query", "channel_mode"), "literal_error"))
    answer = client.post(
        EXTRACTION, files={"file": SOUND, "config": (None, '{"channels": [1.5], "max_speech_length": {}}')}
    )
    faults = ((("config", "channels", 0), "int_type"), (("config", "max_speech_length"), "float_type"))
    assert_refused(answer, 422, "request.validation-error", *faults)


@pytest.mark.parametrize("written", ["True", "False", "true", "false", "1", "0"])
def test_booleans_as_clients_write_them(client: httpx.Client, written: str) -> None:
    """Python's own spelling is understood as well as JSON's."""
    answer = client.post(EXTRACTION, files={"file": SOUND}, params={"include_vector_voiceprint": written})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "audio/wav", "multipart/mixed", ""]
)
def test_another_content_type_is_refused(client: httpx.Client, content_type: str) -> None:
    """A recording comes in multipart form data, and anything else is 415."""
    assert_refused(post(client, form(FILE), content_type), 415, "request.unsupported-media")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
def test_a_compressed_body_is_refused(client: httpx.Client, encoding: str) -> None:
    """No body is unpacked on the way in, so none can grow there."""
    answer = post(client, form(FILE), **{"Content-Encoding": encoding})
    assert_refused(answer, 415, "request.unsupported-media")


def test_identity_is_no_compression(client: httpx.Client) -> None:
    """An encoding that changes nothing is accepted, in any spelling."""
    assert post(client, form(FILE), **{"Content-Encoding": "Identity"}).status_code == 202
