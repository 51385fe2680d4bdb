"""The host's side of the agent protocol (guest/frame.h): frames in, frames out."""

import enum
import itertools
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterable

_HEADER = struct.Struct("<IBI")


class FrameType(enum.IntEnum):
    START = 1
    STDIN = 2
    KILL = 3
    RESIZE = 4
    READ_FILE = 5
    WRITE_FILE = 6
    PING = 7
    HELLO = 64
    STARTED = 65
    STDOUT = 66
    STDERR = 67
    EXIT = 68
    DATA = 69
    DONE = 70
    ERROR = 71


def pack_string(text: str | bytes) -> bytes:
    data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    return struct.pack("<I", len(data)) + data


def pack_strings(texts: Iterable[str]) -> bytes:
    packed = [pack_string(text) for text in texts]
    return struct.pack("<I", len(packed)) + b"".join(packed)


Handler = Callable[[FrameType, bytes], None]


class Channel:
    """Sends requests and hands every answer to the handler of its request, on a reader thread."""

    def __init__(self, connection: socket.socket, on_lost: Callable[[], None]) -> None:
        self._connection = connection
        self._on_lost = on_lost
        self._handlers: dict[int, Handler] = {}
        self._ids = itertools.count(1)
        self._send_lock = threading.Lock()
        self._hello: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._handlers[0] = lambda _, payload: self._hello.put(payload)
        threading.Thread(target=self._read, name="vm-channel", daemon=True).start()

    def wait_for_hello(self, timeout: float) -> str | None:
        """The kernel release once the agent is there; None after `timeout` seconds."""
        try:
            return self._hello.get(timeout=timeout).decode() or None
        except queue.Empty:
            return None

    def open(self, handler: Handler) -> int:
        """A new request id whose answers go to the handler."""
        number = next(self._ids)
        self._handlers[number] = handler
        return number

    def close(self, number: int) -> None:
        self._handlers.pop(number, None)

    def send(self, kind: FrameType, number: int, payload: bytes = b"") -> None:
        """May raise OSError when the machine is gone."""
        with self._send_lock:
            self._connection.sendall(_HEADER.pack(len(payload), kind, number) + payload)

    def _read(self) -> None:
        try:
            while True:
                length, kind, number = _HEADER.unpack(self._receive(_HEADER.size))
                payload = self._receive(length)
                handler = self._handlers.get(number)
                if handler is not None:
                    handler(FrameType(kind), payload)
        except (EOFError, OSError):
            self._hello.put(b"")
            self._on_lost()

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._connection.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)
