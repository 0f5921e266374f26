"""Many questions, answered in order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .answers import Answer, Answers
from .errors import MispairError
from .questions import encode
from .transport import LINES, Transport

if TYPE_CHECKING:
    import pandas

#: What becomes of a question that cannot be answered: its error is raised, or it is left out and found in ``errors``.
OnError: TypeAlias = Literal["raise", "skip"]

#: Questions that are sent together.
WINDOW = 64


class Batch(Iterator[Answer]):
    """The answers to many questions, as they come: walk it once, or take ``all()`` or ``to_pandas()``.

    Questions are sent as NDJSON, a window at a time, and a window's answers are all read before the first is handed out:
    whoever takes long over an answer keeps no connection waiting. Questions are taken from their iterator when their
    window's turn comes.
    """

    def __init__(
        self, transport: Transport, path: str, questions: Iterable[dict[str, Any]], on_error: OnError, window: int
    ) -> None:
        if window < 1:
            raise ValueError("window must be at least 1")
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error is "raise" or "skip", not {on_error!r}')
        self._transport = transport
        self._path = path
        self._questions = iter(questions)
        self._on_error = on_error
        self._window = window
        self._sent = 0
        self._came: deque[tuple[int, dict[str, Any]]] = deque()
        #: With ``on_error="skip"``: errors by the number of their question, from 0.
        self.errors: dict[int, MispairError] = {}

    def __iter__(self) -> Batch:
        return self

    def __next__(self) -> Answer:
        while True:
            if not self._came:
                self._ask()
            number, document = self._came.popleft()
            if "results" in document:
                return Answer.of_document(document)
            error = MispairError.of_document(_renumbered(document, number))
            if self._on_error == "raise":
                raise error
            self.errors[number] = error

    def _ask(self) -> None:
        lines = [encode(question) for question in islice(self._questions, self._window)]
        if not lines:
            raise StopIteration
        body = b"\n".join(lines) + b"\n"
        answer = self._transport.post(self._path, body, LINES).body
        documents = [json.loads(line) for line in answer.splitlines() if line]
        if len(documents) != len(lines):
            # The last one says why the stream ended, if any does.
            if documents and "results" not in documents[-1]:
                raise MispairError.of_document(documents[-1])
            raise ConnectionError(f"{len(documents)} answers to {len(lines)} questions")
        self._came.extend(enumerate(documents, self._sent))
        self._sent += len(lines)

    def all(self) -> Answers:
        """What is left of the answers."""
        return Answers(self)

    def to_pandas(self) -> pandas.DataFrame:
        """What is left of the answers as one frame, one row a result."""
        return self.all().to_pandas()


def _renumbered(problem: dict[str, Any], number: int) -> dict[str, Any]:
    """The daemon counts the lines of a window; whoever asks counts questions."""
    line, _, rest = str(problem.get("field", "")).partition("]")
    if not line.startswith("lines["):
        return problem
    return {**problem, "field": f"[{number}]{rest}"}
