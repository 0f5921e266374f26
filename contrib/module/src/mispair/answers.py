"""Documents, as ``--format json`` prints them: plain dicts, whose keys a type checker knows."""

from typing import NotRequired, TypedDict

Id = int | str


class Hit(TypedDict):
    """One result."""

    rank: int
    id: Id
    image_id: Id
    image_path: str
    caption: str
    #: Of the split, or of the modality.
    score: float
    #: CTI of the query's caption and this image.
    clip: float | None
    #: CTI(f) − CTI(p); ``None`` without an image of the caption's own.
    clip_margin: float | None
    #: From H?
    adversarial: bool | None


class Plan(TypedDict):
    """How an answer was found."""

    strategy: str
    reason: str
    stages: list[str]
    visited: int
    scored: int
    rejected: dict[str, int]
    eligible: int


class Failure(TypedDict):
    """A rule that a candidate fails, and the values."""

    rule: str
    verdict: str
    why: str


class Rejected(Hit):
    """A rejected candidate."""

    failures: list[Failure]


class Funnel(TypedDict):
    """How many candidates got how far."""

    pool: int
    rejected: dict[str, int]
    admissible: int
    adversarial: int | None


class Explanation(TypedDict):
    """The best rejected candidates, and the funnel."""

    rejected: list[Rejected]
    funnel: Funnel


class Answer(TypedDict):
    """The document of one query."""

    query: dict[str, object]
    split: str | None
    results: list[Hit]
    #: Why there are fewer than k results, where that is so.
    short: NotRequired[str]
    plan: Plan
    explanation: NotRequired[Explanation]
    elapsed_us: int


class Chunk(TypedDict):
    """A chunk of a matching: a line of ``mispair match --list-chunks``."""

    chunk: int
    partition: str
    samples: int
    splits: list[str]


class Counted(TypedDict):
    """What a chunk gave for one split."""

    split: str
    captions: int
    without_candidate: int
    pairs: int
    swaps: int
