//! As much PNG as a drawing in few colours needs: one byte a pixel, a palette, no filters.

use miniz_oxide::deflate::compress_to_vec_zlib;

/// An image of `width` pixels a row, each a number of the palette; at most 256 colours.
pub(super) fn indexed(width: u32, pixels: &[u8], palette: &[[u8; 3]]) -> Vec<u8> {
    let rows = pixels.chunks_exact(width.max(1) as usize);
    let mut head = Vec::from(width.to_be_bytes());
    head.extend((rows.len() as u32).to_be_bytes());
    // Eight bits of a palette; deflate, no interlace.
    head.extend([8, 3, 0, 0, 0]);
    let mut lines = Vec::with_capacity(pixels.len() + rows.len());
    for row in rows {
        lines.push(0);
        lines.extend_from_slice(row);
    }
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, *b"IHDR", &head);
    chunk(&mut out, *b"PLTE", palette.as_flattened());
    chunk(&mut out, *b"IDAT", &compress_to_vec_zlib(&lines, 6));
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let begin = out.len();
    out.extend(kind);
    out.extend_from_slice(data);
    let sum = crc(&out[begin..]);
    out.extend(sum.to_be_bytes());
}

/// CRC-32 as PNG counts it. A drawing has a few hundred bytes: no table is worth its while.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |s, _| if s & 1 == 1 { 0xEDB8_8320 ^ (s >> 1) } else { s >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::inflate::decompress_to_vec_zlib;

    #[test]
    fn chunks_and_pixels() {
        assert_eq!(crc(b"IEND"), 0xAE42_6082);
        let png = indexed(2, &[0, 1, 1, 0], &[[1, 2, 3], [4, 5, 6]]);
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x02\x08\x03\0\0\0"));
        assert!(png.ends_with(b"\0\0\0\0IEND\xAE\x42\x60\x82"));
        let at = png.windows(4).position(|w| w == b"IDAT").unwrap();
        let length = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
        let lines = decompress_to_vec_zlib(&png[at + 4..at + 4 + length]).unwrap();
        assert_eq!(lines, [0, 0, 1, 0, 1, 0]);
    }
}
