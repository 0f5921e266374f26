#!/usr/bin/env python3
"""ROUGE-L and METEOR beside the libraries that others use (pip install nltk rouge-score).

    python3 tests/reference_metrics.py write tests/fixtures/metrics.json
        the libraries' numbers for our own sentences, which the tests compare with
    python3 tests/reference_metrics.py 5pils test.json tests/fixtures/metrics_5pils.json
        the libraries' numbers for captions of 5Pils-OOC and their evidence captions: every row with Indic script, and 200 others
    mispair eval veracity --truth T --predictions P --rows rows.jsonl
    python3 tests/reference_metrics.py check T P rows.jsonl
        every ROUGE-L and METEOR of these rows again; fails above a difference of 1e-4, or below 200 rows

Files are JSON arrays or JSONL with ids. METEOR is NLTK's, given the words that mispair counts, without WordNet.
"""
import json
import sys
import unicodedata

from nltk.translate.meteor_score import single_meteor_score
from rouge_score import rouge_scorer

ITEMS = ("source", "location", "motivation", "things", "event")
UNKNOWN = {"", "unknown", "not enough information", "n/a", "none", "null"}
SENTENCES = [
    ("A crowd gathers in front of the town hall", "Crowds gathered before the old town hall"),
    ("Fishermen are mending their nets", "A fisherman mends the net of his boat"),
    ("the the the harbour", "the harbour, the ships, the sea"),
    ("Nothing in common", "Quite another thing"),
    ("Flooded streets after the river's dykes broke in 1997", "The streets were flooded when a dyke broke (1997)"),
    ("Skies over Oslo; dying light, lying snow", "The sky above Oslo: a dying light and snow that lies"),
    ("relational conditional rationalisation", "relate condition rationalise"),
    ("agreed, agrees, agreeing", "They agree"),
    ("hopping hoping hopped hoped", "hop hope"),
    ("Élan vital in Köln, naïve façades", "elan vital at Koln; naive facades"),
    ("players' innings and outings", "The player's inning, the outing"),
    ("technology technologies technological", "technologically"),
    ("generously general generals", "generous generality"),
    ("successfully proceeded to exceed", "success: proceed, exceed, succeed"),
    ("The bus, the bus and again the bus", "Again a bus and the bus stop"),
    ("controlled trolls rolled", "control troll roll"),
    ("", "An empty answer"),
    ("!?", "marks"),
    ("national nationality nationalise", "nation"),
    ("flies dies tied cried played", "fly die tie cry play"),
    ("मुंबई में बाढ़, २०२० की तस्वीर", "यह तस्वीर मुंबई की बाढ़ की है (२०२०)"),
    ("ঢাকার রাস্তায় বিক্ষোভ", "ঢাকার রাস্তায় ছাত্রদের বিক্ষোভ, ২০১৮"),
    ("சென்னை வெள்ளம்", "சென்னை வெள்ளம் 2015"),
    ("Le marché de Cracovie, l’hiver", "Au marché de Cracovie, l’été"),
]


def words(text):
    """Runs of letters, marks and numbers (Unicode's categories L, M, N) and joiners, and every other visible character by itself."""
    found, inside = [], False
    for c in text.lower():
        word = unicodedata.category(c)[0] in "LMN" or c in "\u200c\u200d"
        if word and inside:
            found[-1] += c
        elif not c.isspace():
            found.append(c)
        inside = word
    return found


class NoWordNet:
    """NLTK asks it for synonyms."""

    @staticmethod
    def synsets(_word):
        return []


ROUGE = rouge_scorer.RougeScorer(["rougeL"])


def scores(predicted, truth):
    meteor = single_meteor_score(words(truth), words(predicted), wordnet=NoWordNet())
    return {"rouge_l": ROUGE.score(truth, predicted)["rougeL"].fmeasure, "meteor": meteor}


def table(path):
    text = open(path, encoding="utf-8").read()
    rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(l) for l in text.splitlines() if l.strip()]
    return {str(row.get("id", i)): row for i, row in enumerate(rows)}


def texts(value):
    if value is None:
        return []
    return [t if isinstance(t, str) else json.dumps(t) for t in (value if isinstance(value, list) else [value])]


def known(text):
    return text.strip().rstrip(".").lower() not in UNKNOWN


def check(truth, predictions, rows):
    truth, predictions = table(truth), table(predictions)
    compared, worst, ids = 0, (0.0, None), set()
    for line in open(rows, encoding="utf-8"):
        row = json.loads(line)
        name = {"ROUGE-L": "rouge_l", "METEOR": "meteor"}.get(row["measure"])
        if name is None or row["item"] not in ITEMS:
            continue
        answer = ", ".join(texts(predictions.get(row["id"], {}).get(row["item"])))
        answer = answer if known(answer) else ""
        want = max(scores(answer, t)[name] for t in texts(truth[row["id"]][row["item"]]))
        compared += 1
        ids.add(row["id"])
        worst = max(worst, (abs(want - row["score"]), (row["id"], row["item"], name, want, row["score"])), key=lambda w: w[0])
    print(f"{compared} numbers of {len(ids)} rows; largest difference {worst[0]:.2e} {worst[1]}")
    sys.exit(0 if len(ids) >= 200 and worst[0] <= 1e-4 else 1)


def of_5pils(rows):
    """By the row's number: ROUGE-L and METEOR of its texts (caption, evidence captions), each with the next, four at most."""
    def indic(texts):
        return any("\u0900" <= c <= "\u0dff" for t in texts for c in t)

    listed, others = {}, 0
    for number, row in enumerate(rows):
        found = [row["caption"], *row["evidence_captions"]]
        if len(found) < 2 or not (indic(found) or others < 200):
            continue
        others += not indic(found)
        pairs = [scores(a, b) for a, b in list(zip(found, found[1:]))[:4]]
        listed[number] = [[round(p["rouge_l"], 7), round(p["meteor"], 7)] for p in pairs]
    return listed


if len(sys.argv) == 3 and sys.argv[1] == "write":
    entries = [{"predicted": p, "truth": t, **scores(p, t)} for p, t in SENTENCES]
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(e, ensure_ascii=False) for e in entries) + "\n]\n")
elif len(sys.argv) == 4 and sys.argv[1] == "5pils":
    numbers = of_5pils(json.load(open(sys.argv[2], encoding="utf-8")))
    with open(sys.argv[3], "w", encoding="utf-8") as out:
        out.write("{\n" + ",\n".join(f'"{n}": {json.dumps(p)}' for n, p in numbers.items()) + "\n}\n")
elif len(sys.argv) == 5 and sys.argv[1] == "check":
    check(*sys.argv[2:])
else:
    sys.exit(__doc__)
