#!/usr/bin/env python3
"""CLIP's towers beside an independent implementation in numpy (PyPI mossblaser-clippie): ViT-B/32 in its real shapes, with random
weights and the real vocabulary.

    cargo build --release && python3 benches/peers_clip.py --captions captions.csv --photos DIR

Written to target/clip-peer: a model folder as a hub would hold it (600 MB), and reference.json with the tokens that clippie makes of all
captions, and its vectors of 120 of them and of 60 photographs. `mispair doctor --reference` then compares: tokens must be equal, every
cosine 0.9999 or more. Pixels are prepared by Pillow (shortest side to 224, bicubic, centre), so the decoders of JPEG, the resampling and
the towers are compared together; and once more without decoders that may differ, the photographs being written as PNG first. Peers
are installed into target/encode-venv.
"""

import argparse
import csv
import json
import os
import subprocess

import venvs

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = ["numpy", "safetensors", "pillow", "mossblaser-clippie"]
OUT = os.path.join(ROOT, "target", "clip-peer")


def signs():
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, hidden = {}, 0
    for b in range(256):
        if b in seen:
            table[b] = chr(b)
        else:
            table[b], hidden = chr(256 + hidden), hidden + 1
    return table


def vocabulary(to):
    """clippie's copy of OpenAI's vocabulary, as vocab.json and merges.txt."""
    from clippie import tokeniser

    table, end = signs(), b"</w>"

    def text(token):
        if token in (tokeniser.START_OF_TEXT_SENTINEL, tokeniser.END_OF_TEXT_SENTINEL):
            return token.decode()
        word, tail = (token[:-4], "</w>") if token.endswith(end) else (token, "")
        return "".join(table[b] for b in word) + tail

    json.dump({text(t): i for i, t in enumerate(tokeniser.VOCAB)}, open(os.path.join(to, "vocab.json"), "w"))
    with open(os.path.join(to, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n")
        f.writelines(f"{text(a)} {text(b)}\n" for a, b in tokeniser.BPE_MERGE_LIST)
    return len(tokeniser.VOCAB)


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--captions", required=True, help="a CSV file with a column caption")
    about.add_argument("--photos", required=True, help="a folder of photographs")
    about.add_argument("--mispair", default=os.path.join(ROOT, "target", "release", "mispair"))
    args = about.parse_args()
    venvs.enter(*PEERS, name="encode-venv")
    import numpy as np
    from clippie import model as m
    from clippie import tokeniser
    from PIL import Image
    from safetensors.numpy import save_file

    os.makedirs(OUT, exist_ok=True)
    rng = np.random.default_rng(3)
    words = vocabulary(OUT)
    tensors = {}

    def new(name, *shape, scale=None, add=0.0):
        # So that every layer's output is about as large as its input, and vectors of different things point elsewhere.
        scale = scale if scale is not None else 1 / np.sqrt(shape[-1])
        tensors[name] = (rng.standard_normal(shape, dtype=np.float32) * np.float32(scale) + np.float32(add)).astype(np.float32)
        return tensors[name]

    def norm(name, width):
        return m.LayerNormalisationWeights(new(name + ".weight", width, scale=0.1, add=1), new(name + ".bias", width, scale=0.1), 1e-5)

    def blocks(prefix, width, heads, causal):
        out = []
        for i in range(12):
            at = f"{prefix}.{i}"
            parts = [f"{at}.self_attn.{p}_proj" for p in "qkv"]
            w = np.concatenate([new(p + ".weight", width, width) for p in parts]).T
            b = np.concatenate([new(p + ".bias", width, scale=0.1) for p in parts])
            out.append(
                m.ResidualAttentionBlockWeights(
                    norm(at + ".layer_norm1", width), heads, w, b,
                    new(at + ".self_attn.out_proj.weight", width, width).T, new(at + ".self_attn.out_proj.bias", width, scale=0.1), causal,
                    norm(at + ".layer_norm2", width),
                    new(at + ".mlp.fc1.weight", 4 * width, width).T, new(at + ".mlp.fc1.bias", 4 * width, scale=0.1),
                    new(at + ".mlp.fc2.weight", width, 4 * width).T, new(at + ".mlp.fc2.bias", width, scale=0.1),
                )
            )
        return out

    text = m.TextEncoderWeights(
        new("text_model.embeddings.token_embedding.weight", words, 512, scale=0.5),
        new("text_model.embeddings.position_embedding.weight", 77, 512, scale=0.1),
        blocks("text_model.encoder.layers", 512, 8, True), norm("text_model.final_layer_norm", 512),
        new("text_projection.weight", 512, 512).T,
    )
    patch = new("vision_model.embeddings.patch_embedding.weight", 768, 3, 32, 32, scale=0.02)
    image = m.ImageEncoderWeights(
        patch.transpose(0, 2, 3, 1), new("vision_model.embeddings.class_embedding", 768, scale=0.5),
        new("vision_model.embeddings.position_embedding.weight", 50, 768, scale=0.1), norm("vision_model.pre_layrnorm", 768),
        blocks("vision_model.encoder.layers", 768, 12, False), norm("vision_model.post_layernorm", 768),
        new("visual_projection.weight", 512, 768).T,
    )
    save_file(tensors, os.path.join(OUT, "model.safetensors"))
    json.dump({"model_type": "clip", "projection_dim": 512, "text_config": {}, "vision_config": {}}, open(os.path.join(OUT, "config.json"), "w"))

    rows = [row["caption"] for row in csv.DictReader(open(args.captions, newline=""))]
    chosen = [c for c in rows[:: max(1, len(rows) // 130)] if len(list(tokeniser.encode(c))) <= 75][:120]
    vectors = {c: m.encode_text(c, text) for c in chosen}
    tokens = lambda c: [49406, *tokeniser.encode(c), 49407]
    cut = lambda t: t if len(t) <= 77 else [*t[:76], 49407]
    reference = {"texts": [{"text": c, "tokens": cut(tokens(c))} | ({"vector": vectors[c].tolist()} if c in vectors else {}) for c in rows], "images": []}
    lossless = {"images": []}
    names = sorted(n for n in os.listdir(args.photos) if n.lower().endswith((".jpg", ".jpeg", ".png")))
    for name in names[:: max(1, len(names) // 60)][:60]:
        path = os.path.abspath(os.path.join(args.photos, name))
        whole = Image.open(path).convert("RGB")
        w, h = whole.size
        size = (224, 224 * h // w) if w <= h else (224 * w // h, 224)
        photo = whole.resize(size, Image.Resampling.BICUBIC)
        left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
        v = m.encode_image(photo.crop((left, top, left + 224, top + 224)), image)
        reference["images"].append({"path": path, "vector": v.tolist()})
        png = os.path.join(OUT, f"{len(lossless['images'])}.png")
        whole.save(png)
        lossless["images"].append({"path": png, "vector": v.tolist()})
    for name, made in (("reference", reference), ("lossless", lossless)):
        json.dump(made, open(os.path.join(OUT, f"{name}.json"), "w"))
    for kind, made in (("texts", np.array(list(vectors.values()))), ("images", np.array([i["vector"] for i in reference["images"]]))):
        unit = made / np.linalg.norm(made, axis=1, keepdims=True)
        apart = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
        print(f"{len(unit)} {kind}: cosines between different ones {apart.min():.3f} to {apart.max():.3f}", flush=True)
    for name in ("reference", "lossless"):
        print(f"{name}.json", flush=True)
        subprocess.check_call([args.mispair, "doctor", "--model", OUT, "--reference", os.path.join(OUT, f"{name}.json")])


main()
