"""Asks a running ``mispair serve``.

>>> from mispair_client import Client                                   # doctest: +SKIP
>>> client = Client("http://127.0.0.1:7400")                            # doctest: +SKIP
>>> client.query(id=42, split="semantics_clip_text_text").to_pandas()   # doctest: +SKIP

=================  ================================================
``client.py``      ``Client``: one method for each thing to be asked
``batches.py``     ``Batch``: many questions, answered in order
``answers.py``     what comes back, typed
``questions.py``   what is sent: vectors, ids, facts as JSON
``transport.py``   connections, kept and used again
``errors.py``      what can go wrong
=================  ================================================
"""

from .answers import (
    Answer,
    Answers,
    Evidence,
    Explanation,
    Failure,
    Funnel,
    Hit,
    Margins,
    Plan,
    Rejected,
    Sample,
    Verified,
)
from .batches import Batch
from .client import Client
from .errors import MispairError
from .questions import Ask, Caption, Engine, Facts, Find, Id, Photo, Vector

__all__ = [
    "Answer",
    "Answers",
    "Ask",
    "Batch",
    "Caption",
    "Client",
    "Engine",
    "Evidence",
    "Explanation",
    "Facts",
    "Failure",
    "Find",
    "Funnel",
    "Hit",
    "Id",
    "Margins",
    "MispairError",
    "Photo",
    "Plan",
    "Rejected",
    "Sample",
    "Vector",
    "Verified",
]
