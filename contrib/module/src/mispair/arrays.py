"""Arrays and settings on their way in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import QuestionError

#: Queries that are answered together: enough for every thread, and over soon enough for Ctrl-C.
TOGETHER = 1024


def vectors(given: npt.ArrayLike, name: str) -> npt.NDArray[np.floating[Any]]:
    """One vector a row, whatever its float type and layout; nothing is copied yet."""
    array = np.asarray(given)
    # A list of whole numbers is as good as one of floats; an array of them was meant to be something else.
    numbers = "f" if isinstance(given, np.ndarray) else "fiu"
    if array.dtype.kind not in numbers:
        raise QuestionError(f"{name}: an array of {array.dtype}; float32, float16 or float64 is expected")
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise QuestionError(f"{name}: {array.ndim} dimensions; one vector, or one a row, is expected")
    return array


def block(array: npt.NDArray[Any], first: int) -> npt.NDArray[np.float32]:
    """Some rows, as they lie where they are float32."""
    with np.errstate(over="ignore"):  # What does not fit becomes infinite, and is refused as that.
        return np.asarray(array[first : first + TOGETHER], dtype=np.float32)


def rows(given: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Catalog rows."""
    array = np.asarray(given)
    if array.size and array.dtype.kind not in "iu":
        raise QuestionError(f"rows: an array of {array.dtype}; whole numbers are expected")
    return array.astype(np.int64, copy=False)


def names(given: str | Sequence[str]) -> list[str]:
    """One name or several."""
    return [given] if isinstance(given, str) else list(given)


def as_json(value: object) -> str:
    """With scalars of numpy, arrays and times."""
    return json.dumps(value, default=_plain)


def settings(**given: object) -> str:
    """As JSON; what is ``None`` is left out."""
    return as_json({name: value for name, value in given.items() if value is not None})


def _plain(value: object) -> object:
    """As JSON has it."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent: {value!r}")
