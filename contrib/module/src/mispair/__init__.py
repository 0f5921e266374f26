"""A mispair index in this process: the answers of ``mispair query`` and ``mispair match``, without a daemon between.

    import mispair

    index = mispair.Index("indexes/news")
    for hit in index.query(split="semantics_clip_text_text", id=42, k=5, adversarial=True)["results"]:
        print(hit["rank"], hit["id"], hit["score"], hit["caption"])
    rows, scores = index.search("clip-image", captions, k=10)       # captions: an array of floats, one a row

An index may be shared by threads and sent to other processes; while it searches, the interpreter goes on.
"""

from ._native import VERSION as __version__
from .answers import Answer, Chunk, Counted, Explanation, Failure, Funnel, Hit, Id, Plan, Rejected
from .batch import Batch
from .errors import MispairError, QuestionError, UnknownIdError
from .index import Index
from .pairs import Part, read_pairs

__all__ = [
    "Answer",
    "Batch",
    "Chunk",
    "Counted",
    "Explanation",
    "Failure",
    "Funnel",
    "Hit",
    "Id",
    "Index",
    "MispairError",
    "Part",
    "Plan",
    "QuestionError",
    "Rejected",
    "UnknownIdError",
    "__version__",
    "read_pairs",
]
