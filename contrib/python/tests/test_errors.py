"""What goes wrong, and how it is said."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ADMIN_TOKEN, READ_TOKEN, Daemon
from mispair_client import Client, MispairError

SPLIT = "semantics_clip_text_text"


@pytest.mark.parametrize(
    ("asked", "status", "kind", "field"),
    [
        ({"split": SPLIT, "id": 10**12}, 422, "invalid", "id"),
        ({"split": SPLIT, "id": "1"}, 422, "invalid", "id"),
        ({"split": "none", "id": 1}, 422, "invalid", "split"),
        ({"modality": "none", "id": 1}, 422, "invalid", "modality"),
        ({"split": SPLIT, "id": 1, "k": 0}, 422, "invalid", "k"),
        ({"split": SPLIT, "id": 1, "k": 10**6}, 422, "invalid", "k"),
        ({"split": SPLIT, "id": 1, "engine": "fast"}, 422, "invalid", "engine"),
        ({"split": SPLIT, "id": 1, "waive": ["colour"]}, 422, "invalid", "waive[0]"),
        ({"split": SPLIT, "id": 1, "partition": "north"}, 422, "invalid", "partition"),
        ({"split": SPLIT, "id": 1, "index": "other"}, 422, "invalid", "index"),
        ({"split": SPLIT, "vector": [1.0, 2.0]}, 422, "invalid", "vector"),
        ({"split": SPLIT, "vectors": {"clip-text": [0.0] * 512}}, 422, "invalid", "vectors.clip-text"),
    ],
)
def test_problems(client: Client, asked: dict[str, Any], status: int, kind: str, field: str) -> None:
    with pytest.raises(MispairError) as caught:
        client.query(**asked)
    error = caught.value
    assert (error.status, error.kind, error.field) == (status, kind, field)
    assert error.title and error.detail and error.request_id
    assert field in str(error) and error.request_id in str(error) and error.detail in str(error)


def test_a_missing_fact_is_an_error(client: Client) -> None:
    vector = np.random.default_rng(0).normal(size=512)
    with pytest.raises(MispairError) as caught:
        client.query(split=SPLIT, vector=vector)
    assert caught.value.kind == "missing-fact" and str(caught.value.field).startswith("facts.")


def test_ids_keep_their_type(client: Client, ids: list[int]) -> None:
    assert client.sample(ids[0]).id == ids[0]
    with pytest.raises(MispairError, match=f"'{ids[0]}'") as caught:
        client.sample(str(ids[0]))
    assert caught.value.status == 404
    with pytest.raises(MispairError) as caught:
        client.sample("no/such?id=é")
    assert caught.value.status == 404 and "no/such?id=é" in caught.value.detail
    with pytest.raises(MispairError) as caught:
        client.image(ids[-1])
    assert caught.value.status == 404
    for wrong in (1.5, True, None, [5]):
        with pytest.raises((TypeError, MispairError)):
            client.query(split=SPLIT, id=wrong)  # type: ignore[arg-type]


def test_one_wrong_question_of_many(client: Client, ids: list[int]) -> None:
    questions: list[Any] = [{"id": id} for id in ids[:10]]
    questions[7] = {"id": "nobody"}
    batch = client.batch(questions, split=SPLIT, window=3)
    for _ in range(7):
        next(batch)
    with pytest.raises(MispairError) as caught:
        next(batch)
    assert caught.value.field == "[7].id"
    assert len(batch.all()) == 2, "the others are answered"
    batch = client.batch(questions, split=SPLIT, window=3, on_error="skip")
    assert len(batch.all()) == 9 and list(batch.errors) == [7] and batch.errors[7].field == "[7].id"
    with pytest.raises(TypeError, match=r"\[1\]: unknown 'kk'"):
        client.batch([{"id": 1}, {"id": 1, "kk": 2}], split=SPLIT).all()  # type: ignore[typeddict-unknown-key]
    with pytest.raises(TypeError, match="unknown 'splt'"):
        client.batch([], splt=SPLIT)  # type: ignore[call-arg]


def test_rows_are_counted_through(client: Client) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 512))
    rows[77] = 0
    with pytest.raises(MispairError) as caught:
        client.search("clip-image", vectors=rows)
    assert caught.value.field == "vectors[77]"


def test_tokens(guarded: Daemon, ids: list[int]) -> None:
    for url in (guarded.url, guarded.socket):
        for token in (None, "another-token"):
            client = Client(url, token=token)
            assert client.ready(), "whether it is ready is told to everybody"
            with pytest.raises(MispairError) as caught:
                client.query(id=ids[0], split=SPLIT)
            assert (caught.value.status, caught.value.kind) == (401, "unauthorized")
            with pytest.raises(MispairError) as caught:
                client.batch([{"id": ids[0]}], split=SPLIT).all()
            assert caught.value.status == 401
        reader, admin = Client(url, token=READ_TOKEN), Client(url, token=ADMIN_TOKEN)
        assert len(reader.query(id=ids[0], split=SPLIT)) == 10
        with pytest.raises(MispairError) as caught:
            reader.reload()
        assert caught.value.status == 403
        before = admin.reload()
        assert admin.reload() == before + 1
    with pytest.raises(ValueError, match="ASCII"):
        Client(guarded.url, token="two\nlines")


def test_nobody_there(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:1", f"unix:{tmp_path}/none"):
        client = Client(url)
        assert not client.ready()
        with pytest.raises(OSError):
            client.indexes()
    for url in ("127.0.0.1:7400", "ftp://x", "http://", "unix:", "http://x/?index=y"):
        with pytest.raises(ValueError):
            Client(url)


class Busy(BaseHTTPRequestHandler):
    """Has too much to do twice, then answers; hangs up now and then."""

    protocol_version = "HTTP/1.1"
    turned_away = 2
    wish: str | None = "0"
    asked = 0
    hangs_up = False

    def do_GET(self) -> None:
        busy = type(self)
        busy.asked += 1
        away = busy.asked <= busy.turned_away
        body = json.dumps({"title": "Too many", "detail": "try again", "status": 503} if away else {"indexes": []})
        self.send_response(503 if away else 200)
        if away and busy.wish is not None:
            self.send_header("Retry-After", busy.wish)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
        # Without a word, as a daemon does with connections that nobody uses.
        self.close_connection = busy.hangs_up

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def busy() -> Iterator[tuple[str, type[Busy]]]:
    kind = type("OfOneTest", (Busy,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", kind
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_is_turned_away_asks_again(busy: tuple[str, type[Busy]]) -> None:
    url, kind = busy
    assert Client(url).indexes() == [] and kind.asked == 3
    kind.asked, kind.turned_away = 0, 100
    with pytest.raises(MispairError, match="try again") as caught:
        Client(url, retries=5).indexes()
    assert caught.value.status == 503 and kind.asked == 6, "a bounded number of times"
    kind.asked, kind.wish = 0, None
    with pytest.raises(MispairError):
        Client(url).indexes()
    assert kind.asked == 1, "not where it is not wished for"


def test_connections_that_were_hung_up_are_replaced(busy: tuple[str, type[Busy]]) -> None:
    url, kind = busy
    kind.turned_away, kind.hangs_up = 0, True
    with Client(url) as client:
        for _ in range(5):
            assert client.indexes() == []
    assert kind.asked == 5
