#!/usr/bin/env python3
"""A sentence encoder less the mean of what it makes: two captions that have nothing in common then have a cosine near 0.

    pip install numpy safetensors
    mispair embed captions.csv --model all-MiniLM-L6-v2 --out plain
    python3 contrib/centred_model.py all-MiniLM-L6-v2 plain/vectors.npy --out minilm-centred
    mispair embed captions.csv --model minilm-centred --out text

--out is the model's folder with two modules more, as sentence-transformers writes them: Dense (the identity, with the mean as its negative
bias) and Normalize. Other software reads it, too.
"""
import argparse, json, shutil
from pathlib import Path

KIND = "sentence_transformers.models."


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("model", type=Path, metavar="MODEL", help="its folder")
    about.add_argument("vectors", type=Path, metavar="VECTORS.npy", help="what it makes of many texts")
    about.add_argument("--out", type=Path, required=True, help="a folder that does not exist yet")
    args = about.parse_args()
    import numpy as np
    from safetensors.numpy import save_file

    mean = np.load(args.vectors).astype(np.float64).mean(0)
    width = len(mean)
    modules = json.loads((args.model / "modules.json").read_text())
    if modules[-1]["type"] != KIND + "Normalize":
        raise SystemExit(f"{args.model}: its last module is {modules[-1]['type']}; the mean is that of unit vectors, so Normalize is expected")
    shutil.copytree(args.model, args.out)
    n = len(modules)
    dense = args.out / f"{n}_Dense"
    dense.mkdir()
    save_file({"linear.weight": np.eye(width, dtype=np.float32), "linear.bias": (-mean).astype(np.float32)}, dense / "model.safetensors")
    kind = {"in_features": width, "out_features": width, "bias": True, "activation_function": "torch.nn.modules.linear.Identity"}
    (dense / "config.json").write_text(json.dumps(kind) + "\n")
    modules += [{"idx": n + i, "name": str(n + i), "path": f"{n + i}_{name}", "type": KIND + name} for i, name in enumerate(["Dense", "Normalize"])]
    (args.out / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")
    print(f"{args.out}: a mean of length {np.linalg.norm(mean):.3f} is taken off")


if __name__ == "__main__":
    main()
