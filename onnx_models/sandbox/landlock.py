"""No file system: Landlock with rules for nothing, so that no path can be opened, made, renamed or removed.

See the kernel's Documentation/userspace-api/landlock.rst. The C library has no names for these calls; their numbers are
the same on all processors.
"""

import ctypes
import os
import struct

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION = 1
# Rights over files that each version of the interface knows, in bits from 0.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_MOST_FILE_RIGHTS = 16
# TCP: bind and connect, since version 4. Abstract sockets and signals of others, since version 6.
_NETWORK_SINCE, _NETWORK = 4, 0b11
_SCOPE_SINCE, _SCOPE = 6, 0b11


def apply(libc: ctypes.CDLL) -> bool:
    """Shuts this process out of the file system for good; it must have given up new privileges.

    False where the kernel has no Landlock, or it is not switched on.
    """
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    rules = struct.pack("Q", (1 << _FILE_RIGHTS.get(version, _MOST_FILE_RIGHTS)) - 1)
    if version >= _NETWORK_SINCE:
        rules += struct.pack("Q", _NETWORK)
    if version >= _SCOPE_SINCE:
        rules += struct.pack("Q", _SCOPE)
    ruleset = libc.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    try:
        return not libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
