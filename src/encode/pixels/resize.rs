//! Resampling as Pillow does it (`Image.resize(size, BICUBIC)`): the same integers, so the same pixels.
//!
//! Both passes, columns then rows, weigh with whole numbers of 22 bits behind the point and round to 8 bits; when an image
//! gets smaller, the kernel gets as much wider (antialiasing). CLIP was trained on images that were made so.

use super::Pixels;

/// Bits behind the point of a weight.
const BITS: u32 = 32 - 8 - 2;
/// How far the cubic kernel reaches.
const SUPPORT: f64 = 2.0;

/// Keys' cubic with a = −0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// For every place of the output: the first place of the input that counts, and the weights from there on.
fn weights(from: usize, to: usize) -> Vec<(usize, Vec<i32>)> {
    let scale = from as f64 / to as f64;
    let filter = scale.max(1.0);
    let support = SUPPORT * filter;
    (0..to)
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            // Truncation towards zero, as in C.
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let exact: Vec<f64> = (first..end).map(|x| bicubic((x as f64 - centre + 0.5) * (1.0 / filter))).collect();
            // One after the other, as it adds them.
            let total: f64 = exact.iter().sum();
            let whole = |w: &f64| {
                let w = if total != 0.0 { w / total } else { *w } * f64::from(1 << BITS);
                (if w < 0.0 { w - 0.5 } else { w + 0.5 }) as i32
            };
            (first, exact.iter().map(whole).collect())
        })
        .collect()
}

fn clip(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// To another size, each side at least 1; an image of no pixels stays one.
pub fn resize(image: &Pixels, width: usize, height: usize) -> Pixels {
    let mut out = image.clone();
    if width != image.width && image.width > 0 {
        let columns = weights(image.width, width);
        let mut rgb = Vec::with_capacity(3 * width * image.height);
        for row in image.rgb.chunks_exact(3 * image.width) {
            for (first, weights) in &columns {
                let mut sums = [1 << (BITS - 1); 3];
                for (pixel, weight) in row[3 * first..].as_chunks::<3>().0.iter().zip(weights) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += i32::from(*x) * weight);
                }
                rgb.extend(sums.map(clip));
            }
        }
        out = Pixels { width, height: image.height, rgb };
    }
    if height != image.height && image.height > 0 {
        let line = 3 * out.width;
        let mut rgb = Vec::with_capacity(line * height);
        let mut sums = vec![0; line];
        for (first, weights) in weights(image.height, height) {
            sums.fill(1 << (BITS - 1));
            for (row, weight) in out.rgb[first * line..].chunks_exact(line.max(1)).zip(&weights) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += i32::from(*x) * weight);
            }
            rgb.extend(sums.iter().map(|sum| clip(*sum)));
        }
        out = Pixels { width: out.width, height, rgb };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_image_stays_flat() {
        let flat = Pixels { width: 37, height: 11, rgb: [9, 200, 255].repeat(37 * 11) };
        for (width, height) in [(37, 11), (5, 3), (80, 64), (1, 1), (37, 2)] {
            let out = resize(&flat, width, height);
            assert_eq!(out, Pixels { width, height, rgb: [9, 200, 255].repeat(width * height) });
        }
    }
}
