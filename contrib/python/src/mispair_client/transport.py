"""HTTP/1.1 over TCP, TLS or a Unix socket. Connections are kept and used again; threads may share a ``Transport``."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import MispairError

#: The longest pause before a daemon that has too much to do is asked again, whatever it wishes. Seconds.
LONGEST_PAUSE = 5.0
#: Connections that are kept for later.
KEPT = 64
#: Bodies that may be refused before they are read.
LARGE = 1 << 20
JSON = "application/json"
LINES = "application/x-ndjson"


class Response(NamedTuple):
    """A successful response."""

    media_type: str
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise type(error)(error.errno, f"{self._path}: {error.strerror}") from None
        self.sock = connection


def _connector(url: str, timeout: float | None) -> tuple[Callable[[], http.client.HTTPConnection], str]:
    """How to connect, and what stands before the path of every request."""
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        path = path.removeprefix("//") if path.startswith("//") else path
        if not path.strip("/"):
            raise ValueError(f"{url!r}: name the socket: unix:/run/mispair/mispair.sock")
        return lambda: _UnixConnection(path, timeout), ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address: give http://HOST:PORT, https://HOST or unix:/PATH")
    host, port = parts.hostname, parts.port
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return lambda: kind(host, port, timeout=timeout), parts.path.rstrip("/")


class Transport:
    """Sends requests to one daemon."""

    def __init__(self, url: str, token: str | None, timeout: float | None, retries: int) -> None:
        self._connect, self._prefix = _connector(url, timeout)
        self._headers = {"User-Agent": "mispair-client"}
        if token is not None:
            if not token or not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("a token holds visible ASCII characters only, and no blanks")
            self._headers["Authorization"] = f"Bearer {token}"
        self._retries = retries
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._process = os.getpid()

    def close(self) -> None:
        """Closes what is kept. The next request connects again."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # Another thread was first.
                return

    def get(self, path: str, retries: int | None = None) -> Response:
        """A page."""
        return self._request("GET", path, None, None, self._retries if retries is None else retries)

    def post(self, path: str, body: bytes, media_type: str) -> Response:
        """What is answered to a document, to lines, or to a file: lines to lines, else a document."""
        return self._request("POST", path, body, media_type, self._retries)

    def _request(
        self, method: str, path: str, body: bytes | None, media_type: str | None, retries: int
    ) -> Response:
        headers = dict(self._headers)
        if media_type is not None:
            headers.update({"Content-Type": media_type, "Accept": LINES if media_type == LINES else JSON})
        tries = 0
        while True:
            status, got, answer = self._exchange(method, self._prefix + path, headers, body)
            if status == 200:
                return Response(got.get("Content-Type", ""), answer)
            wish = got.get("Retry-After")
            if status != 503 or wish is None or tries >= retries:
                raise MispairError.of_response(status, answer, got.get("X-Request-Id"))
            tries += 1
            time.sleep(_pause(wish))

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        while True:
            connection, used = self._take()
            try:
                sender = self._send(connection, method, path, headers, body)
                response = connection.getresponse()
                answer = response.read()
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                # A daemon closes connections that nobody uses for a while: another one is taken, until one is new.
                # Every request may be sent twice: none changes anything, but for reloading, which may happen twice.
                if used and isinstance(error, (ConnectionError, http.client.RemoteDisconnected)):
                    continue
                if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
                    raise ConnectionError(f"the answer broke off or is none: {error!r}") from error
                raise
            except BaseException:
                # Interrupted: what is left of the answer must not be read as the next one.
                connection.close()
                raise
            # Whoever answers every line has read every line; whoever refuses need not have.
            unread = sender is not None and response.status != 200
            if unread or response.will_close or len(self._idle) >= KEPT:
                connection.close()
            else:
                if sender is not None:
                    sender.join()
                self._idle.append(connection)
            return response.status, response.headers, answer

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        if self._process != os.getpid():
            # After a fork the connections are the parent's.
            self._idle, self._process = deque(), os.getpid()
        try:
            return self._idle.pop(), True
        except IndexError:
            return self._connect(), False

    @staticmethod
    def _send(
        connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> threading.Thread | None:
        """Sends a request; of lines the head alone, and then a thread sends the rest."""
        if body is None or headers["Content-Type"] != LINES:
            try:
                connection.request(method, path, body=body, headers=headers)
            except (BrokenPipeError, ConnectionResetError):
                # Who refuses a long body need not read it, and may have said why.
                if body is None or len(body) < LARGE:
                    raise
            return None
        # Lines are answered while they are sent: two who both wait to be read first would wait for ever.
        connection.putrequest(method, path)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        sender = threading.Thread(target=_sends, args=(connection.sock, body), daemon=True)
        sender.start()
        return sender


def _sends(connection: socket.socket, body: bytes) -> None:
    try:
        connection.sendall(body)
    except OSError:
        # The one who reads sees why.
        pass


def _pause(wish: str) -> float:
    try:
        return min(max(float(wish), 0.0), LONGEST_PAUSE)
    except ValueError:
        return 1.0
