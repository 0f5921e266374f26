"""The fear: an interpreter that stands still while it searches, threads and processes that do not survive each other."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import SPLITS, Desk

import mispair


def queries(desk: Desk, n: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(2).standard_normal((n, desk.index.modalities["clip-image"])).astype(np.float32)


def test_threads_share_an_index(desk: Desk) -> None:
    asked, ids = queries(desk, 300), desk.asking(SPLITS[1], 20)
    index = mispair.Index(desk.path, threads=2)
    want = (desk.index.search("clip-image", asked), desk.index.batch(SPLITS[1], ids=ids, k=3))
    got: dict[int, Any] = {}

    def work(i: int) -> None:
        got[i] = [(index.search("clip-image", asked), index.batch(SPLITS[1], ids=ids, k=3)) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    for plain, split in (pair for pairs in got.values() for pair in pairs):
        assert np.array_equal(plain.rows, want[0].rows) and np.array_equal(plain.scores, want[0].scores)
        assert np.array_equal(split.rows, want[1].rows) and np.array_equal(split.scores, want[1].scores)


@pytest.mark.parametrize("call", ["query", "batch", "search", "chunks", "match_chunk"])
def test_the_interpreter_goes_on(desk: Desk, call: str) -> None:
    """No thread is made to give way here, so another one runs only if the call lets it."""
    id, asked, ran = desk.asking(SPLITS[0], 1)[0], queries(desk, 100), threading.Event()
    calls: dict[str, Callable[[], object]] = {
        "query": lambda: desk.index.query(split=SPLITS[0], id=id),
        "batch": lambda: desk.index.batch(SPLITS[0], ids=[id] * 100),
        "search": lambda: desk.index.search("clip-image", asked),
        "chunks": lambda: desk.index.chunks("all"),
        "match_chunk": lambda: desk.index.match_chunk(SPLITS[0]),
    }
    ready, gate = threading.Event(), threading.Lock()

    def wait() -> None:
        ready.set()
        with gate:
            ran.set()

    thread, interval = threading.Thread(target=wait), sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        gate.acquire()
        thread.start()
        ready.wait()
        gate.release()
        # Python alone does not let it run, however long …
        sum(range(3_000_000))
        assert not ran.is_set()
        # … and the call does; seldom a short one comes back before the other thread has woken.
        turns = 0
        while not ran.is_set() and turns < 10_000:
            calls[call]()
            turns += 1
        assert ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()


def in_child(index: mispair.Index, asked: Any, pipe: Any) -> None:
    pipe.send(index.search("clip-image", asked).rows)


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_processes(desk: Desk, how: Any) -> None:
    asked = queries(desk, 50)
    index = mispair.Index(desk.path)
    want = index.search("clip-image", asked).rows  # Its threads run; a fork has none of them.
    context = multiprocessing.get_context(how)
    ours, theirs = context.Pipe()
    process = context.Process(target=in_child, args=(index, asked, theirs))
    process.start()
    assert ours.poll(60), f"a {how}ed child never answered"
    assert np.array_equal(ours.recv(), want)
    process.join()
    assert process.exitcode == 0


def test_pickles(desk: Desk) -> None:
    again = pickle.loads(pickle.dumps(desk.index))
    assert again.path == desk.path and len(again) == len(desk.index)


def test_ctrl_c_between_blocks(desk: Desk) -> None:
    """A signal that comes while a batch is answered ends it at the next block."""
    asked = np.repeat(queries(desk, 1000), 200, axis=0)
    # Where a shell started this in the background, the signal is ignored from the beginning.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            for _ in range(50):
                desk.index.search("clip-image", asked)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
