"""The fear: what is asked wrongly is answered all the same, or kills the interpreter. Every mistake is an exception that says what to do."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SPLITS, Desk

import mispair
from mispair import MispairError, QuestionError, UnknownIdError


def width(desk: Desk) -> int:
    return desk.index.modalities["clip-image"]


def test_kinds(desk: Desk) -> None:
    assert issubclass(QuestionError, ValueError) and issubclass(QuestionError, MispairError)
    assert issubclass(UnknownIdError, KeyError) and issubclass(UnknownIdError, MispairError)
    with pytest.raises(UnknownIdError) as e:
        desk.index.query(split=SPLITS[0], id="nobody")
    assert str(e.value) == 'no sample has id "nobody"; ids are compared as JSON, `5` and `"5"` differ'


def test_an_index_that_cannot_be_opened(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(MispairError, match=f"{tmp_path}/nowhere: no index here.*mispair build"):
        mispair.Index(tmp_path / "nowhere")
    for file in desk.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:-1] if "codes-clip-image" in file.name else file.read_bytes())
    with pytest.raises(MispairError, match="codes-clip-image"):
        mispair.Index(tmp_path)
    with pytest.raises(QuestionError, match="threads"):
        mispair.Index(desk.path, threads=0)
    with pytest.raises(TypeError):
        mispair.Index(5)  # type: ignore[arg-type]


def test_questions(desk: Desk) -> None:
    index, some, text = desk.index, np.ones(width(desk)), {"clip-text": np.ones(width(desk))}
    id = desk.asking(SPLITS[0], 1)[0]
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, "a split or a modality"),
        ({"modality": "clip-image", "split": SPLITS[0], "id": id}, "one of them"),
        ({"split": "nonsense", "id": id}, "nonsense.*scene_resnet_place"),
        ({"modality": "nonsense", "id": id}, "nonsense.*clip-image"),
        ({"modality": "clip-image"}, "give an id or a vector"),
        ({"modality": "clip-image", "id": id, "vector": some}, "not both"),
        ({"modality": "clip-image", "vectors": text}, 'asked with vectors of "clip-image"'),
        ({"modality": "clip-image", "vectors": {"nonsense": some}}, "nonsense.*clip-image"),
        ({"modality": "clip-image", "vector": some, "waive": ["days"]}, "waive belongs to splits"),
        ({"modality": "clip-image", "vector": some, "explain": 3}, "explain belongs to splits"),
        ({"modality": "clip-image", "vector": some, "adversarial": True}, "adversarial belongs to splits"),
        ({"modality": "clip-image", "vector": some, "source": "clip-text"}, "id"),
        ({"split": SPLITS[0], "id": id, "lowest": True}, "lowest belongs to a modality"),
        ({"split": SPLITS[0], "id": id, "facts": {}}, "captions from outside"),
        ({"split": SPLITS[0], "id": id, "waive": ["colour"]}, "colour"),
        ({"split": SPLITS[0], "id": id, "waive": "same_image"}, "cannot be waived"),
        ({"split": SPLITS[0], "id": id, "partition": "dev"}, "dev.*test"),
        ({"split": SPLITS[0], "id": id, "k": 0}, "k = 0"),
        ({"split": SPLITS[0], "id": id, "k": -1}, "k"),
        ({"split": SPLITS[0], "id": id, "ef": 0}, "ef must be 1 to"),
        ({"split": SPLITS[0], "id": id, "engine": "fast"}, "engine.*auto"),
        ({"split": SPLITS[0], "id": True}, "id is an integer"),
        ({"split": SPLITS[0], "id": 5.0}, "id is an integer"),
        ({"split": SPLITS[0], "id": 2**64}, "id is an integer"),
        ({"split": SPLITS[0], "vector": some, "adversarial": True}, r"ask for an id, or give vectors=\{…\}"),
        ({"split": SPLITS[0], "vector": some}, r"facts=\{…\}.*waive=\["),
        ({"split": SPLITS[0], "vector": some, "facts": {"timestamp": "yesterday"}}, "facts.*timestamp"),
        ({"split": SPLITS[0], "vector": some, "facts": {"entities": 5}}, "facts.*entities"),
        ({"split": SPLITS[3], "vectors": text}, 'asked with vectors of "place-image"'),
    ]
    for asked, words in refused:
        with pytest.raises(QuestionError, match=words):
            index.query(**asked)
    with pytest.raises(MispairError, match="nowhere/mine.toml"):
        index.query(split="nowhere/mine.toml", id=id)
    for asked in ({"colour": 1}, {"k": "ten", "split": SPLITS[0], "id": id}, {"k": 1.5, "split": SPLITS[0], "id": id}):
        with pytest.raises(TypeError):
            index.query(**asked)


def test_arrays(desk: Desk) -> None:
    index, n = desk.index, width(desk)
    good = np.random.default_rng(5).standard_normal((4, n)).astype(np.float32)
    found = index.search("clip-image", good, k=3)
    # Whatever the layout and the float type, and whether it may be written.
    wide = np.zeros((8, 2 * n), dtype=np.float32)
    wide[::2, ::2] = good
    frozen = good.copy()
    frozen.flags.writeable = False
    for same in (wide[::2, ::2], np.asfortranarray(good), good.astype(np.float64), good.astype(">f4"), frozen, good[::-1][::-1], good.tolist()):
        again = index.search("clip-image", same, k=3)
        assert np.array_equal(again.rows, found.rows) and np.array_equal(again.scores, found.scores)
    assert np.array_equal(index.search("clip-image", good[1], k=3).rows, found.rows[1:2])
    assert index.search("clip-image", good[:0], k=3).rows.shape == (0, 3)
    assert index.search("clip-image", np.eye(1, n), k=5).rows.shape == (1, 5)

    def at(value: float) -> np.ndarray[Any, np.dtype[np.float32]]:
        bad = good.copy()
        bad[2, 7] = value
        return bad

    refused: list[tuple[Any, str]] = [
        (np.ones((4, n), dtype=np.int64), "int64.*float32"),
        (np.ones((4, n), dtype=np.complex64), "complex64"),
        (np.ones((4, n), dtype=bool), "bool"),
        (np.array([["a"] * n]), "float32"),
        (np.array([[None] * n]), "object"),
        (good.reshape(2, 2, n), "3 dimensions"),
        (np.float32(3), "0 dimensions"),
        (good[:, :-1], f"query 0.*{n - 1}.*{n}"),
        (np.ones((1, n + 1)), f"{n + 1}.*{n}"),
        (np.ones((1, 0)), f"0.*{n}"),
        (at(np.nan), "query 2.*NaN"),
        (at(np.inf), "query 2.*inf"),
        (good.astype(np.float64) * 1e300, "query 0.*inf"),
        (np.concatenate([good, 0 * good]), "query 4"),
    ]
    for array, words in refused:
        with pytest.raises(QuestionError, match=words):
            index.search("clip-image", array)
    with pytest.raises(ValueError, match="inhomogeneous"):
        index.search("clip-image", [[1.0, 2.0], [1.0]])
    with pytest.raises(QuestionError, match="takes one vector"):
        index.query(modality="clip-image", vector=good)
    with pytest.raises(QuestionError, match="as many ids, facts and vectors"):
        index.batch(SPLITS[0], vectors=good, facts=[{}] * 3)
    with pytest.raises(QuestionError, match="as many ids, facts and vectors"):
        index.batch(SPLITS[0], vectors={"clip-text": good, "clip-image": good[:2]})
    for rows, words in (([len(index)], "no row"), ([-2], "no row"), ([1.5], "whole numbers"), (["a"], "whole numbers")):
        with pytest.raises(QuestionError, match=words):
            index.captions(rows)
    with pytest.raises(QuestionError, match="nonsense"):
        index.vectors("nonsense")


def test_the_first_wrong_query_is_named_or_all_are(desk: Desk) -> None:
    index, n = desk.index, width(desk)
    queries = np.random.default_rng(6).standard_normal((3000, n)).astype(np.float32)
    queries[[1500, 2999], 3] = np.nan
    with pytest.raises(QuestionError, match='query 1500: "clip-image".*3'):
        index.search("clip-image", queries, k=2)
    found = index.search("clip-image", queries, k=2, on_error="skip")
    assert list(found.errors) == [1500, 2999] and "query 2999" in found.errors[2999] and found.short == {}
    assert (found.rows[[1500, 2999]] == -1).all() and np.isnan(found.scores[1500]).all()
    good = np.delete(np.arange(3000), [1500, 2999])
    assert np.array_equal(found.rows[good], index.search("clip-image", queries[good], k=2).rows)
    with pytest.raises(UnknownIdError, match='query 1: no sample has id "x"'):
        index.batch(SPLITS[0], ids=[desk.asking(SPLITS[0], 1)[0], "x"])
    lacking = next(i for i in index.ids(range(len(index))) if np.isnan(index.vectors("place-image", [index.row(i)])).any())  # type: ignore[arg-type]
    asking = desk.asking(SPLITS[3], 1)[0]
    found = index.batch(SPLITS[3], ids=[asking, lacking], k=1, on_error="skip")  # type: ignore[list-item]
    assert "place-image" in found.errors[1] and found.rows[0, 0] >= 0
    with pytest.raises(QuestionError, match="on_error"):
        index.search("clip-image", queries, on_error="ignore")  # type: ignore[arg-type]


def test_fewer_than_k(desk: Desk) -> None:
    index = desk.index
    found = index.search("clip-image", np.eye(2, width(desk)), k=len(index) + 3)
    held = sum(~np.isnan(index.vectors("clip-image")[:, 0]))
    assert (found.rows[:, :held] >= 0).all() and (found.rows[:, held:] == -1).all() and np.isnan(found.scores[:, held:]).all()
    assert list(found.short) == [0, 1] and f"holds only {held} rows" in found.short[0]
    assert [len(ids) for ids in found.ids()] == [held, held]
    answer = index.query(modality="clip-image", vector=np.ones(width(desk)), k=2**40)
    assert len(answer["results"]) == held
    with pytest.raises(MemoryError):
        index.search("clip-image", np.eye(2, width(desk)), k=2**45)


def test_matchings(desk: Desk) -> None:
    index = desk.index
    refused: list[tuple[Any, dict[str, Any], str]] = [
        ("nonsense", {}, "nonsense"),
        ([], {}, "name a split"),
        (["all", SPLITS[0]], {}, "no other beside it"),
        ([SPLITS[0], SPLITS[0]], {}, "named twice"),
        ("all", {"chunk_size": 1}, "at least 2"),
        ("all", {"seed": -1}, "seed"),
        ("all", {"number": 99}, "chunk 99 is none of them"),
        ("all", {"waive": ["missing_row"]}, "cannot be waived"),
    ]
    for split, asked, words in refused:
        with pytest.raises(QuestionError, match=words):
            index.match_chunk(split, **asked)
    for number in (-1, 2**70):
        with pytest.raises(QuestionError, match="numbered from 0"):
            index.match_chunk("all", number)


def test_anything_at_all(desk: Desk) -> None:
    """Settings by chance: an answer, or an exception of ours or of the language; nothing else ever."""
    index, n, chance = desk.index, width(desk), random.Random(7)
    values: list[Any] = [None, True, 0, 1, -1, 2**31, 2**63, 2**70, 0.5, float("nan"), "", "days", SPLITS[0], SPLITS[2],
        "clip-image", "place-image", "test", "auto", "graph", b"x", [], ["days"], [0], {}, {"caption": "x"}, {"clip-text": [1.0] * n},
        {"clip-image": [[1.0] * n]}, np.ones(n), np.zeros((2, n)), np.full(n, np.nan), np.int64(3), np.float32(1), object(), "../x.toml",
        desk.asking(SPLITS[0], 1)[0], "\0", "\ud800"]  # fmt: skip
    names = ["split", "modality", "id", "vector", "vectors", "facts", "k", "adversarial", "unique", "lowest", "partition", "waive",
        "explain", "engine", "ef", "source"]  # fmt: skip
    answered = refused = 0
    for _ in range(4000):
        asked: dict[str, Any] = {name: chance.choice(values) for name in chance.sample(names, chance.randrange(4))}
        if chance.random() < 0.7:
            asked |= {chance.choice(["split", "modality"]): chance.choice([SPLITS[0], "clip-image"]), "id": values[-3]}
        try:
            index.query(**asked)
            answered += 1
        except (MispairError, TypeError, ValueError):
            refused += 1
    assert answered > 100 and refused > 1000
