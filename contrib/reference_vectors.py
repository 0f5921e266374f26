#!/usr/bin/env python3
"""What a model's own software makes of some captions and photographs, for `mispair doctor` to compare.

    pip install torch transformers pillow
    python3 contrib/reference_vectors.py MODEL --captions captions.csv [--column caption] [--photos DIR] [--most 100] --out reference.json
    mispair doctor --model MODEL --reference reference.json

MODEL: a folder as a hub holds it: CLIP, or a sentence encoder of BERT's kind (the mean of its last rows, or the first where its
pooling says so). Vectors are written as they come; lengths do not matter to a cosine. Photographs are prepared by Pillow: shortest side to
the model's, bicubic, centre.
"""
import argparse, csv, json, os
from pathlib import Path


def chosen(all, most):
    return all[:: max(1, -(-len(all) // max(1, most)))]


def tokens(tokenizer, text, longest):
    return tokenizer(text, truncation=True, max_length=longest)["input_ids"]


def seen(path, side):
    """RGB of 8 bits, side × side × 3."""
    import numpy as np
    from PIL import Image

    image = Image.open(path).convert("RGB")
    width, height = image.size
    size = (side, side * height // width) if width <= height else (side * width // height, side)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC).crop((left, top, left + side, top + side)))


def clip(folder, texts, photos):
    import torch
    from transformers import AutoTokenizer, CLIPModel

    model, tokenizer = CLIPModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    file = folder / "preprocessor_config.json"
    said = json.loads(file.read_text()) if file.exists() else {}
    mean = torch.tensor(said.get("image_mean", [0.48145466, 0.4578275, 0.40821073]))
    std = torch.tensor(said.get("image_std", [0.26862954, 0.26130258, 0.27577711]))
    for text in texts:
        ids = tokens(tokenizer, text, model.config.text_config.max_position_embeddings)
        rows = model.text_projection(model.text_model(input_ids=torch.tensor([ids])).pooler_output)
        yield "texts", {"text": text, "tokens": ids, "vector": rows[0].tolist()}
    for path in photos:
        pixels = torch.tensor(seen(path, model.config.vision_config.image_size))
        planes = ((pixels.float() / 255 - mean) / std).permute(2, 0, 1)
        rows = model.visual_projection(model.vision_model(pixel_values=planes[None]).pooler_output)
        yield "images", {"path": os.path.abspath(path), "vector": rows[0].tolist()}


def sentences(folder, texts):
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    said = lambda name: json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    others = {m["type"].rsplit(".", 1)[-1] for m in said("modules.json") or []} - {"Transformer", "Pooling", "Normalize"}
    if others:
        raise SystemExit(f"{folder}: {', '.join(sorted(others))} is not followed here; let sentence-transformers make the vectors")
    longest = said("sentence_bert_config.json").get("max_seq_length") or model.config.max_position_embeddings
    pooling = said("1_Pooling/config.json")
    first = pooling.get("pooling_mode_cls_token", False) or pooling.get("pooling_mode") == "cls"
    for text in texts:
        ids = tokens(tokenizer, text, min(longest, model.config.max_position_embeddings))
        rows = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        yield "texts", {"text": text, "tokens": ids, "vector": (rows[0] if first else rows.mean(0)).tolist()}


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("model", type=Path, metavar="MODEL")
    about.add_argument("--captions", type=Path, required=True, help="a CSV file")
    about.add_argument("--column", default="caption")
    about.add_argument("--photos", type=Path, help="a folder of photographs; for CLIP")
    about.add_argument("--most", type=int, default=100, help="of each, evenly from all")
    about.add_argument("--out", type=Path, required=True)
    args = about.parse_args()
    import torch

    with open(args.captions, newline="", encoding="utf-8") as file:
        texts = chosen([row[args.column] for row in csv.DictReader(file)], args.most)
    names = (".jpg", ".jpeg", ".png", ".webp")
    photos = sorted(p for p in args.photos.rglob("*") if p.suffix.lower() in names) if args.photos else []
    kind = json.loads((args.model / "config.json").read_text()).get("model_type")
    if photos and kind != "clip":
        raise SystemExit(f"{args.model}: a model of kind {kind} sees no photographs; leave out --photos")
    reference = {"texts": [], "images": []}
    with torch.no_grad():
        made = clip(args.model, texts, chosen(photos, args.most)) if kind == "clip" else sentences(args.model, texts)
        for where, entry in made:
            reference[where].append(entry)
    args.out.write_text(json.dumps(reference) + "\n")
    print(f"{args.out}: {len(reference['texts'])} texts, {len(reference['images'])} images")


if __name__ == "__main__":
    main()
