"""Redis's protocol as far as the proxy of the fault suite reads it."""

import pytest

from tests.faults.resp import Commands

PING = b"*1\r\n$4\r\nPING\r\n"
SET = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\na\r\nb\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_commands_are_found_however_they_are_cut(size: int) -> None:
    """Each command is told once it is whole, with the bytes it came in, line ends within strings included."""
    commands, sent = Commands(), PING + SET + PING
    found = [one for at in range(0, len(sent), size) for one in commands.feed(sent[at : at + size])]
    assert found == [(PING, [b"PING"]), (SET, [b"SET", b"k", b"a\r\nb\r\n"]), (PING, [b"PING"])]


def test_a_command_that_is_not_whole_waits() -> None:
    """Nothing is told of a command whose last byte has not come."""
    assert list(Commands().feed(SET[:-1])) == []
