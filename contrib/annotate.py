#!/usr/bin/env python3
"""Entities and pictured persons of captions, as the metadata that `mispair build` reads.

    pip install spacy && python -m spacy download en_core_web_sm
    python contrib/annotate.py captions.csv --out metadata.jsonl
    python contrib/annotate.py captions.jsonl --caption text --id key --timestamp created_at --out metadata.jsonl

One JSON object a line: {"id", "entities": [{"text", "label"}, ...], "pictured": [names], "timestamp"?}. In CORPUS.toml:

    [catalog]
    metadata = "metadata.jsonl"

**Entities** are spaCy's, in the order of the caption, under spaCy's labels; which labels count is a setting of the split.

**Pictured** are the PERSON entities that the sentence shows, as far as its grammar tells (after NewsCLIPpings, section 3.3): of the
entity's head word, the relation to the sentence must be none of

    possessive   "Obama's dog runs"             poss
    object       "a letter to Obama"            dobj, obj, iobj, dative, pobj, agent
    modifier     "an Obama supporter waves"     compound, nmod, amod, npadvmod, nounmod

A name that stands beside another word ("Biden and Obama wave", "the president, Obama, waves") is taken as that word is. A caption
with no PERSON gets an empty list. What a list leaves out was named, and is not claimed to be in the picture.

Files: .csv, .tsv (a header line), .jsonl (an object a line), .json (an array of objects). Without an id column the row's number
is the id, as `mispair build` has it. Integers in CSV become integers, as there.
"""

import argparse
import csv
import json
import os
import sys

OBJECTS = {"dobj", "obj", "iobj", "dative", "pobj", "agent"}
MODIFIERS = {"compound", "nmod", "amod", "npadvmod", "nounmod"}
BESIDE = {"conj", "appos"}


def relation(token):
    """The relation that counts: beside another word, that word's."""
    seen = set()
    while token.dep_ in BESIDE and token.head.i != token.i and token.i not in seen:
        seen.add(token.i)
        token = token.head
    return token.dep_


def is_pictured(entity):
    return relation(entity.root) not in OBJECTS | MODIFIERS | {"poss"}


def annotate(doc):
    """The facts of one caption."""
    entities = [{"text": e.text, "label": e.label_} for e in doc.ents]
    pictured = [e.text for e in doc.ents if e.label_ == "PERSON" and is_pictured(e)]
    return {"entities": entities, "pictured": list(dict.fromkeys(pictured))}


def integer(text):
    """As `mispair build` reads an id in a CSV file: canonical decimal integers of 64 bits are integers."""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if str(number) == text and -(2**63) <= number < 2**63 else text


def rows(path):
    """The rows of a catalog, as dicts, and whether it is a table of texts."""
    ending = os.path.splitext(path)[1].lower()
    with open(path, encoding="utf-8-sig", newline="") as f:
        if ending in (".csv", ".tsv"):
            for row in csv.DictReader(f, delimiter="\t" if ending == ".tsv" else ","):
                yield row, True
        elif ending == ".jsonl":
            for line in f:
                if line.strip():
                    yield json.loads(line), False
        elif ending == ".json":
            for row in json.load(f):
                yield row, False
        else:
            sys.exit(f"{path}: .csv, .tsv, .jsonl and .json are read; convert it")


def samples(args):
    for number, (row, is_table) in enumerate(rows(args.captions)):
        if args.caption not in row:
            sys.exit(f"{args.captions}: row {number} (counting from 0) has no {args.caption!r}; name the column with --caption")
        key = row.get(args.id)
        if key in (None, ""):
            key = number
        facts = {"id": integer(key) if is_table and isinstance(key, str) else key}
        moment = row.get(args.timestamp) if args.timestamp else None
        if moment not in (None, ""):
            facts["timestamp"] = moment
        yield row[args.caption] or "", facts


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("captions", help="a catalog: .csv, .tsv, .jsonl, .json")
    about.add_argument("--out", required=True, help="the metadata, JSONL; made whole or not at all")
    about.add_argument("--id", default="id", help="column of ids; '' names an unnamed one, as pandas writes (default: id)")
    about.add_argument("--caption", default="caption", help="column of captions (default: caption)")
    about.add_argument("--timestamp", help="column of dates (ISO 8601 or Unix seconds), handed on as it is")
    about.add_argument("--model", default="en_core_web_sm", help="spaCy's pipeline (default: en_core_web_sm)")
    about.add_argument("--processes", type=int, default=1, help="processes to share the work (default: 1)")
    about.add_argument("--force", action="store_true", help="replace a file that is there")
    args = about.parse_args()
    if os.path.exists(args.out) and not args.force:
        sys.exit(f"{args.out}: exists already; choose another file, or pass --force")
    import spacy  # here, so that --help and bad usage need no spaCy

    nlp = spacy.load(args.model, exclude=["lemmatizer", "textcat"])
    done, named, pictured = 0, 0, 0
    part = args.out + ".tmp"
    with open(part, "w", encoding="utf-8") as out:
        for doc, facts in nlp.pipe(samples(args), as_tuples=True, batch_size=256, n_process=args.processes):
            facts.update(annotate(doc))
            out.write(json.dumps(facts, ensure_ascii=False) + "\n")
            done += 1
            named += sum(e["label"] == "PERSON" for e in facts["entities"])
            pictured += len(facts["pictured"])
            if done % 5000 == 0:
                print(f"{done:,} captions", file=sys.stderr)
    os.replace(part, args.out)
    print(f"{args.out}: {done:,} captions, {named:,} mentions of persons, {pictured:,} of them pictured", file=sys.stderr)


if __name__ == "__main__":
    main()
