#!/usr/bin/env python3
"""Approximate caption-to-image search: mispair beside hnswlib, faiss and usearch, on the same vectors, in one run.

    python3 benches/peers_graph.py [--rows 200000] [--queries 2000] [--seed 11] [--rounds 5] [--no-mispair] [--no-constrained] [--curves FILE.json] [--peers NAME,…] [--out FILE.json]

**Data.** `mispair newsroom` makes up an archive whose vectors have CLIP's modality gap, with days and entities. A
seeded 2,000 samples are held out: their captions are the queries, the pictures of all others the rows. It is
kept in target/peers-data/ROWS-QUERIES-SEED, with every peer's index over it. Where the folder of real data is
(MISPAIR_DATA), 663 real CLIP pictures of VERITE are searched too: a sanity check of recall, too small to time.

**Plain search.** Recall@10 counts by score: a row that ties with the tenth is right. The peers' is counted here, from the
rows they give; mispair's by benches/graph_rows.rs against the same truth. Each sweeps ef over one grid; of the settings
that reach a recall, the fastest is taken (with one kind of setting: the smallest ef) and nothing is interpolated. Then
all take turns, round by round: one thread, one call a query, and, for the peers, also one call for all queries; the
better counts. p50 and p99 are of single calls. QPS is the best round's, then the median round's; CPU QPS is by the least
CPU time, which is what can be compared while others use the machine. All build with all threads, M 16,
efConstruction 200 (mispair as it builds by default), once (the peers' are kept in the folder's `indexes`). `--curves`: take the
peers' sweeps from the --out of an earlier run over the same data, which saves most of the time; the turns are always run. `--peers`: only
these, by the names in the tables (usearch takes longest to build, and is fastest by its i8 codes).

**Constrained search**, one query a call: k rows out of a random part of all (20 parts, 50 queries each; selectors are
made beforehand), and the real rule, which goes against the neighbours: at least 30 days from the query, no entity
shared. That predicate differs by query, and everyone's time includes it. An answer is short when it
has fewer rows than exist, up to k. "scan" is an exact search of the rows that pass, the fastest of three ways.

The peers are installed into target/peers-venv when they are not there yet.
"""
import argparse, json, os, pickle, platform, shutil, statistics, subprocess, sys, time
from importlib.metadata import version
from pathlib import Path

import venvs

ROOT = Path(__file__).resolve().parent.parent
K, M, EF_CONSTRUCTION, THREADS = 10, 16, 200, os.cpu_count()
GRID = [10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024]
WIDE = GRID + [1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384]
TARGETS = (0.95, 0.99)
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001, 0.0001)
GROUPS, OF_GROUP = 20, 50
# A filtered system is asked as many queries a round as fit into the budget; one slower a query than SLOW_S is not swept further.
BUDGET_S, SLOW_S = 4, 0.05
NUMBERS = {"DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL"}
NONE, NO_DAY = 0xFFFFFFFF, -(2**31)
TIE = 1e-6

if __name__ == "__main__":
    # One BLAS thread.
    venvs.enter("faiss-cpu", "numpy", "hnswlib", "usearch", OPENBLAS_NUM_THREADS="1")

import faiss, hnswlib, usearch
import numpy as np
from usearch.index import Index as USearchIndex


def talk(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# ---- data: written once, in the layout that benches/graph_rows.rs reads -------------------------


def csr(lists):
    offsets = np.zeros(len(lists) + 1, "<u8")
    np.cumsum([len(x) for x in lists], out=offsets[1:])
    return np.fromiter((e for x in lists for e in x), "<u4", int(offsets[-1])), offsets


def facts(entry, names):
    """Whole days since 1970, and entities by number (a name and a link are different ones); None for what is not said."""
    day = np.datetime64(entry["timestamp"][:10]).astype(int) if "timestamp" in entry else None
    if "caption_entities_spacy" not in entry:
        return day, None
    found = [("link", link[0]) for link in entry.get("caption_entities_rel", [])]
    for text, label in entry["caption_entities_spacy"]:
        name = " ".join(text.split()).casefold()
        name = next((name[: -len(s)].rstrip() for s in ("'s", "\u2019s") if name.endswith(s)), name)
        found += [("name", name)] * (label not in NUMBERS and name != "")
    return day, sorted({names.setdefault(e, len(names)) for e in found})


def unit(rows):
    x = np.array(rows, "<f4").reshape(len(rows), -1)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def newsroom(rows, queries, seed):
    """Makes the folder of a newsroom's vectors and facts, with the truth for every filter; all little-endian.

    images.f32, captions.f32 (n × dim; row i describes picture i), queries.f32 (m × dim), truth.u32 (m × 10), shape.json.
    filters.json: `random`, each with `bitmaps` (groups × n bytes, 1 passes) and `of_query` (the group of query i); `rule`, for the first
    `queries` queries: days (n and m × i32, -2^31: unknown, never passes), entities (u32, with u64 offsets, n + 1 and
    m + 1 of them). Each names its `truth`: ten rows a query, 0xFFFFFFFF where there are fewer."""
    folder = ROOT / "target" / "peers-data" / f"{rows}-{queries}-{seed}"
    if (folder / "filters.json").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.check_call(["cargo", "build", "-q", "--release"], cwd=ROOT)
    made, usable = folder / "newsroom", 1.02 + 1000 / (rows + queries)  # some samples lack a vector or a fact
    command = [ROOT / "target/release/mispair", "newsroom", "-q", "-o", made, "--samples", str(int((rows + queries) * usable)), "--seed", str(seed)]
    subprocess.check_call(list(map(str, command)))
    images, captions, entries = {}, {}, {}
    for partition in ("train", "val", "test"):
        for name, into in (("clip_image", images), ("clip_text", captions)):
            with open(made / f"news_clippings/embeddings/{name}_embeddings/{name}_embeddings_{partition}.pkl", "rb") as file:
                into |= pickle.load(file)  # of our own making, a moment ago
        entries |= {int(k): v for k, v in json.loads((made / f"news_clippings/metadata/{partition}.json").read_text()).items()}
    shutil.rmtree(made)
    names = {}
    known = {i: facts(entries[i], names) for i in images if i in captions and i in entries}
    rng = np.random.default_rng(seed)
    askable = [i for i, (day, found) in known.items() if day is not None and found]
    held = [askable[i] for i in rng.permutation(len(askable))[:queries]]
    kept = [i for i in known if i not in set(held)][:rows]
    assert len(kept) == rows and len(held) == queries, f"{len(kept)} rows and {len(held)} queries: the newsroom is too small"
    x, q = unit([images[i] for i in kept]), unit([captions[i] for i in held])
    for name, array in (("images", x), ("captions", unit([captions[i] for i in kept])), ("queries", q)):
        array.tofile(folder / f"{name}.f32")
    # A row whose day or entities are unknown is rejected by the rule: it gets no day.
    days = np.array([NO_DAY if None in known[i] else known[i][0] for i in kept], "<i4")
    query_days = np.array([known[i][0] for i in held], "<i4")
    arrays = {"days.i32": days, "query_days.i32": query_days}
    arrays["entities.u32"], arrays["entities_offsets.u64"] = csr([known[i][1] or [] for i in kept])
    arrays["query_entities.u32"], arrays["query_entities_offsets.u64"] = csr([known[i][1] for i in held])
    m = min(queries, GROUPS * OF_GROUP)
    filters = {"random": [], "rule": {name.split(".")[0]: name for name in arrays} | dict(name="rule", queries=m, least_days=30)}
    for part in SELECTIVITIES:
        name = f"{part * 100:g}"
        bitmaps = np.zeros((GROUPS, rows), "u1")
        for group in bitmaps:
            group[rng.choice(rows, max(1, round(rows * part)), replace=False)] = 1
        arrays[f"filter_{name}.u8"] = bitmaps
        filters["random"].append(dict(name=f"{name}%", selectivity=part, bitmaps=f"filter_{name}.u8", groups=GROUPS, of_query=[i % GROUPS for i in range(m)], truth=f"truth_filter_{name}.u32"))
    filters["rule"]["truth"] = "truth_rule.u32"
    for name, array in arrays.items():
        array.tofile(folder / name)
    write_truth(folder, x, q)
    rule = Rule(folder, filters["rule"], rows)
    for i in range(5):  # the fast predicate against the obvious one
        day, mine = known[held[i]][0], set(known[held[i]][1])
        slow = [None not in known[r] and abs(known[r][0] - day) >= 30 and mine.isdisjoint(known[r][1]) for r in kept]
        assert (rule.mask(i) == slow).all(), f"query {i}: the predicate is wrong"
    for each in [*filters["random"], filters["rule"]]:
        masks = rule if each is filters["rule"] else Parts(folder, each, rows)
        top10(x, q[:m], masks.mask).tofile(folder / each["truth"])
        if masks is rule:
            masks_of = [rule.mask(i) for i in range(m)]
            # How far the rule goes against the neighbours: the share of the true ten that it rejects.
            nearest = np.fromfile(folder / "truth.u32", "<u4").reshape(-1, K)
            each["rejects_of_nearest"] = float(np.mean([~mask[ten] for mask, ten in zip(masks_of, nearest)]))
            each["selectivity"] = float(np.mean([mask.mean() for mask in masks_of]))
    (folder / "filters.json").write_text(json.dumps(filters))
    return folder


def verite():
    """The real vectors: rows are distinct pictures, each with one caption; queries are captions that are nobody's."""
    roots = [Path(os.environ["MISPAIR_DATA"])] if "MISPAIR_DATA" in os.environ else sorted(ROOT.parent.glob("*/data"))
    source = next((r / "verite" for r in roots if (r / "verite").is_dir()), None)
    if source is None:
        return talk("skipped VERITE: name the folder of real data in MISPAIR_DATA")
    import csv
    with open(source / "VERITE.csv", newline="") as file:
        records = list(csv.DictReader(file))
    images, texts = (np.load(source / f"VERITE_clip_{kind}_embeddings_ViTB32.npy") for kind in ("image", "text"))
    first = {}
    for i, record in enumerate(records):
        first.setdefault(record["image_path"], i)
    rows = list(first.values())
    taken, asked = {records[i]["caption"] for i in rows}, {}
    for i, record in enumerate(records):
        if record["caption"] not in taken:
            asked.setdefault(record["caption"], i)
    folder = ROOT / "target" / "peers-data" / "verite"
    folder.mkdir(parents=True, exist_ok=True)
    x, q = unit(images[rows]), unit(texts[list(asked.values())])
    for name, array in (("images", x), ("captions", unit(texts[rows])), ("queries", q)):
        array.tofile(folder / f"{name}.f32")
    write_truth(folder, x, q)
    return folder


def top10(x, q, mask_of=None):
    """The exact best ten rows of every query, ties by the lower row, padded with NONE: f32 products chosen from, f64 decides."""
    out = np.full((len(q), K), NONE, "<u4")
    for start in range(0, len(q), 100):
        scores = q[start : start + 100] @ x.T
        for i, row in enumerate(scores, start):
            if mask_of:
                row[~mask_of(i)] = -np.inf
            best = np.argpartition(-row, min(4 * K, len(x) - 1))[: 4 * K]
            best = np.sort(best[row[best] > -np.inf])
            exact = x[best].astype("f8") @ q[i].astype("f8")
            best = best[np.argsort(-exact, kind="stable")[:K]]
            out[i, : len(best)] = best
    return out


def write_truth(folder, x, q):
    top10(x, q).tofile(folder / "truth.u32")
    (folder / "shape.json").write_text(json.dumps(dict(n=len(x), m=len(q), dim=x.shape[1])))


class Parts:
    """Random parts of the rows. What is made of a part's bitmap is made once, untimed."""

    def __init__(self, folder, spec, n):
        self.bits = np.fromfile(folder / spec["bitmaps"], "u1").reshape(-1, n).astype(bool)
        self.of_query, self.fixed = spec["of_query"], True

    def mask(self, i):
        return self.bits[self.of_query[i]]


class Rule:
    """At least 30 whole days apart, no entity shared: a mask per query, by sorted days and posting lists."""

    fixed = False

    def __init__(self, folder, spec, n):
        read = lambda key, dtype: np.fromfile(folder / spec[key], dtype)
        days, self.query_days = read("days", "<i4"), read("query_days", "<i4")
        self.known, self.by_day = days != NO_DAY, np.argsort(days, kind="stable")
        self.sorted = days[self.by_day]
        self.query_entities = np.split(read("query_entities", "<u4"), read("query_entities_offsets", "<u8")[1:-1].astype(int))
        entities, offsets = read("entities", "<u4"), read("entities_offsets", "<u8").astype(int)
        row_of, order = np.repeat(np.arange(n), np.diff(offsets)), np.argsort(entities, kind="stable")
        top = max([entities.max(), *(e.max() for e in self.query_entities)]) + 1
        self.postings = np.split(row_of[order], np.searchsorted(entities[order], np.arange(1, top)))

    def mask(self, i):
        mask, day = self.known.copy(), self.query_days[i]
        low, high = np.searchsorted(self.sorted, (day - 29, day + 30))
        mask[self.by_day[low:high]] = False
        for entity in self.query_entities[i]:
            mask[self.postings[entity]] = False
        return mask


# ---- the peers: build, save, load; `one` and `batch` give rows (-1 or fewer: none) --------------


class Hnswlib:
    name, file = "hnswlib", "hnswlib.bin"

    def build(self, x):
        self.index = hnswlib.Index("ip", x.shape[1])
        self.index.init_index(len(x), M=M, ef_construction=EF_CONSTRUCTION, random_seed=7)
        self.index.add_items(x, num_threads=THREADS)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path, x):
        self.index = hnswlib.Index("ip", x.shape[1])
        self.index.load_index(path, max_elements=len(x))

    def settings(self, ef):
        return [dict(ef=ef)]

    filter_setting = staticmethod(lambda ef: dict(ef=ef))

    def set(self, setting):
        self.index.set_ef(setting["ef"])

    def one(self, q):
        return self.index.knn_query(q, k=K, num_threads=1)[0][0].astype("i8")

    def batch(self, q, threads):
        return self.index.knn_query(q, k=K, num_threads=threads)[0].astype("i8")

    def prepare(self, mask):
        # The cheapest callable there is: no Python frame per visited row.
        return mask.tobytes().__getitem__, min(K, int(np.count_nonzero(mask)))

    def filtered(self, q, prepared):
        accept, k = prepared
        try:
            return self.index.knn_query(q, k=k, num_threads=1, filter=accept)[0][0].astype("i8") if k else []
        except RuntimeError:  # "Cannot return the results in a contiguous 2D array": fewer than k, and it gives none
            return []


class Faiss:
    name, file = "faiss HNSWFlat", "faiss-flat.bin"

    def make(self, x):
        return faiss.IndexHNSWFlat(x.shape[1], M, faiss.METRIC_INNER_PRODUCT)

    def hnsw(self, index):
        return index.hnsw

    def build(self, x):
        faiss.omp_set_num_threads(THREADS)
        self.index = self.make(x)
        self.hnsw(self.index).efConstruction = EF_CONSTRUCTION
        self.index.train(x)
        self.index.add(x)

    def save(self, path):
        faiss.write_index(self.index, path)

    def load(self, path, x):
        self.index = faiss.read_index(path)

    def settings(self, ef):
        return [dict(ef=ef)]

    filter_setting = staticmethod(lambda ef: dict(ef=ef))

    def set(self, setting, sel=None):
        faiss.omp_set_num_threads(1)
        self.setting, self.params = setting, faiss.SearchParametersHNSW(efSearch=setting["ef"], sel=sel)

    def one(self, q):
        return self.index.search(q, K, params=self.params)[1][0]

    def batch(self, q, threads):
        faiss.omp_set_num_threads(threads)
        ids = self.index.search(q, K, params=self.params)[1]
        faiss.omp_set_num_threads(1)
        return ids

    def prepare(self, mask):
        return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))

    def filtered(self, q, sel):
        self.set(self.setting, sel)
        return self.one(q)


class FaissSQ8(Faiss):
    """8-bit codes (uniform: faster than a range per dimension, at the same recall); the best k × factor are scored again in f32."""

    name, file = "faiss HNSW-SQ8 + refine", "faiss-sq8.bin"

    def make(self, x):
        self.base = faiss.IndexHNSWSQ(x.shape[1], faiss.ScalarQuantizer.QT_8bit_uniform, M, faiss.METRIC_INNER_PRODUCT)
        return faiss.IndexRefineFlat(self.base)

    def hnsw(self, index):
        return self.base.hnsw

    def settings(self, ef):
        return [dict(ef=ef, factor=f) for f in (2, 4) if f * K <= max(ef, 2 * K)]

    filter_setting = staticmethod(lambda ef: dict(ef=ef, factor=4))

    def set(self, setting, sel=None):
        super().set(setting, sel)
        self.params = faiss.IndexRefineSearchParameters(k_factor=setting["factor"], base_index_params=self.params)


class USearch:
    name, file, dtype = "usearch f32", "usearch-f32.bin", "f32"

    def code(self, x):
        return x

    def build(self, x):
        self.rows = x
        self.index = USearchIndex(ndim=x.shape[1], metric="ip", dtype=self.dtype, connectivity=M, expansion_add=EF_CONSTRUCTION)
        self.index.add(np.arange(len(x), dtype="u8"), self.code(x), threads=THREADS)

    def save(self, path):
        self.index.save(path)

    def load(self, path, x):
        self.rows, self.index = x, USearchIndex(ndim=x.shape[1], metric="ip", dtype=self.dtype, connectivity=M)
        self.index.load(path)

    def settings(self, ef):
        return [dict(ef=ef)]

    filter_setting = staticmethod(lambda ef: dict(ef=ef))

    def set(self, setting):
        self.index.expansion_search = self.ef = setting["ef"]

    def one(self, q):
        return self.index.search(q[0], K, threads=1).keys.astype("i8")

    def batch(self, q, threads):
        return self.index.search(q, K, threads=threads).keys.astype("i8")

    def prepare(self, mask):
        return mask, min(K, int(np.count_nonzero(mask)))

    def filtered(self, q, prepared):
        """Its Python API has no predicate: its users fetch more than they need, drop, and fetch again."""
        (mask, need), count = prepared, max(K, self.ef)
        code = self.code(q)[0]
        while True:
            count = min(count, len(mask))
            self.index.expansion_search = count
            found = self.index.search(code, count, threads=1).keys.astype("i8")
            found = found[mask[found]]
            if len(found) >= need or count == len(mask):
                return self.best(q, found[: 4 * K])
            count *= 4

    def best(self, q, found):
        return found[:K]


class USearchF16(USearch):
    name, file, dtype = "usearch f16", "usearch-f16.bin", "f16"


class USearchI8(USearch):
    """Codes of ours (usearch's own scale wastes most of the 8 bits on unit vectors of this width); the best `fetch` are scored
    again by numpy in f32."""

    name, file, dtype = "usearch i8 + numpy f32", "usearch-i8.bin", "i8"

    def code(self, x):
        if not hasattr(self, "scale"):
            self.scale = 127 / np.quantile(np.abs(self.rows[:: max(1, len(self.rows) // 2000)]), 0.9999)
        return np.clip(np.rint(x * self.scale), -127, 127).astype("i1")

    def settings(self, ef):
        return [dict(ef=ef, fetch=f) for f in (10, 20, 40) if f <= ef]

    def set(self, setting):
        super().set(setting)
        self.fetch = setting.get("fetch", K)

    def one(self, q):
        return self.best(q, self.index.search(self.code(q)[0], self.fetch, threads=1).keys.astype("i8"))

    def batch(self, q, threads):
        found = self.index.search(self.code(q), self.fetch, threads=threads).keys.astype("i8")
        return np.stack([self.best(one[None], ids) for one, ids in zip(q, found)])

    def best(self, q, found):
        return found[np.argsort(-(self.rows[found] @ q[0]))[:K]] if len(found) > K else found


class Scan:
    """Exact over the rows that pass: numpy over gathered rows, numpy over all rows, or faiss with a selector."""

    WAYS = ("gather", "all", "faiss")

    def __init__(self, x):
        self.name, self.rows, self.flat = "scan of the rows that pass", x, faiss.IndexFlatIP(x.shape[1])
        self.flat.add(x)

    def settings(self, _):
        return [dict(way=way) for way in self.WAYS]

    def set(self, setting):
        self.way = setting["way"]

    def prepare(self, mask):
        if self.way == "faiss":
            return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        return np.flatnonzero(mask) if self.way == "gather" else ~mask

    def filtered(self, q, prepared):
        if self.way == "faiss":
            return self.flat.search(q, K, params=faiss.SearchParameters(sel=prepared))[1][0]
        scores = (self.rows[prepared] if self.way == "gather" else self.rows) @ q[0]
        if self.way == "all":
            scores[prepared] = -np.inf
        best = np.argpartition(-scores, K - 1)[:K] if len(scores) > K else np.arange(len(scores))
        best = best[np.argsort(-scores[best], kind="stable")]
        return prepared[best] if self.way == "gather" else best[scores[best] > -np.inf]


# ---- measuring ----------------------------------------------------------------------------------


class Truth:
    """Counts right rows: those that score no less than the last true one."""

    def __init__(self, folder, file, x, q):
        truth = np.fromfile(folder / file, "<u4").reshape(-1, K).astype("i8")
        self.x, self.q = x, q[: len(truth)].astype("f8")
        self.exist = (truth != NONE).sum(axis=1)
        last = truth[np.arange(len(truth)), np.maximum(self.exist, 1) - 1]
        self.least = np.where(self.exist, (x[np.where(self.exist, last, 0)].astype("f8") * self.q).sum(axis=1), np.inf) - TIE

    def judge(self, answers, queries, mask_of=None):
        """Recall, and how many answers have fewer rows than there are."""
        right = short = 0
        for i, ids in zip(queries, answers):
            ids = np.asarray(ids, "i8")
            ids = np.unique(ids[ids >= 0])
            assert mask_of is None or mask_of(i)[ids].all(), f"query {i}: a row that the filter rejects"
            short += len(ids) < self.exist[i]
            right += min(K, int((self.x[ids] @ self.q[i] >= self.least[i]).sum()))
        return right / self.exist[queries].sum(), short


def timed(call, items):
    """Answers, seconds of each, CPU seconds of all."""
    answers, seconds, busy = [], np.empty(len(items)), time.process_time()
    for i, item in enumerate(items):
        start = time.perf_counter()
        answers.append(call(item))
        seconds[i] = time.perf_counter() - start
    return answers, seconds, time.process_time() - busy


def indexed(systems, folder, x):
    """Builds or loads every index; gives what each cost."""
    book = folder / "indexes" / "built.json"
    book.parent.mkdir(exist_ok=True)
    built = json.loads(book.read_text()) if book.exists() else {}
    for system in systems:
        path = str(book.with_name(system.file))
        if system.file in built:
            system.load(path, x)
            continue
        talk(f"{system.name}: building")
        load, start, busy = os.getloadavg()[0], time.perf_counter(), time.process_time()
        system.build(x)
        cost = dict(seconds=time.perf_counter() - start, cpu_s=time.process_time() - busy, threads=THREADS, load_before=load)
        system.save(path)
        # Scoring again in numpy needs the f32 rows beside the index.
        built[system.file] = cost | dict(name=system.name, bytes=os.path.getsize(path) + (x.nbytes if isinstance(system, USearchI8) else 0))
        book.write_text(json.dumps(built, indent=1))
        system.load(path, x)  # what is searched is what users open
    return [built[system.file] for system in systems]


def curve(system, q, truth, until):
    """Recall and QPS of every setting, by ef, until all kinds of settings have passed `until`."""
    points, done, few = [], set(), [q[i : i + 1] for i in range(min(len(q), 300))]
    for ef in GRID:
        for setting in system.settings(ef):
            kind = tuple(v for k, v in setting.items() if k != "ef")
            if kind in done:
                continue
            system.set(setting)
            recall, _ = truth.judge(system.batch(q, THREADS), range(len(q)))
            _, seconds, _ = timed(system.one, few)
            points.append(dict(setting=setting, recall=float(recall), qps=len(few) / seconds.sum()))
            if recall >= until:
                done.add(kind)
    return points


def fastest(points, target):
    """Of every kind of setting the smallest ef that reaches the target; of those the fastest."""
    reached = {}
    for point in points:
        if point["recall"] >= target:
            reached.setdefault(tuple(v for k, v in point["setting"].items() if k != "ef"), point)
    return max(reached.values(), key=lambda p: p["qps"], default=None)


def turn(system, setting, q, truth):
    """One round of one system: single calls, then one call for all."""
    system.set(setting)
    items = [q[i : i + 1] for i in range(len(q))]
    timed(system.one, items[:100])
    answers, seconds, busy = timed(system.one, items)
    (all_at_once,), (wall,), all_busy = timed(lambda queries: system.batch(queries, 1), [q])
    recall = min(truth.judge(a, range(len(q)))[0] for a in (answers, all_at_once))
    return dict(recall=float(recall), single=len(q) / seconds.sum(), batch=len(q) / wall, cpu=len(q) / min(busy, all_busy), p50=np.median(seconds) * 1e6, p99=np.quantile(seconds, 0.99) * 1e6)


def summed(name, setting, turns):
    """The rounds of one row of the table."""
    way = max(("single", "batch"), key=lambda w: max(t.get(w, 0) for t in turns))
    best = lambda key, f: f(t[key] for t in turns) if all(t.get(key) for t in turns) else None
    return dict(system=name, setting=setting, recall=best("recall", min), qps=best(way, max), qps_median=best(way, statistics.median), way=way, cpu_qps=best("cpu", max), p50_us=best("p50", min), p99_us=best("p99", min))


def filtered_turn(system, setting, masks, queries, q, truth):
    system.set(setting)
    if masks.fixed:
        ready = {part: system.prepare(mask) for part, mask in enumerate(masks.bits)}
        call = lambda i: system.filtered(q[i : i + 1], ready[masks.of_query[i]])
    else:
        call = lambda i: system.filtered(q[i : i + 1], system.prepare(masks.mask(i)))
    timed(call, queries[:3])
    answers, seconds, _ = timed(call, queries)
    recall, short = truth.judge(answers, queries, masks.mask)
    return dict(recall=float(recall), short=short, queries=len(queries), single=len(queries) / seconds.sum(), p50=np.median(seconds) * 1e6, p99=np.quantile(seconds, 0.99) * 1e6)


def tuned(system, masks, count, q, truth, target):
    """A setting that reaches the target, on how many queries that was seen, and what was seen; or the best there is.

    Where more ef is more work, the smallest: in octaves first, then upwards within the last one. A scan has no ef, and a first fetch that is too
    small is made up for by more fetches: there the fastest."""
    best, any_order = None, isinstance(system, (Scan, USearch))

    def reaches(setting):
        nonlocal best
        second = 1 / filtered_turn(system, setting, masks, range(3), q, truth)["single"]
        enough = min(count, max(8, int(BUDGET_S / second)))
        for n in sorted({min(enough, 100), enough}):
            result = filtered_turn(system, setting, masks, range(n), q, truth)
            if best is None or result["recall"] > best[2]["recall"]:
                best = setting, n, result
            if result["recall"] < target:
                return None, second > SLOW_S
        return (setting, n, result), second > SLOW_S

    if isinstance(system, Scan):
        return max((reaches(s)[0] for s in system.settings(0)), key=lambda found: found[2]["single"])
    reached, below, slow = [], 0, False
    for octave in (10, *(2**i for i in range(4, 15))):
        if octave >= 2 * len(truth.x) or slow and octave < 1024:
            continue  # a first fetch of about k ÷ selectivity may still be faster than growing to it
        found, slow = reaches(system.filter_setting(octave))
        if found and not any_order:
            finer = (reaches(system.filter_setting(ef))[0] for ef in WIDE if below < ef < octave)
            return next((f for f in finer if f), found)
        reached += [found] * bool(found)
        past = found and found[2]["single"] < max(f[2]["single"] for f in reached) / 2
        if past or slow and not any_order:
            break
        below = octave
    if not reached:
        return best
    octave = max(reached, key=lambda f: f[2]["single"])[0]["ef"]
    reached += filter(None, (reaches(system.filter_setting(ef))[0] for ef in WIDE if octave / 2 < ef < octave))
    return max(reached, key=lambda f: f[2]["single"])


def mispair(folder, efs, *flags):
    command = ["cargo", "bench", "-q", "--bench", "graph_rows", "--", folder, "--ef", ",".join(map(str, efs)), *flags]
    return [json.loads(line) for line in subprocess.check_output(list(map(str, command)), cwd=ROOT, text=True).splitlines() if line.startswith("{")]


def as_turn(row):
    return dict(recall=row["recall"], single=row["qps"], cpu=row.get("cpu_qps"), p50=row.get("p50_us"), p99=row.get("p99_us"), short=row.get("short"), queries=row.get("queries"))


# ---- tables -------------------------------------------------------------------------------------


def number(x, digits=0):
    return "–" if x is None else f"{x:,.{digits}f}"


def words(setting):
    return ", ".join(f"{k} {v}" for k, v in setting.items()) if setting else "–"


def show(title, head, rows):
    print(f"\n{title}\n\n| {' | '.join(map(str, head))} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")


def plain(folder, systems, args, x, q):
    """The curves, then the rounds of the chosen settings."""
    truth, curves, chosen, turns = Truth(folder, "truth.u32", x, q), {}, {}, {}
    for system in systems:
        if args.curves:
            curves[system.name] = json.loads(args.curves.read_text())["plain"]["curves"][system.name]
            continue
        talk(f"{system.name}: sweep")
        curves[system.name] = curve(system, q, truth, TARGETS[-1])
    if args.mispair:
        talk("mispair: build and sweep")
        lines = mispair(folder, GRID, "--rebuild")
        builds = [line for line in lines if line["what"] == "build"]
        curves["mispair"] = [dict(setting=dict(ef=r["ef"]), recall=r["recall"], qps=r["qps"]) for r in lines if r["what"] == "search"]
    else:
        builds = []
    for name, points in curves.items():
        for target in TARGETS:
            chosen[name, target] = point = fastest(points, target)
            if point is None:
                talk(f"{name}: recall {target} is not reached; best {max(p['recall'] for p in points):.4f}")
    for round_ in range(args.rounds):
        for system in systems:
            for target in TARGETS:
                if chosen[system.name, target]:
                    turns.setdefault((system.name, target), []).append(turn(system, chosen[system.name, target]["setting"], q, truth))
        if args.mispair and (points := {t: chosen["mispair", t] for t in TARGETS if chosen["mispair", t]}):
            lines = mispair(folder, sorted({p["setting"]["ef"] for p in points.values()}))
            builds += [line for line in lines if line["what"] == "build"]
            by_ef = {line["ef"]: line for line in lines if line["what"] == "search"}
            for target, point in points.items():
                turns.setdefault(("mispair", target), []).append(as_turn(by_ef[point["setting"]["ef"]]))
        talk(f"plain search: round {round_ + 1} of {args.rounds}, load {os.getloadavg()[0]:.1f}")
    table = [summed(name, chosen[name, target]["setting"], rows) | dict(target=target) for (name, target), rows in turns.items()]
    return dict(curves=curves, table=table), builds


def constrained(folder, systems, args, x, q):
    filters, table, chosen = json.loads((folder / "filters.json").read_text()), [], {}
    specs, peers = [*filters["random"], filters["rule"]], [*systems, Scan(x)]
    masks, truths = {}, {}
    for spec in specs:
        name = spec["name"]
        masks[name] = Rule(folder, spec, len(x)) if name == "rule" else Parts(folder, spec, len(x))
        truths[name] = Truth(folder, spec["truth"], x, q)
        for system in peers:
            chosen[name, system.name] = setting, n, result = tuned(system, masks[name], len(truths[name].exist), q, truths[name], TARGETS[0])
            talk(f"{name} {system.name}: {words(setting)}, recall {result['recall']:.3f}, {result['single']:,.0f} QPS on {n} queries")
    sweep = mispair(folder, GRID, "--constrained") if args.mispair else []
    for spec in specs if args.mispair else []:
        points = [line for line in sweep if line["what"] == "filter" and line["name"] == spec["name"]]
        enough = [line for line in points if line["recall"] >= TARGETS[0]]
        chosen[spec["name"], "mispair"] = min(enough, key=lambda p: p["ef"]) if enough else max(points, key=lambda p: p["recall"])
    turns = {}
    for round_ in range(args.rounds):
        for spec in specs:
            for system in peers:
                setting, n, _ = chosen[spec["name"], system.name]
                turns.setdefault((spec["name"], system.name), []).append(filtered_turn(system, setting, masks[spec["name"]], range(n), q, truths[spec["name"]]))
        if args.mispair:
            efs = sorted({chosen[spec["name"], "mispair"]["ef"] for spec in specs})
            for line in mispair(folder, efs, "--constrained"):
                if line["what"] == "filter" and line["ef"] == chosen[line["name"], "mispair"]["ef"]:
                    turns.setdefault((line["name"], "mispair"), []).append(as_turn(line))
        talk(f"constrained search: round {round_ + 1} of {args.rounds}, load {os.getloadavg()[0]:.1f}")
    for spec in specs:
        for (name, system), rows in turns.items():
            if name == spec["name"]:
                setting = dict(ef=chosen[name, system]["ef"]) if system == "mispair" else chosen[name, system][0]
                row = summed(system, setting, rows) | dict(filter=name, selectivity=spec["selectivity"])
                table.append(row | dict(short=rows[0]["short"], queries=rows[0]["queries"], reached=row["recall"] >= TARGETS[0]))
    return table


def faster_of_each(systems, points):
    """Of each library's kinds the one that is fastest at recall 0.95 without a filter."""
    families = {}
    for system in systems:
        point = fastest(points[system.name], TARGETS[0])
        families.setdefault(system.name.split()[0], []).append((point["qps"] if point else 0, system))
    return [max(kinds, key=lambda kind: kind[0])[1] for kinds in families.values()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-mispair", dest="mispair", action="store_false")
    parser.add_argument("--no-constrained", dest="constrained", action="store_false")
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--peers", type=lambda names: names.split(","))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.mispair:
        subprocess.check_call(["cargo", "bench", "-q", "--bench", "graph_rows", "--no-run"], cwd=ROOT)
    read = lambda folder, name, dim: np.fromfile(folder / f"{name}.f32", "<f4").reshape(-1, dim)
    kinds = [kind for kind in (Hnswlib, Faiss, FaissSQ8, USearch, USearchF16, USearchI8) if not args.peers or kind.name in args.peers]

    talk("data")
    folder = newsroom(args.rows, args.queries, args.seed)
    shape = json.loads((folder / "shape.json").read_text())
    x, q = read(folder, "images", shape["dim"]), read(folder, "queries", shape["dim"])
    systems = [kind() for kind in kinds]
    builds = indexed(systems, folder, x)
    found, ours = plain(folder, systems, args, x, q)
    if ours:
        builds.append(dict(name="mispair", rounds=len(ours)) | min(ours, key=lambda line: line["seconds"]))
    filtered = constrained(folder, faster_of_each(systems, found["curves"]), args, x, q) if args.constrained else []

    small = {}
    if real := verite():
        rx, rq = read(real, "images", 512), read(real, "queries", 512)
        truth = Truth(real, "truth.u32", rx, rq)
        for kind in kinds:
            system = kind()
            system.build(rx)
            small[system.name] = curve(system, rq, truth, 1.0)
        if args.mispair:
            small["mispair"] = [dict(setting=dict(ef=r["ef"]), recall=r["recall"]) for r in mispair(real, GRID) if r["what"] == "search"]

    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.processor())
    truth = np.fromfile(folder / "truth.u32", "<u4").reshape(-1, K)
    machine = dict(cpu=cpu, cores=os.cpu_count(), load=os.getloadavg(), python=platform.python_version(), numpy=np.__version__, hnswlib=version("hnswlib"), faiss=faiss.__version__, usearch=usearch.__version__, peers=[s.name for s in systems],
                   faiss_options=faiss.get_compile_options().strip(), usearch_hardware=next((s.index.hardware_acceleration for s in systems if isinstance(s, USearch)), None), **shape, seed=args.seed, k=K, m_links=M, ef_construction=EF_CONSTRUCTION, rounds=args.rounds,
                   mean_cosine_of_first=float((x[truth[:, 0]] * q).sum(axis=1).mean()), mean_cosine_of_tenth=float((x[truth[:, -1]] * q).sum(axis=1).mean()))
    print(json.dumps(machine))
    show("Build and size", ["system", "threads", "seconds", "CPU s", "MB", "load before"],
         [[b["name"], b["threads"], number(b["seconds"], 1), number(b.get("cpu_s"), 1), number(b["bytes"] / 1e6), number(b.get("load_before"), 1)] for b in builds])
    for target in TARGETS:
        rows = sorted((r for r in found["table"] if r["target"] == target), key=lambda r: -r["qps"])
        show(f"Recall@{K} ≥ {target}, one thread", ["system", "setting", "recall", "QPS best", "QPS median", "calls", "CPU QPS", "p50 µs", "p99 µs"],
             [[r["system"], words(r["setting"]), f"{r['recall']:.4f}", number(r["qps"]), number(r["qps_median"]), r["way"], number(r["cpu_qps"]), number(r["p50_us"]), number(r["p99_us"])] for r in rows])
    if filtered:
        show(f"Constrained, recall@{K} ≥ {TARGETS[0]} (or the best there is: in italics), one thread, one query a call",
             ["filter", "passes", "system", "setting", "recall", "QPS best", "QPS median", "p99 µs", "short", "queries"],
             [[r["filter"], f"{r['selectivity']:.2%}", r["system"], words(r["setting"]), f"{r['recall']:.4f}" if r["reached"] else f"*{r['recall']:.4f}*", number(r["qps"], 1), number(r["qps_median"], 1), number(r["p99_us"]), r["short"], r["queries"] or "all"] for r in filtered])
        against = json.loads((folder / "filters.json").read_text())["rule"]["rejects_of_nearest"]
        print(f"\nThe rule rejects {against:.0%} of the queries' ten nearest rows. Of faiss and of usearch the kind that is fastest without a filter. usearch's Python API has no "
              "predicate: it fetches ef rows, drops, and fetches four times as many while too few are left (i8: the first 40 left are scored again).")
    if small:
        efs = [10, 16, 24, 32, 64]
        best = lambda points, ef: max((p["recall"] for p in points if p["setting"]["ef"] <= ef), default=None)
        show(f"VERITE, real CLIP vectors: {len(rx)} pictures, {len(rq)} captions; recall@{K} at ef up to", ["system", *efs], [[name, *(number(best(points, ef), 4) for ef in efs)] for name, points in small.items()])
    if args.out:
        args.out.write_text(json.dumps(dict(machine=machine, builds=builds, plain=found, constrained=filtered, verite=small), indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
