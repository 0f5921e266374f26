"""The rules of annotate.py on sentences, and on real captions where the folder MISPAIR_DATA names them.

    python -m unittest contrib/test_annotate.py
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import annotate  # noqa: E402

try:
    import spacy

    NLP = spacy.load("en_core_web_sm")
except (ImportError, OSError) as e:
    NLP, WHY = None, str(e)


def run(*args):
    return subprocess.run([sys.executable, os.path.join(HERE, "annotate.py"), *args], capture_output=True, text=True)


@unittest.skipIf(NLP is None, "no spaCy, or no en_core_web_sm")
class Rules(unittest.TestCase):
    def pictured(self, caption):
        return annotate.annotate(NLP(caption))["pictured"]

    def test_subjects_are_pictured(self):
        self.assertEqual(self.pictured("Barack Obama speaks in Berlin on Monday."), ["Barack Obama"])
        self.assertEqual(self.pictured("Barack Obama and Angela Merkel wave in Berlin."), ["Barack Obama", "Angela Merkel"])

    def test_possessives_objects_and_modifiers_are_not(self):
        self.assertEqual(self.pictured("Barack Obama's dog runs in the garden."), [])
        self.assertEqual(self.pictured("A woman reads a letter to Barack Obama."), [])
        self.assertEqual(self.pictured("Protesters burn a picture of Angela Merkel in Athens."), [])

    def test_nobody(self):
        self.assertEqual(annotate.annotate(NLP("A dog runs on the beach."))["pictured"], [])

    def test_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            table, out = os.path.join(folder, "c.csv"), os.path.join(folder, "m.jsonl")
            with open(table, "w") as f:
                f.write("id,caption,when\n7,Barack Obama speaks in Berlin.,2016-05-04\n007,A dog.,\n")
            done = run(table, "--out", out, "--timestamp", "when")
            self.assertEqual(done.returncode, 0, done.stderr)
            facts = [json.loads(line) for line in open(out)]
            self.assertEqual([f["id"] for f in facts], [7, "007"])
            self.assertEqual([f.get("timestamp") for f in facts], ["2016-05-04", None])
            self.assertEqual(facts[0]["pictured"], ["Barack Obama"])
            again = run(table, "--out", out)
            self.assertIn("exists already", again.stderr)
            self.assertNotEqual(again.returncode, 0)

    def test_real_captions(self):
        data = os.environ.get("MISPAIR_DATA")
        table = os.path.join(data or "", "verite", "VERITE.csv")
        if not os.path.exists(table):
            self.skipTest("MISPAIR_DATA names no folder of real data")
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "m.jsonl")
            done = run(table, "--id", "", "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            facts = [json.loads(line) for line in open(out)]
            self.assertEqual([f["id"] for f in facts], list(range(1001)))
            theirs = [json.loads(line) for line in open(os.path.join(data, "verite", "metadata.jsonl"))]
            same = sum(f["entities"] == t["entities"] for f, t in zip(facts, theirs))
            print(f"\n{same} of 1,001 captions have the entities that were found elsewhere with the same pipeline")
            self.assertGreater(same, 950)
            persons = sum(e["label"] == "PERSON" for f in facts for e in f["entities"])
            pictured = sum(len(f["pictured"]) for f in facts)
            print(f"{pictured} of {persons} mentions of persons are pictured")
            self.assertTrue(0 < pictured < persons)


class Ids(unittest.TestCase):
    def test_as_build_has_them(self):
        self.assertEqual([annotate.integer(t) for t in ["7", "-3", "007", "1.0", "x", str(2**63)]], [7, -3, "007", "1.0", "x", str(2**63)])


if __name__ == "__main__":
    unittest.main()
