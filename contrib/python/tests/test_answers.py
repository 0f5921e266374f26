"""Answers, compared with those of ``mispair query`` over the same index."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MODELS, PNG, Daemon, Desk, run
from mispair_client import Answers, Client, Find, MispairError

TEXT_TEXT = "semantics_clip_text_text"
TEXT_IMAGE = "semantics_clip_text_image"


def alike(document: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run: times, and counts that depend on how threads shared the work."""
    plan = document["plan"]
    kept = {name: document.get(name) for name in ("split", "results", "short", "explanation")}
    return {**kept, "strategy": plan["strategy"], "reason": plan["reason"], "eligible": plan["eligible"]}


def test_ids_as_the_command_line(client: Client, desk: Desk, ids: list[int]) -> None:
    for id in ids[:5]:
        answer = client.query(id=id, split=TEXT_TEXT, k=7, adversarial=True, unique="image")
        (local,) = desk.lines("--split", TEXT_TEXT, "--id", str(id), "-k", "7", "--adversarial", "--unique", "image")
        assert alike(answer.raw) == alike(local)
        assert answer.query == local["query"]
        assert [hit.rank for hit in answer] == list(range(1, 8)) and len(answer) == 7
        assert all(isinstance(hit.id, int) and hit.id == hit.image_id != id for hit in answer)
        assert all(hit.clip is not None and hit.clip_margin is not None for hit in answer)


def test_explanations(client: Client, desk: Desk, ids: list[int]) -> None:
    answer = client.explain(id=ids[0], split=TEXT_IMAGE)
    (local,) = desk.lines("--split", TEXT_IMAGE, "--id", str(ids[0]), "--explain")
    assert alike(answer.raw) == alike(local)
    assert answer.explanation is not None
    assert answer.explanation.rejected
    for rejected in answer.explanation.rejected:
        assert rejected.failures and all(f.verdict in ("fails", "unknown") and f.why for f in rejected.failures)
    funnel = answer.explanation.funnel
    assert funnel.pool == funnel.admissible + sum(funnel.rejected.values())
    assert len(answer.explanation.rejected) == min(10, sum(funnel.rejected.values()))
    assert len(client.explain(id=ids[0], split=TEXT_IMAGE, explain=3).explanation.rejected) == 3  # type: ignore[union-attr]


def test_verdicts(client: Client, desk: Desk, ids: list[int]) -> None:
    for id, other in zip(ids[:4], ids[10:], strict=False):
        for ask, typed in (
            ({"id": id}, ["--id", str(id)]),
            ({"id": id, "image_id": other}, ["--id", str(id), "--image-id", str(other)]),
        ):
            said = client.verify(**ask, most=5)  # type: ignore[arg-type]
            local = json.loads(run("verify", "--archive", str(desk.index), *typed, "--most", "5", "--format", "json"))
            assert {name: said.raw.get(name) for name in local} == local
            assert [(line.by, line.id) for line in said.evidence] == [(x["by"], x.get("id")) for x in local["evidence"]]
            assert all(line.source_name == "archive" for line in said.evidence)
    find: Find = {"by": "image", "caption": "a flood in OSLO!", "vector": np.ones(512, np.float32), "entities": [["Oslo", "GPE"]]}
    image = {"clip-image": np.ones(512)}
    said = client.verify(caption="A flood in Oslo", vectors=image, evidence=[find])
    assert (said.verdict, said.rule, said.margins.matching_by_image) == ("accurate", 1, 1)
    assert said.context["location"][0]["entities"] == ["Oslo"]
    assert len(said.to_pandas()) == len(said.evidence)
    with pytest.raises(MispairError) as wrong:
        client.verify(id=ids[0], same_image=2.0)
    assert wrong.value.field == "same_image"


def test_arrays(client: Client, desk: Desk, tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    for dtype in (np.float32, np.float64, np.float16):
        rows = chance.normal(size=(70, 512)).astype(dtype)
        np.save(tmp_path / "rows.npy", rows)
        local = desk.lines("--modality", "clip-image", "--vector", str(tmp_path / "rows.npy"), "-k", "4")
        many = client.search("clip-image", vectors=rows, k=4)
        assert isinstance(many, Answers) and len(many) == len(local) == 70
        assert [a.raw["results"] for a in many] == [a["results"] for a in local]
        one = client.search("clip-image", vector=rows[3], k=4)
        assert one.results == many[3].results
        assert client.search("clip-image", vectors=[list(map(float, rows[3]))], k=4)[0].results == one.results
        assert client.query(modality="clip-image", vector=rows[3], k=4).results == one.results
    lowest = client.search("clip-image", vector=rows[0], lowest=True, engine="exact")
    assert [h.score for h in lowest] == sorted(h.score for h in lowest)
    with pytest.raises(ValueError, match="vector: one vector"):
        client.search("clip-image", vector=rows)
    with pytest.raises(ValueError, match="vectors: several"):
        client.search("clip-image", vectors=rows[0])
    with pytest.raises(ValueError, match=r"vectors\[1\]: element 511 is nan"):
        rows[1, 511] = np.nan
        client.search("clip-image", vectors=rows)


def test_plain_search_from_another_modality(client: Client, desk: Desk, ids: list[int]) -> None:
    (local,) = desk.lines("--modality", "clip-image", "--id", str(ids[1]), "--from", "clip-text", "--exact")
    answer = client.search("clip-image", id=np.int64(ids[1]), from_modality="clip-text", engine="exact")
    assert alike(answer.raw) == alike(local)
    assert answer.split is None and answer.plan.strategy == "exact_scan"


def test_a_caption_from_outside(client: Client, desk: Desk, ids: list[int], tmp_path: Path) -> None:
    facts = client.sample(ids[0]).facts
    given = {"caption": "A crowd waits in the rain before the town hall", **facts}
    vector = np.random.default_rng(1).normal(size=512).astype("f4")
    np.save(tmp_path / "one.npy", vector)
    (tmp_path / "facts.json").write_text(json.dumps(given))
    files = ("--vector", str(tmp_path / "one.npy"), "--meta", str(tmp_path / "facts.json"))
    (local,) = desk.lines("--split", TEXT_TEXT, *files)
    answer = client.query(split=TEXT_TEXT, vector=vector, facts=given)
    assert alike(answer.raw) == alike(local)
    assert client.query(split=TEXT_TEXT, vectors={"clip-text": vector}, facts=given).results == answer.results
    del given["timestamp"]
    waived = client.query(split=TEXT_TEXT, vector=vector, facts=given, waive="days", partition="test")
    assert waived.query["waive"] == ["days"] and waived.query["partition"] == "test"


def test_batches(client: Client, desk: Desk, ids: list[int]) -> None:
    alone = [client.query(id=id, split=TEXT_TEXT, k=3).results for id in ids]
    for window in (1, 7, 64, 1000):
        some = ids if window >= 64 else ids[:20]
        batch = client.batch(({"id": id} for id in some), split=TEXT_TEXT, k=3, window=window)
        assert [a.results for a in batch] == alone[: len(some)]
        assert next(batch, None) is None
    mixed = client.batch([{"id": ids[0]}, {"id": ids[0], "k": 1}, {"modality": "clip-text", "id": ids[0], "split": None}])
    with pytest.raises(Exception, match="split"):
        next(mixed)
    assert client.batch([]).all() == []


def test_long_answers_while_lines_are_sent(client: Client, ids: list[int]) -> None:
    """More bytes both ways than any socket holds: who did not read while sending would wait for ever."""
    vector = [float(x) for x in np.random.default_rng(2).normal(size=512)]
    answers = client.batch([{"vector": vector}] * 300, modality="clip-text", k=200, window=300).all()
    assert len(answers) == 300 and all(len(a) == 200 for a in answers)


def test_what_is_left_of_a_batch(client: Client, ids: list[int]) -> None:
    batch = client.batch([{"id": id} for id in ids[:10]], split=TEXT_TEXT, k=2, window=4)
    first = next(batch)
    assert len(batch.all()) == 9 and first.query["id"] == ids[0]


def test_match_is_what_the_matcher_chooses(client: Client, ids: list[int]) -> None:
    """Captions with vectors for both sides of CTI: the first of an adversarial query, each under its own key."""
    chance = np.random.default_rng(3)
    captions = [
        {"key": key, "vectors": {name: chance.normal(size=512) for name in ("clip-text", "clip-image")},
         "facts": {"caption": "Ministers meet in the old harbour again", **client.sample(ids[0]).facts}}
        for key in (5, "5")
    ]  # fmt: skip
    answers = client.match(captions, split=TEXT_TEXT).all()  # type: ignore[arg-type]
    assert [a.query["key"] for a in answers] == [5, "5"]
    for caption, answer in zip(captions, answers, strict=True):
        del caption["key"]
        chosen = client.query(split=TEXT_TEXT, adversarial=True, k=1, **caption)  # type: ignore[arg-type]
        assert answer.results == chosen.results and len(answer) == 1
        assert answer.results[0].adversarial is not None


def test_samples_splits_indexes_images(client: Client, desk: Desk, ids: list[int]) -> None:
    (index,) = client.indexes()
    assert index["index"] == "index" and index["samples"] == 600 and index["images_served"] is True
    assert TEXT_TEXT in [split["name"] for split in client.splits()]
    sample = client.sample(ids[0])
    assert sample.id == ids[0] and "clip-image" in sample.modalities and sample.facts["timestamp"]
    path = desk.images / sample.image_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PNG)
    assert client.image(ids[0]) == PNG


def test_frames(client: Client, ids: list[int]) -> None:
    answer = client.query(id=ids[0], split=TEXT_TEXT, k=4)
    frame = answer.to_pandas()
    assert list(frame["id"]) == [hit.id for hit in answer]
    assert list(frame.columns) == [
        "rank", "id", "image_id", "image_path", "caption", "score", "clip", "clip_margin", "adversarial",
    ]  # fmt: skip
    frames = client.batch([{"id": id} for id in ids[:5]], split=TEXT_TEXT, k=4).to_pandas()
    assert len(frames) == 20 and list(frames["query_id"].unique()) == ids[:5]
    assert list(frames[frames["query"] == 0]["score"]) == list(frame["score"])
    empty = client.batch([]).to_pandas()
    assert len(empty) == 0 and list(empty.columns) == list(frames.columns)


def test_threads_share_a_client(daemon: Daemon, ids: list[int]) -> None:
    with Client(daemon.url) as client, ThreadPoolExecutor(8) as pool:
        alone = [client.query(id=id, split=TEXT_IMAGE, k=3).results for id in ids[:60]]
        answers = list(pool.map(lambda id: client.query(id=id, split=TEXT_IMAGE, k=3), ids[:60] * 3))
        assert [a.results for a in answers] == alone * 3
        assert [a.query["id"] for a in answers] == ids[:60] * 3


def test_photographs(seeing: Daemon, tmp_path: Path) -> None:
    photo = MODELS / "photo.jpg"
    with Client(seeing.url) as client:
        answer = client.search_image("clip-image", photo, k=2)
        assert (answer.results[0].id, answer.results[0].rank) == ("photo.jpg", 1) and answer.results[0].score > 0.9999
        assert client.search_image("clip-image", photo.read_bytes(), k=2).raw["results"] == answer.raw["results"]
        said = client.verify(caption="a caption of ours", image=photo)
        assert said.evidence[0].by == "image" and said.evidence[0].id == "photo.jpg"
        same = client.verify(caption="a caption of ours", image_id="photo.jpg")
        assert (said.verdict, said.evidence) == (same.verdict, same.evidence)
        none = tmp_path / "none.jpg"
        none.write_bytes(b"no image")
        with pytest.raises(MispairError) as wrong:
            client.search_image("clip-image", none)
        assert (wrong.value.status, wrong.value.field) == (422, "image")
        with pytest.raises(TypeError):
            client.search_image("clip-image", "photo.jpg")  # type: ignore[arg-type]
