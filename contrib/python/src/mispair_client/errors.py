"""What can go wrong. A daemon that cannot be reached is a ``ConnectionError`` or a ``TimeoutError``, as everywhere in Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class MispairError(Exception):
    """The daemon refused, and says why (RFC 9457)."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        field: str | None = None,
        request_id: str | None = None,
        kind: str | None = None,
    ) -> None:
        super().__init__(status, title, detail, field, request_id, kind)
        #: The HTTP status.
        self.status = status
        #: The same for all problems of a kind.
        self.title = title
        #: What happened, and what to do.
        self.detail = detail
        #: The field at fault: ``k``, ``queries[3].vectors.clip-text``.
        self.field = field
        #: By which the daemon's log calls the request.
        self.request_id = request_id
        #: The kind of problem in one word: ``invalid``, ``missing-fact``, ``overloaded`` …
        self.kind = kind

    def __str__(self) -> str:
        place = f"{self.field}: " if self.field else ""
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.status} {self.title}: {place}{self.detail}{request}"

    @staticmethod
    def of_document(problem: Mapping[str, Any]) -> MispairError:
        """From a problem document."""
        kind = str(problem.get("type", "")).rpartition("#problem-")[2] or None
        return MispairError(
            int(problem.get("status", 0)),
            str(problem.get("title", "")),
            str(problem.get("detail", "")),
            problem.get("field"),
            problem.get("request_id"),
            kind,
        )

    @staticmethod
    def of_response(status: int, body: bytes, request_id: str | None) -> MispairError:
        """From a response that is none of success; whatever stands between may have written it."""
        try:
            problem = json.loads(body)
        except ValueError:
            problem = None
        if isinstance(problem, dict) and "detail" in problem:
            return MispairError.of_document({"status": status, "request_id": request_id, **problem})
        text = body[:200].decode("utf-8", "replace").strip()
        return MispairError(status, "No answer of a mispair daemon", text or "an empty body", None, request_id)
