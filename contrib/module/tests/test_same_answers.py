"""The fear: a module that answers nearly what the command line answers. Documents are compared whole, floats to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SPLITS, Desk, run

import mispair


def told(answer: Any) -> dict[str, Any]:
    """But for how long it took."""
    return {name: value for name, value in answer.items() if name != "elapsed_us"}


def vectors(desk: Desk, modality: str, n: int, seed: int = 1) -> Any:
    """Not of unit length, and near those of samples."""
    stored = desk.index.vectors(modality)
    chance = np.random.default_rng(seed)
    stored = stored[chance.permutation(np.flatnonzero(~np.isnan(stored[:, 0])))[:n]]
    return (3 * stored + 0.2 * chance.standard_normal(stored.shape)).astype(np.float32)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("engine", [[], ["--exact"], ["--graph"]])
def test_by_id_under_constraints(desk: Desk, split: str, engine: list[str]) -> None:
    named: Any = engine[0][2:] if engine else "auto"
    for id in desk.asking(split, 4):
        theirs = desk.lines("--split", split, "--id", id, "-k", 7, "--adversarial", "--explain", *engine)
        assert told(desk.index.explain(split=split, id=id, k=7, adversarial=True, engine=named)) == told(theirs[0])
        theirs = desk.lines("--split", split, "--id", id, "--unique", "image", "--waive", "days", "--waive", "words", *engine)
        assert told(desk.index.query(split=split, id=id, unique=True, waive=["days", "words"], engine=named)) == told(theirs[0])


def test_by_id_in_a_modality(desk: Desk) -> None:
    for id in desk.asking(SPLITS[0], 3):
        theirs = desk.lines("--modality", "clip-image", "--id", id, "--from", "clip-text", "--partition", "test", "-k", 5)
        ours = desk.index.query(modality="clip-image", id=id, source="clip-text", partition="test", k=5)
        assert told(ours) == told(theirs[0])
        theirs = desk.lines("--modality", "place-image", "--id", desk.asking(SPLITS[3], 1)[0], "--lowest")
        assert told(desk.index.query(modality="place-image", id=theirs[0]["query"]["id"], lowest=True)) == told(theirs[0])


@pytest.mark.parametrize("modality", ["clip-image", "clip-text", "sbert-text", "place-image"])
def test_by_vectors(desk: Desk, modality: str, tmp_path: Path) -> None:
    queries = vectors(desk, modality, 1100)
    np.save(tmp_path / "q.npy", queries)
    theirs = desk.lines("--modality", modality, "--vector", tmp_path / "q.npy", "-k", 6)
    found = desk.index.search(modality, queries, k=6)
    assert found.ids() == [[hit["id"] for hit in answer["results"]] for answer in theirs]
    scores = np.array([[hit["score"] for hit in answer["results"]] for answer in theirs], dtype=np.float32)
    assert np.array_equal(found.scores.view(np.uint32), scores.view(np.uint32))
    assert found.short == {} and found.errors == {} and found.clip is None
    for i in (0, 1099):
        one = desk.index.query(modality=modality, vector=queries[i], k=6)
        assert {**told(one), "query": None} == {**told(theirs[i]), "query": None}
        assert one["query"] == {"vector": {"dim": queries.shape[1]}, "modality": modality, "k": 6}


@pytest.mark.parametrize("split", [SPLITS[0], SPLITS[3]])
def test_by_vectors_under_constraints(desk: Desk, split: str, tmp_path: Path) -> None:
    modality = "clip-text" if split == SPLITS[0] else "place-image"
    queries = vectors(desk, modality, 5)
    facts = [
        {"caption": "the minister spoke in Oslo on Monday", "timestamp": f"2015-03-0{day}",
         "entities": [{"text": "Oslo", "label": "GPE"}, {"text": "NATO", "label": "ORG"}]}
        for day in range(1, 6)
    ]  # fmt: skip
    np.save(tmp_path / "q.npy", queries)
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    theirs = desk.lines("--split", split, "--vector", tmp_path / "q.npy", "--meta", tmp_path / "facts.json", "-k", 4)
    found = desk.index.batch(split, vectors=queries, facts=facts, k=4)
    assert found.ids() == [[hit["id"] for hit in answer["results"]] for answer in theirs]
    assert [len(ids) for ids in found.ids()] == [4] * 5
    for i, answer in enumerate(theirs):
        scores, clip = (np.array([hit[name] for hit in answer["results"]], dtype=np.float32) for name in ("score", "clip"))
        assert np.array_equal(found.scores[i], scores) and found.clip is not None
        assert np.array_equal(found.clip[i], clip, equal_nan=True)
        ours = desk.index.query(split=split, vector=queries[i], facts=facts[i], k=4)
        assert {**told(ours), "query": None} == {**told(answer), "query": None}


@pytest.mark.parametrize("split", SPLITS)
def test_a_batch_is_its_queries(desk: Desk, split: str) -> None:
    ids = desk.asking(split, 9)
    found = desk.index.batch(split, ids=ids, k=5, adversarial=True)
    assert found.clip is not None and found.clip_margin is not None
    for i, id in enumerate(ids):
        hits = desk.index.query(split=split, id=id, k=5, adversarial=True)["results"]
        n = len(hits)
        assert found.ids()[i] == [hit["id"] for hit in hits] and (found.rows[i, n:] == -1).all()
        for name, array in (("score", found.scores), ("clip", found.clip), ("clip_margin", found.clip_margin)):
            assert np.array_equal(array[i, :n], np.array([hit[name] for hit in hits], dtype=np.float32)), name  # type: ignore[literal-required]
            assert np.isnan(array[i, n:]).all()
        assert (i in found.short) == (n < 5)
    frame = found.to_pandas()
    assert list(frame["id"]) == [id for line in found.ids() for id in line]
    assert list(frame[frame["query"] == 1]["rank"]) == list(range(1, len(found.ids()[1]) + 1))


def test_what_is_known_of_samples(desk: Desk) -> None:
    index = desk.index
    assert index.describe() == json.loads(run("info", desk.path, "--format", "json"))
    assert len(index) == index.describe()["samples"] and f"clip-image {index.modalities['clip-image']}" in repr(index)
    ids = index.ids(np.arange(len(index)))
    assert len(set(ids)) == len(index) and index.ids([-1, 3]) == [None, ids[3]]
    answer = index.query(modality="clip-image", id=desk.asking(SPLITS[0], 1)[0], k=3)
    for hit in answer["results"]:
        row = index.row(hit["id"])
        assert index.captions([row]) == [hit["caption"]] and index.image_paths([row, -1]) == [hit["image_path"], None]
        # Of two stored vectors the dot product is the score, but for the order of summation.
        one, other = index.vectors("clip-image", [index.row(answer["query"]["id"]), row])  # type: ignore[arg-type]
        assert abs(float(one @ other) - hit["score"]) < 1e-5
    lacking = [row for row in range(len(index)) if np.isnan(index.vectors("place-image", [row])).all()]
    assert lacking and mispair.Index(desk.path).vectors("place-image", []).shape == (0, index.modalities["place-image"])
