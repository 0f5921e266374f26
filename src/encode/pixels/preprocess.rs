//! What the image tower sees of an image.

use super::{Pixels, resize};
use serde_json::Value;

/// How images are cut and scaled: preprocessor_config.json, or OpenAI's way.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    /// Pixels of the shortest side after resizing; `None`: both sides become `side`, whatever the shape.
    shortest: Option<usize>,
    /// Pixels of both sides of what is seen.
    side: usize,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Preprocess {
    /// Reads the settings (null: none) for a tower that sees `side` × `side` pixels.
    ///
    /// # Errors
    /// Settings that make something else than that, or ask for another way of resampling.
    pub fn read(settings: &Value, side: usize) -> Result<Preprocess, String> {
        let colours = |key: &str, default: [f32; 3]| match settings.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Array(three)) if three.len() == 3 && three.iter().all(Value::is_number) => {
                Ok([0, 1, 2].map(|i| three[i].as_f64().unwrap_or_default() as f32))
            }
            Some(other) => Err(format!("\"{key}\" is {other}, expected three numbers")),
        };
        let mean = colours("image_mean", [0.481_454_66, 0.457_827_5, 0.408_210_73])?;
        let std = colours("image_std", [0.268_629_54, 0.261_302_6, 0.275_777_1])?;
        if std.iter().any(|s| *s <= 0.0) {
            return Err("\"image_std\" must be above 0".to_owned());
        }
        if let Some(way) = settings.get("resample").and_then(Value::as_u64).filter(|way| *way != 3) {
            return Err(format!("\"resample\" is {way}; bicubic (3) is done here"));
        }
        let off = |key: &str| settings.get(key).and_then(Value::as_bool) == Some(false);
        if let Some(key) = ["do_resize", "do_normalize", "do_rescale"].into_iter().find(|key| off(key)) {
            return Err(format!("\"{key}\" is false; CLIP's towers are fed resized, rescaled, normalised images here"));
        }
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let size = settings.get("size").unwrap_or(&Value::Null);
        let shortest = match size {
            Value::Null => Some(side),
            Value::Number(_) => number(size),
            Value::Object(sides) => match (sides.get("shortest_edge"), sides.get("height"), sides.get("width")) {
                (Some(short), ..) => number(short),
                (None, Some(height), Some(width)) if number(height) == Some(side) && height == width => None,
                _ => return Err(format!("\"size\" is {size}, the tower sees {side} × {side}")),
            },
            other => return Err(format!("\"size\" is {other}")),
        };
        match shortest {
            Some(shortest) if shortest < side => Err(format!("\"size\" is {size}, the tower sees {side} × {side}")),
            shortest => Ok(Preprocess { shortest, side, mean, std }),
        }
    }

    /// The pixels that are seen: `side` × `side`.
    pub fn cut(&self, image: &Pixels) -> Pixels {
        let (width, height) = (image.width.max(1), image.height.max(1));
        let (to_width, to_height) = match self.shortest {
            None => (self.side, self.side),
            // The longer side is cut off, not rounded, to whole pixels.
            Some(short) if width <= height => (short, (short * height / width).max(short)),
            Some(short) => ((short * width / height).max(short), short),
        };
        let resized = resize(image, to_width, to_height);
        let (left, top) = ((to_width - self.side) / 2, (to_height - self.side) / 2);
        let rows = resized.rgb.chunks_exact(3 * to_width).skip(top).take(self.side);
        let rgb = rows.flat_map(|row| &row[3 * left..3 * (left + self.side)]).copied().collect();
        Pixels { width: self.side, height: self.side, rgb }
    }

    /// Three planes of `side` × `side` numbers: red, green, blue.
    pub fn apply(&self, image: &Pixels) -> Vec<f32> {
        let seen = self.cut(image);
        let plane = |colour: usize| {
            let (mean, std) = (self.mean[colour], self.std[colour]);
            seen.rgb.iter().skip(colour).step_by(3).map(move |&x| (f32::from(x) / 255.0 - mean) / std)
        };
        (0..3).flat_map(plane).collect()
    }
}
