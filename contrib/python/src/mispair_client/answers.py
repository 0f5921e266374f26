"""What comes back. Fields that this version does not know are left out; ``raw`` has every answer as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from .questions import Id

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")


def _known(kind: type[T], json: Mapping[str, Any], **parts: Any) -> T:
    """A dataclass from the fields that it knows; optional ones may be absent."""
    names = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**{name: value for name, value in json.items() if name in names}, **parts})


@dataclass(frozen=True)
class Hit:
    """One result."""

    #: 1 is the best.
    rank: int
    #: The sample found.
    id: Id
    #: The id whose image it carries (the same).
    image_id: Id
    image_path: str
    #: The caption that belongs to that image.
    caption: str
    #: The split's score, or the modality's, in its natural sign.
    score: float
    #: CTI of the query's caption and this image.
    clip: float | None = None
    #: CTI(f) − CTI(p); None without a pristine image.
    clip_margin: float | None = None
    #: CLIP prefers this image, or likes it as much.
    adversarial: bool | None = None


@dataclass(frozen=True)
class Failure:
    """A rule that rejects a candidate, with the values."""

    rule: str
    verdict: str
    why: str


@dataclass(frozen=True)
class Rejected(Hit):
    """A rejected candidate, with every rule it fails; its rank is among the rejected."""

    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How an answer was found."""

    strategy: str
    reason: str
    stages: list[str]
    #: Candidates looked at.
    visited: int
    #: Candidates whose score was computed.
    scored: int
    #: Candidates by the first rule that failed.
    rejected: dict[str, int]
    #: Candidates that meet every rule about one side.
    eligible: int


@dataclass(frozen=True)
class Funnel:
    """How many candidates got how far."""

    pool: int
    #: By the first rule that failed.
    rejected: dict[str, int]
    admissible: int
    #: Admissible and at least as close to the caption for CLIP as its own image.
    adversarial: int | None = None


@dataclass(frozen=True)
class Explanation:
    """The best-scoring rejected candidates, and how many got how far."""

    rejected: list[Rejected]
    funnel: Funnel


@dataclass(frozen=True)
class Answer:
    """What ``mispair query --format json`` prints. It has a length and can be walked: its results."""

    #: What was asked.
    query: dict[str, Any]
    #: None for a plain search.
    split: str | None
    results: list[Hit]
    plan: Plan
    #: Microseconds in the daemon.
    elapsed_us: int
    #: Why there are fewer than k results, where that is so.
    short: str | None = None
    explanation: Explanation | None = None
    #: The document as it came.
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def of_document(json: dict[str, Any]) -> Answer:
        """From the daemon's document."""
        explained = json.get("explanation")
        return _known(
            Answer,
            json,
            results=[_known(Hit, hit) for hit in json["results"]],
            plan=_known(Plan, json["plan"]),
            explanation=None if explained is None else _explanation(explained),
            raw=json,
        )

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __bool__(self) -> bool:
        """An answer without results is an answer."""
        return True

    def to_pandas(self) -> pandas.DataFrame:
        """One row a result."""
        import pandas

        return pandas.DataFrame(self.raw["results"], columns=_COLUMNS)


_COLUMNS = [f.name for f in fields(Hit)]


def _explanation(json: Mapping[str, Any]) -> Explanation:
    rejected = [
        _known(Rejected, r, failures=tuple(_known(Failure, f) for f in r["failures"])) for r in json["rejected"]
    ]
    return Explanation(rejected, _known(Funnel, json["funnel"]))


class Answers(list[Answer]):
    """Several answers, in the order of the questions."""

    def to_pandas(self) -> pandas.DataFrame:
        """One row a result. ``query`` counts the questions from 0; ``query_id`` is the sample asked for, or a caption's key."""
        import pandas

        rows = [
            {"query": number, "query_id": answer.query.get("id", answer.query.get("key")), **hit}
            for number, answer in enumerate(self)
            for hit in answer.raw["results"]
        ]
        return pandas.DataFrame(rows, columns=["query", "query_id", *_COLUMNS])


@dataclass(frozen=True)
class Evidence:
    """One line of evidence."""

    #: ``image``: found by the image; ``caption``: found by the caption.
    by: str
    caption: str
    caption_matches: bool
    #: Cosine of the two images; None where it is not known.
    image_similarity: float | None = None
    #: Cosine of the two captions.
    text_similarity: float | None = None
    #: The archive's sample; None for finds of others.
    id: Id | None = None
    image_path: str | None = None
    source: str | None = None
    domain: str | None = None
    date: str | None = None
    #: ``archive``, or what the find says.
    source_name: str | None = None


@dataclass(frozen=True)
class Margins:
    """How near the rules came; above 0: met."""

    #: Captions found by image that match: rule 1.
    matching_by_image: int
    #: The highest cosine to an image found by caption, less ``same_image``: rule 2.
    same_image: float | None = None
    #: ``other_image`` less the lowest cosine to an image found by a matching caption: rule 3.
    other_image: float | None = None


@dataclass(frozen=True)
class Verified:
    """Evidence, and what the rules make of it."""

    #: ``accurate``, ``out-of-context`` or ``undecided``.
    verdict: str
    #: The rule that decided: 1, 2 or 3.
    rule: int | None
    why: str
    #: The place, in ``evidence``, of the line that decided.
    line: int | None
    margins: Margins
    evidence: list[Evidence]
    #: What was not looked for, and why.
    skipped: list[str]
    caption: str
    id: Id | None = None
    image_id: Id | None = None
    #: Captions found by image, for each context item in the order in which they speak of it.
    context: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: What may be in the image.
    entities: list[dict[str, Any]] = field(default_factory=list)
    #: The document as it came.
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def of_document(json: dict[str, Any]) -> Verified:
        """From the daemon's document."""
        return _known(
            Verified,
            json,
            margins=_known(Margins, json["margins"]),
            evidence=[_known(Evidence, line, source_name=line["from"]) for line in json["evidence"]],
            raw=json,
        )

    def to_pandas(self) -> pandas.DataFrame:
        """One row a line of evidence."""
        import pandas

        return pandas.DataFrame([vars(line) for line in self.evidence], columns=[f.name for f in fields(Evidence)])


@dataclass(frozen=True)
class Sample:
    """One sample of the archive with its facts."""

    index: str
    id: Id
    caption: str
    image_path: str
    source: str | None
    topic: str | None
    partition: str | None
    words: int
    #: Those in which it has a vector.
    modalities: list[str]
    #: None means unknown.
    facts: dict[str, Any]

    @staticmethod
    def of_document(json: Mapping[str, Any]) -> Sample:
        """From the daemon's document."""
        return _known(Sample, json)
