"""libsndfile's C interface, as much of it as reading takes: what its sndfile.h declares.

The library is the one that the package `soundfile` brings, or the system's. The package itself is left out: it brings
numpy, and what a zygote holds is paid for by every child.
"""

import ctypes
import os
import platform
from contextlib import suppress
from importlib import import_module
from mmap import mmap
from pathlib import Path
from typing import Protocol

from onnx_models.decoders.decoder import Samples

_READ = 0x10
_FORMAT, _SUBTYPE = 0x0FFF0000, 0xFFFF
# By the libraries that platform.machine() names otherwise than their files.
_MACHINES = {"aarch64": "arm64", "aarch64_be": "arm64"}
_FORMATS = {0x01: "WAV", 0x13: "WAVEX", 0x17: "FLAC", 0x20: "OGG", 0x22: "RF64", 0x23: "MP3"}
_SUBTYPES = {
    0x01: "PCM_S8",
    0x02: "PCM_16",
    0x03: "PCM_24",
    0x04: "PCM_32",
    0x05: "PCM_U8",
    0x06: "FLOAT",
    0x07: "DOUBLE",
    0x10: "ULAW",
    0x11: "ALAW",
    0x12: "IMA_ADPCM",
    0x13: "MS_ADPCM",
    0x20: "GSM610",
    0x21: "VOX_ADPCM",
    0x22: "NMS_ADPCM_16",
    0x23: "NMS_ADPCM_24",
    0x24: "NMS_ADPCM_32",
    0x30: "G721_32",
    0x31: "G723_24",
    0x32: "G723_40",
    0x40: "DWVW_12",
    0x41: "DWVW_16",
    0x42: "DWVW_24",
    0x43: "DWVW_N",
    0x50: "DPCM_8",
    0x51: "DPCM_16",
    0x60: "VORBIS",
    0x64: "OPUS",
    0x70: "ALAC_16",
    0x71: "ALAC_20",
    0x72: "ALAC_24",
    0x73: "ALAC_32",
    0x80: "MPEG_LAYER_I",
    0x81: "MPEG_LAYER_II",
    0x82: "MPEG_LAYER_III",
}


class SndfileError(Exception):
    """What libsndfile calls an error: its `code`, and its `reason` in words."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.reason: str = _library.sf_error_number(code).decode(errors="replace")
        super().__init__(self.reason)


class Seekable(Protocol):
    """What libsndfile asks of a file that is no descriptor."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int: ...
    def tell(self) -> int: ...
    def readinto(self, buffer: memoryview) -> int: ...


class _Info(ctypes.Structure):
    """`SF_INFO`."""

    _fields_ = (
        ("frames", ctypes.c_int64),
        ("sample_rate", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("format", ctypes.c_int),
        ("sections", ctypes.c_int),
        ("seekable", ctypes.c_int),
    )


class Sound:
    """An open recording, read from its start to its end. `frames` is as the header has it, or as it is estimated."""

    def __init__(self, source: int | Seekable) -> None:
        """`source` is a descriptor, which stays open, or stands for a file. Raises SndfileError."""
        info = _Info()
        if isinstance(source, int):
            self._sound = _library.sf_open_fd(source, _READ, ctypes.byref(info), 0)
        else:
            # The library keeps no reference of its own.
            self._source = source
            self._sound = _library.sf_open_virtual(ctypes.byref(_VIRTUAL), _READ, ctypes.byref(info), source)
        if self._sound is None:
            raise SndfileError(_library.sf_error(None))
        self.frames, self.sample_rate, self.channels = info.frames, info.sample_rate, info.channels
        self.format = _FORMATS.get((info.format & _FORMAT) >> 16, "")
        self.subtype = _SUBTYPES.get(info.format & _SUBTYPE, "something unknown")
        self.samples: Samples = "int16" if self.subtype == "PCM_16" else "float32"
        self._read = _library.sf_readf_short if self.samples == "int16" else _library.sf_readf_float

    def read_into(self, buffer: mmap, frames: int) -> int:
        """Reads up to so many frames of `samples`, interleaved, into `buffer`, which has room for them.

        Returns how many there were. Raises SndfileError.
        """
        count: int = self._read(self._sound, ctypes.byref(ctypes.c_char.from_buffer(buffer)), frames)
        if code := _library.sf_error(self._sound):
            raise SndfileError(code)
        return count

    def close(self) -> None:
        sound, self._sound = self._sound, None
        if sound is not None:
            _library.sf_close(sound)


def _opened() -> ctypes.CDLL:
    """Raises OSError where there is no libsndfile."""
    machine = platform.machine()
    with suppress(ImportError, OSError):
        brought = Path(*import_module("_soundfile_data").__path__)
        return ctypes.CDLL(str(brought / f"libsndfile_{_MACHINES.get(machine, machine)}.so"))
    # Only here: it brings threads and random numbers, whose modules have something to do in every child.
    from ctypes.util import find_library  # noqa: PLC0415

    return ctypes.CDLL(find_library("sndfile") or "libsndfile.so.1")


def _length(file: Seekable) -> int:
    before = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(before)
    return end


def _read(address: int, count: int, file: Seekable) -> int:
    return file.readinto(memoryview((ctypes.c_char * count).from_address(address)).cast("B"))


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    handle, count, info = ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(_Info)
    for name, result, arguments in (
        ("sf_open_fd", handle, (ctypes.c_int, ctypes.c_int, info, ctypes.c_int)),
        ("sf_open_virtual", handle, (ctypes.POINTER(_VirtualFile), ctypes.c_int, info, ctypes.py_object)),
        ("sf_readf_float", count, (handle, ctypes.c_void_p, count)),
        ("sf_readf_short", count, (handle, ctypes.c_void_p, count)),
        ("sf_error", ctypes.c_int, (handle,)),
        ("sf_error_number", ctypes.c_char_p, (ctypes.c_int,)),
        ("sf_close", ctypes.c_int, (handle,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_LENGTH = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.py_object)
_SEEK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int, ctypes.py_object)
_MOVE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.py_object)


class _VirtualFile(ctypes.Structure):
    """`SF_VIRTUAL_IO`."""

    _fields_ = (("length", _LENGTH), ("seek", _SEEK), ("read", _MOVE), ("write", _MOVE), ("tell", _LENGTH))


# Callbacks are code that is made at run time, and no child can make code: these are made once, for every file.
_VIRTUAL = _VirtualFile(
    length=_LENGTH(_length),
    seek=_SEEK(lambda offset, whence, file: file.seek(offset, whence)),
    read=_MOVE(_read),
    write=_MOVE(lambda *_: 0),
    tell=_LENGTH(lambda file: file.tell()),
)
_library = _declared(_opened())
