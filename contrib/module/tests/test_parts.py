"""The fear: parts made from Python that do not fit those of the command line, and tables that are not what was matched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import SPLITS, Desk, run

import mispair

#: A matching in chunks, as typed and as called.
FLAGS = ["--split", "all", "--chunk-size", 300, "--seed", 3]


def test_parts_are_the_same_bytes_and_merge(desk: Desk, tmp_path: Path) -> None:
    chunks = desk.index.chunks("all", chunk_size=300, seed=3)
    listed = [line.split("\t") for line in run("match", desk.path, *FLAGS, "--list-chunks").splitlines()]
    ours = [[str(c["chunk"]), c["partition"], str(c["samples"]), " ".join(c["splits"])] for c in chunks]
    assert ours == listed and len(chunks) > 4
    parts = []
    for chunk in chunks:
        out = tmp_path / "parts" / str(chunk["chunk"])
        part = desk.index.match_chunk("all", chunk["chunk"], chunk_size=300, seed=3, out=out)
        assert (part.chunk, part.of, part.partition) == (chunk["chunk"], len(chunks), chunk["partition"])
        assert [counted["split"] for counted in part.splits] == chunk["splits"]
        assert part.to_arrow().num_rows == sum(counted["pairs"] + 2 * counted["swaps"] for counted in part.splits)
        parts.append(out)
    # By the command line: one chunk, and the whole.
    run("match", desk.path, *FLAGS, "--chunk", 1, "--out", tmp_path / "theirs")
    assert (tmp_path / "theirs").read_bytes() == parts[1].read_bytes()
    run("merge", *parts, "--index", desk.path, "--out", tmp_path / "merged")
    run("match", desk.path, *FLAGS, "--out", tmp_path / "whole")
    written = sorted(file.relative_to(tmp_path / "whole") for file in (tmp_path / "whole").rglob("*.*"))
    assert len(written) > 15
    for file in written:
        if file.name != "run.json":
            assert (tmp_path / "merged" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_a_part_that_is_there(desk: Desk, tmp_path: Path) -> None:
    split, out = SPLITS[1], tmp_path / "part"
    part = desk.index.match_chunk(split, 0, chunk_size=300)
    part.write(out)
    before = (out.read_bytes(), out.stat().st_mtime_ns)
    again = desk.index.match_chunk(split, 0, chunk_size=300, out=out)
    assert (out.read_bytes(), out.stat().st_mtime_ns) == before and again.to_arrow() == part.to_arrow()
    with pytest.raises(mispair.MispairError, match="part of another run.*seed.*force=True"):
        desk.index.match_chunk(split, 0, chunk_size=300, seed=2, out=out)
    with pytest.raises(mispair.MispairError, match="it is chunk 0.*force=True"):
        desk.index.match_chunk(split, 1, chunk_size=300).write(out)
    assert out.read_bytes() == before[0]
    other = desk.index.match_chunk(split, 1, chunk_size=300, out=out, force=True)
    assert out.read_bytes() != before[0] and other.chunk == 1
    out.write_bytes(out.read_bytes()[:-3])  # Damaged: made again.
    desk.index.match_chunk(split, 1, chunk_size=300, out=out)
    other.write(tmp_path / "other")
    assert out.read_bytes() == (tmp_path / "other").read_bytes()
    out.write_text("dear " * 20)
    with pytest.raises(mispair.MispairError, match="part.*not replaced"):
        other.write(out, force=True)
    with pytest.raises(mispair.MispairError, match="/dev/null"):
        other.write(Path("/dev/null/part"))


@pytest.mark.parametrize("split", SPLITS)
def test_a_chunk_is_what_match_selects(desk: Desk, split: str, tmp_path: Path) -> None:
    run("match", desk.path, "--split", split, "--no-balance", "--out", tmp_path / "d")
    theirs = mispair.read_pairs(tmp_path / "d", split)
    ours = [desk.index.match_chunk(split, c["chunk"], balance=False).to_arrow() for c in desk.index.chunks(split, balance=False)]
    import pyarrow

    assert pyarrow.concat_tables(ours) == theirs and theirs.num_rows > 10
    rows = theirs.to_pylist()
    # One row a pair of the JSON, in its order.
    for partition in {row["partition"] for row in rows}:
        written = json.loads((tmp_path / "d" / split / f"{partition}.json").read_text())["annotations"]
        mine = mispair.read_pairs(tmp_path / "d", split, partition).to_pandas()
        assert list(mine["id"]) == [a["id"] for a in written[::2]] == [a["id"] for a in written[1::2]]
        assert list(mine["image_id"]) == [a["image_id"] for a in written[1::2]]
        assert [a["falsified"] for a in written] == [False, True] * len(mine)
        # float32 in the table, its shortest decimal in the JSON: the same number.
        import numpy as np

        for column, at in (("cti_pristine", 0), ("score", 1)):
            said = np.array([a["similarity_score"] for a in written[at::2]], dtype=np.float32)
            assert np.array_equal(mine[column].to_numpy(), said), column


def test_a_dataset_of_several_splits(desk: Desk, tmp_path: Path) -> None:
    dataset = desk.folder / "dataset"
    everything = mispair.read_pairs(dataset).to_pandas()
    merged = mispair.read_pairs(dataset, "merged_balanced").to_pandas()
    assert set(everything["split"]) == set(merged["split"]) == set(SPLITS)
    # A pair counts once; those of the merged set are among them.
    key = ["split", "partition", "id"]
    assert not everything.duplicated(key).any()
    assert len(everything.merge(merged[key], on=key)) == len(merged) > 0
    for split in SPLITS:
        count = sum(len(json.loads(file.read_text())["annotations"]) for file in (dataset / split).glob("*.json"))
        assert (everything["split"] == split).sum() == count // 2
    with pytest.raises(mispair.MispairError, match="no split 'nonsense'; it has.*scene_resnet_place"):
        mispair.read_pairs(dataset, "nonsense")
    with pytest.raises(mispair.MispairError, match="mispair match"):
        mispair.read_pairs(tmp_path)
    (tmp_path / "scene_resnet_place").mkdir()
    (tmp_path / "scene_resnet_place" / "pairs.parquet").write_bytes(b"PAR1")
    with pytest.raises(mispair.MispairError, match=str(tmp_path)):
        mispair.read_pairs(tmp_path)
