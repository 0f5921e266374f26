//! The fear: an encoder that is nearly right, whose vectors look like vectors and find the wrong pictures. So two tiny models with
//! random weights were run through transformers, tokenizers and Pillow (`fixtures/make_models.py`); tokens and pixels must be
//! equal, vectors as near as `f32` allows. Broken models are refused in words.

use mispair::encode::open;
use mispair::encode::pixels::{DecodeError, Pixels, Preprocess, decode, resize};
use mispair::encode::tokens::Tokenizer;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models")
}

fn reference(model: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(models().join(model).join("reference.json")).unwrap()).unwrap()
}

fn numbers(of: &Value) -> Vec<f32> {
    of.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn tokens_are_those_of_the_models_own_software() {
    for model in ["clip", "bert"] {
        let dir = models().join(model);
        let tokenizer = if model == "clip" { Tokenizer::clip(&dir, 20) } else { Tokenizer::bert(&dir, 20) }.unwrap();
        for text in reference(model)["texts"].as_array().unwrap() {
            let want: Vec<u32> =
                text["tokens"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as u32).collect();
            let (got, cut) = tokenizer.tokens(text["text"].as_str().unwrap());
            assert_eq!(got, want, "{model}: {}", text["text"]);
            assert!(!cut || got.len() == 20);
        }
        assert!(tokenizer.tokens(&"word ".repeat(60)).1 && !tokenizer.tokens("a dog").1);
    }
}

#[test]
fn vectors_are_those_of_the_models_own_software() {
    for model in ["clip", "bert"] {
        let encoder = open(&models().join(model)).unwrap();
        let (reference, width) = (reference(model), encoder.identity().width);
        let texts = reference["texts"].as_array().unwrap();
        let given: Vec<&str> = texts.iter().map(|t| t["text"].as_str().unwrap()).collect();
        let rows = encoder.texts(&given).unwrap();
        assert_eq!(rows.len(), given.len() * width);
        let mut apart = 1.0f64;
        for (row, text) in rows.chunks(width).zip(texts) {
            let got = cosine(row, &numbers(&text["vector"]));
            assert!(got > 0.99999, "{model}: {got} for {}", text["text"]);
            apart = apart.min(cosine(row, &rows[..width]));
        }
        assert!(apart < 0.9, "{model}: its vectors are all alike, which proves nothing");
        // A vector does not depend on its company.
        let alone: Vec<f32> = given.iter().flat_map(|t| encoder.texts(&[t]).unwrap()).collect();
        assert_eq!(alone, rows);
    }
}

#[test]
fn images_are_seen_as_pillow_shows_them() {
    let encoder = open(&models().join("clip")).unwrap();
    let preprocess = Preprocess::read(&Value::Null, 32).unwrap();
    let mut rows = Vec::new();
    for image in reference("clip")["images"].as_array().unwrap() {
        let path = models().join("clip").join(image["path"].as_str().unwrap());
        let pixels = decode(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((pixels.width, pixels.height), (61, 43));
        let seen = preprocess.cut(&pixels);
        let want: Vec<u8> = image["pixels"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u8).collect();
        let worst = seen.rgb.iter().zip(&want).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        // Decoders of JPEG may round another way; everything after them may not.
        let lossy = path.extension().is_some_and(|e| e == "jpg");
        assert!(worst <= if lossy { 2 } else { 0 }, "{}: {worst}", path.display());
        let row = encoder.images(&[pixels]).unwrap();
        let got = cosine(&row, &numbers(&image["vector"]));
        assert!(got > if lossy { 0.9999 } else { 0.99999 }, "{}: {got}", path.display());
        rows.push(row);
    }
    assert!(encoder.reads_images() && rows.len() == 6);
    // Four inks, as printers' files have them, are the same picture but for what the format loses.
    let [plain, inks] = ["photo.png", "cmyk.jpg"].map(|name| decode(&fs::read(models().join(name)).unwrap()).unwrap());
    let apart: u32 = plain.rgb.iter().zip(&inks.rgb).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    assert!(apart < 4 * plain.rgb.len() as u32, "{apart} over {} numbers", plain.rgb.len());
    let bert = open(&models().join("bert")).unwrap();
    let none = bert.images(&[Pixels { width: 1, height: 1, rgb: vec![0; 3] }]).unwrap_err().to_string();
    assert!(none.contains("reads no images"), "{none}");
}

/// A folder with a model's files, some of them changed.
fn changed(model: &str, file: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
    let dir = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "modules.json"] {
        if let Ok(bytes) = fs::read(models().join(model).join(name)) {
            let bytes = if name == file { change(bytes) } else { bytes };
            fs::write(dir.path().join(name), bytes).unwrap();
        }
    }
    open(dir.path()).map_or_else(|e| e.to_string(), |m| m.identity().to_string())
}

fn with(model: &str, file: &str, path: &[&str], value: Value) -> String {
    changed(model, file, |bytes| {
        let mut json: Value = serde_json::from_slice(&bytes).unwrap();
        let mut at = &mut json;
        for key in path {
            at = &mut at[*key];
        }
        *at = value.clone();
        serde_json::to_vec(&json).unwrap()
    })
}

#[test]
fn broken_models_are_refused_in_words() {
    for (said, words) in [
        (with("clip", "config.json", &["model_type"], json!("t5")), "model_type \"t5\""),
        (with("clip", "config.json", &["text_config", "hidden_size"], json!(40)), "multiples of 16"),
        (with("clip", "config.json", &["text_config", "hidden_size"], json!(64)), "has shape"),
        (with("clip", "config.json", &["text_config", "num_attention_heads"], json!(5)), "do not divide"),
        (
            with("clip", "config.json", &["text_config", "num_hidden_layers"], json!(3)),
            "no tensor \"text_model.encoder.layers.2",
        ),
        (with("clip", "config.json", &["text_config", "hidden_act"], json!("swish")), "\"hidden_act\" is \"swish\""),
        (with("clip", "config.json", &["vision_config", "patch_size"], json!(0)), "\"patch_size\" is 0"),
        (with("clip", "tokenizer.json", &["model", "end_of_word_suffix"], json!(null)), "end_of_word_suffix"),
        (with("bert", "config.json", &["hidden_size"], json!(null)), "\"hidden_size\" is null"),
        (with("bert", "tokenizer.json", &["normalizer"], json!(null)), "BertNormalizer"),
        (with("bert", "modules.json", &[], json!([{"type": "sentence_transformers.models.Dense"}])), "Dense"),
        (changed("bert", "config.json", |_| b"{".to_vec()), "EOF"),
        (changed("bert", "model.safetensors", |b| b[..b.len() - 9].to_vec()), "not a whole safetensors file"),
        (changed("bert", "model.safetensors", |_| vec![255; 64]), "not a whole safetensors file"),
        (changed("bert", "model.safetensors", |_| Vec::new()), "0 bytes"),
    ] {
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
    let nothing = tempfile::tempdir().unwrap();
    let said = open(nothing.path()).err().unwrap().to_string();
    assert!(said.contains("no config.json"), "{said}");
    fs::copy(models().join("bert/config.json"), nothing.path().join("config.json")).unwrap();
    let said = open(nothing.path()).err().unwrap().to_string();
    assert!(said.contains("no model.safetensors"), "{said}");
}

/// A file of f32 tensors.
fn safetensors(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let (mut header, mut numbers) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let begin = numbers.len();
        numbers.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        header
            .insert((*name).into(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, numbers.len()] }));
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat()
}

/// sentence-transformers' Dense: the same by hand.
#[test]
fn layers_behind_the_pooling() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "sentence_bert_config.json"] {
        fs::copy(models().join("bert").join(name), dir.path().join(name)).unwrap();
    }
    let plain = open(dir.path()).unwrap();
    let rows = plain.texts(&["the dog runs"]).unwrap();
    fs::create_dir(dir.path().join("3_Dense")).unwrap();
    let weight: Vec<f32> = (0..16 * 32).map(|i| ((i * 7 % 13) as f32 - 6.0) / 10.0).collect();
    let bias: Vec<f32> = (0..16).map(|i| i as f32 / 20.0 - 0.4).collect();
    let file = safetensors(&[("linear.weight", &[16, 32], &weight), ("linear.bias", &[16], &bias)]);
    fs::write(dir.path().join("3_Dense/model.safetensors"), file).unwrap();
    let module =
        |kind: &str, path: &str| json!({ "type": format!("sentence_transformers.models.{kind}"), "path": path });
    let modules =
        |last: &str| json!([module("Transformer", ""), module("Normalize", "2_Normalize"), module("Dense", last)]);
    let config = |to: usize, activation: &str, bias: bool| {
        let config = json!({ "in_features": 32, "out_features": to, "bias": bias,
            "activation_function": format!("torch.nn.modules.{activation}") });
        fs::write(dir.path().join("3_Dense/config.json"), config.to_string()).unwrap();
    };
    fs::write(dir.path().join("modules.json"), modules("3_Dense").to_string()).unwrap();
    let mut hashes = vec![plain.identity().hash];
    for (activation, with_bias) in [("linear.Identity", true), ("activation.Tanh", true), ("linear.Identity", false)] {
        config(16, activation, with_bias);
        let model = open(dir.path()).unwrap();
        assert_eq!(model.identity().width, 16);
        hashes.push(model.identity().hash);
        let out = |j: usize| {
            let sum: f64 = (0..32).map(|i| f64::from(weight[j * 32 + i]) * f64::from(rows[i])).sum();
            let y = sum + if with_bias { f64::from(bias[j]) } else { 0.0 };
            if activation.ends_with("Tanh") { y.tanh() } else { y }
        };
        let want: Vec<f64> = (0..16).map(out).collect();
        let length = want.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (got, want) in model.texts(&["the dog runs"]).unwrap().iter().zip(want) {
            assert!((f64::from(*got) - want / length).abs() < 1e-5, "{activation}");
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4, "each is an encoder of its own");
    let said = || open(dir.path()).err().unwrap().to_string();
    config(16, "activation.ReLU", true);
    assert!(said().contains("ReLU"), "{}", said());
    config(48, "linear.Identity", true);
    assert!(said().contains("has shape [16"), "{}", said());
    fs::write(dir.path().join("modules.json"), modules("../3_Dense").to_string()).unwrap();
    assert!(said().contains("beside this file"), "{}", said());
}

#[test]
fn another_weight_is_another_identity() {
    let own = open(&models().join("bert")).unwrap().identity().clone();
    let changed = changed("bert", "model.safetensors", |mut bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    });
    let changed = mispair::encode::Identity::parse(&changed).unwrap();
    assert_eq!(changed.width, own.width);
    assert_ne!(changed.hash, own.hash);
    assert!(changed.check(&own.to_string()).is_err());
}

/// A picture that is gone over again and again, for a few bytes each time, would keep a thread busy for as long as its sender likes.
#[test]
fn scans_without_end() {
    let photo = fs::read(models().join("photo.jpg")).unwrap();
    let scan = photo.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let many = [&photo[..scan], &photo[scan..photo.len() - 2].repeat(101), &photo[photo.len() - 2..]].concat();
    let error = decode(&many).unwrap_err().to_string();
    assert_eq!(error, "not a whole JPEG image: more than 100 scans");
    assert!(decode(&photo).is_ok());
}

#[test]
fn damaged_images_are_refused() {
    for name in ["photo.jpg", "photo.png", "palette.png", "photo.webp", "grey.jpg", "cmyk.jpg"] {
        let whole = fs::read(models().join(name)).unwrap();
        for len in (0..whole.len()).step_by(7) {
            // Cut images are errors, but for the last bytes, behind the pixels.
            let cut = decode(&whole[..len]);
            assert!(cut.is_err() || len + 32 > whole.len(), "{name} cut to {len} of {}", whole.len());
            let mut flipped = whole.clone();
            flipped[len] ^= 1 << (len % 8);
            if let Ok(pixels) = decode(&flipped) {
                assert_eq!(pixels.rgb.len(), 3 * pixels.width * pixels.height);
            }
        }
    }
    assert_eq!(decode(b"GIF89a"), Err(DecodeError::Format));
    // A PNG that says it has 2^31 × 2^31 pixels.
    let mut bomb = fs::read(models().join("photo.png")).unwrap();
    bomb[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(decode(&bomb).is_err());
}

proptest! {
    /// Whatever the sizes: as many pixels as asked for, none brighter or darker than a kernel that overshoots a little may make it.
    #[test]
    fn resizing_any_size(width in 1usize..40, height in 1usize..40, to_width in 1usize..40, to_height in 1usize..40, seed: u64) {
        let rgb: Vec<u8> = (0..3 * width * height).map(|i| ((seed >> (i % 57)) & 63) as u8 + 96).collect();
        let out = resize(&Pixels { width, height, rgb }, to_width, to_height);
        prop_assert_eq!((out.width, out.height, out.rgb.len()), (to_width, to_height, 3 * to_width * to_height));
        prop_assert!(out.rgb.iter().all(|x| (72..=184).contains(x)));
    }

    /// No text panics, and every row of tokens begins, ends and is as long as it may be.
    #[test]
    fn any_text_has_tokens(text in "\\PC*|[\\x00-\\u{fff}]{0,80}") {
        for model in ["clip", "bert"] {
            let dir = models().join(model);
            let tokenizer = if model == "clip" { Tokenizer::clip(&dir, 20) } else { Tokenizer::bert(&dir, 20) }.unwrap();
            let (tokens, _) = tokenizer.tokens(&text);
            prop_assert!((2..=20).contains(&tokens.len()));
            prop_assert!(tokens.iter().all(|t| (*t as usize) < tokenizer.size()));
        }
    }
}
