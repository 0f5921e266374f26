#!/usr/bin/env python3
"""ROUGE-L and METEOR beside the libraries that others use (pip install nltk rouge-score).

    python3 tests/reference_metrics.py write tests/fixtures/metrics.json
        the libraries' numbers for our own sentences, which the tests compare with
    python3 tests/reference_metrics.py 5pils test.json tests/fixtures/metrics_5pils.json
        the libraries' numbers for captions of 5Pils-OOC and their evidence captions: every row with Indic script, and 200 others
    python3 tests/reference_metrics.py wordnet tests/fixtures/wordnet tests/fixtures/metrics_wordnet.json
        METEOR of sentences that share words, stems and synonyms of the made-up dictionary
    python3 tests/reference_metrics.py 5pils-wordnet test.json /usr/share/wordnet tests/fixtures/metrics_5pils_wordnet.json
        METEOR of the same rows of 5Pils-OOC with WordNet 3.0 (Debian's wordnet-base)
    python3 tests/reference_metrics.py flickr8k-wordnet captions.csv /usr/share/wordnet tests/fixtures/metrics_flickr8k_wordnet.json
        the same of the first two captions of each of 500 photos of Flickr8k, which say one thing in different words
    mispair eval veracity --truth T --predictions P --rows rows.jsonl
    python3 tests/reference_metrics.py check T P rows.jsonl
        every ROUGE-L and METEOR of these rows again; fails above a difference of 1e-4, or below 200 rows

Files are JSON arrays or JSONL with ids. METEOR is NLTK's, given the words that mispair counts; without WordNet where none is named.
"""
import atexit
import csv
import json
import os
import shutil
import sys
import tempfile
import unicodedata

import nltk.data
from nltk.corpus.reader.wordnet import WordNetCorpusReader
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
# Synonyms by noun, verb, adjective and adverb; by regular and irregular forms; phrases and capitals, which never match.
SYNONYMS = [
    ("A vessel was seen on the flooded road", "They watch a ship; the street is inundated"),
    ("The ship sent knives", "A vessel mails blades"),
    ("Children gathered in Oslo", "kids assembled in Christiania"),
    ("The photograph of a big municipality", "A photo of the large town"),
    ("angrier firemen marched rapidly", "furious firefighters parade quickly"),
    ("broken boxes, old news", "shattered cartons and aged tidings"),
    ("snap snap snap", "photo break picture"),
    ("photos and pictures of pictures", "a photograph, a photo, snaps"),
    ("the oxen stand near", "Bos is handy"),
    ("better fast than well", "rapidly, good and well"),
    ("a deluge of vessels", "the streams of bowls"),
    ("boxing men built a blade", "a man spars, constructs knives"),
    ("she saw a great flood", "he cut a big deluge"),
    ("newer streets, larger roads", "fresh road, great thoroughfare"),
    ("sea craft by the young goat", "a ship and a kid"),
    ("Nothing in common", "quite other things"),
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


def wordnet(folder):
    """NLTK's reader of a folder, which also wants the names of the lexicographer's files; nothing here asks for these."""
    whole = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, whole)
    for name in os.listdir(folder):
        if name.startswith(("index.", "data.")) or name.endswith(".exc"):
            shutil.copy(os.path.join(folder, name), whole)
    with open(os.path.join(whole, "lexnames"), "w") as out:
        out.writelines(f"{i:02}\tfile.{i}\t1\n" for i in range(45))
    nltk.data.path.append(whole)
    WordNetCorpusReader.map_wn = lambda self: {}
    return WordNetCorpusReader(whole, None)


def scores(predicted, truth):
    meteor = single_meteor_score(words(truth), words(predicted), wordnet=NoWordNet())
    return {"rouge_l": ROUGE.score(truth, predicted)["rougeL"].fmeasure, "meteor": meteor}


def with_synonyms(net, predicted, truth):
    return single_meteor_score(words(truth), words(predicted), wordnet=net)


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
    """By the row's number: its texts (caption, evidence captions), each with the next, four pairs at most."""
    def indic(texts):
        return any("\u0900" <= c <= "\u0dff" for t in texts for c in t)

    listed, others = {}, 0
    for number, row in enumerate(rows):
        found = [row["caption"], *row["evidence_captions"]]
        if len(found) < 2 or not (indic(found) or others < 200):
            continue
        others += not indic(found)
        listed[number] = list(zip(found, found[1:]))[:4]
    return listed


def by_row(path, out, numbers):
    """Writes the numbers of every pair of texts of these rows."""
    rows = of_5pils(json.load(open(path, encoding="utf-8")))
    rows = {number: [numbers(a, b) for a, b in pairs] for number, pairs in rows.items()}
    with open(out, "w", encoding="utf-8") as out:
        out.write("{\n" + ",\n".join(f'"{n}": {json.dumps(p)}' for n, p in rows.items()) + "\n}\n")


def by_sentence(out, entries):
    with open(out, "w", encoding="utf-8") as out:
        out.write("[\n" + ",\n".join(json.dumps(e, ensure_ascii=False) for e in entries) + "\n]\n")


match sys.argv[1:]:
    case ["write", out]:
        by_sentence(out, [{"predicted": p, "truth": t, **scores(p, t)} for p, t in SENTENCES])
    case ["wordnet", folder, out]:
        net = wordnet(folder)
        both = lambda p, t: {"meteor": with_synonyms(net, p, t), "without": scores(p, t)["meteor"]}
        by_sentence(out, [{"predicted": p, "truth": t, **both(p, t)} for p, t in SYNONYMS])
    case ["5pils", rows, out]:
        by_row(rows, out, lambda a, b: [round(s, 7) for s in scores(a, b).values()])
    case ["5pils-wordnet", rows, folder, out]:
        net = wordnet(folder)
        by_row(rows, out, lambda a, b: round(with_synonyms(net, a, b), 7))
    case ["flickr8k-wordnet", captions, folder, out]:
        net, photos = wordnet(folder), {}
        for row in csv.DictReader(open(captions, encoding="utf-8")):
            photos.setdefault(row["image_path"], []).append(row["caption"])
        numbers = [round(with_synonyms(net, c[0], c[1]), 7) for c in list(photos.values())[:500]]
        with open(out, "w", encoding="utf-8") as out:
            out.write(json.dumps(numbers) + "\n")
    case ["check", truth, predictions, rows]:
        check(truth, predictions, rows)
    case _:
        sys.exit(__doc__)
