//! Files of images → RGB of 8 bits, as `Image.open(path).convert("RGB")` in Pillow: grey is spread, an alpha channel is dropped,
//! no colour profile is applied, and nothing is turned round by what a camera noted down.

use super::Pixels;
use jpeg_decoder::PixelFormat;
use std::io::Cursor;
use std::path::Path;
use thiserror::Error;
/// More pixels than any news photograph has, and no more than fit 512 MiB.
const MAX_PIXELS: usize = 178_956_970;

/// Why a file is no image.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Another format, or none.
    #[error("neither JPEG nor PNG nor WebP by its first bytes; convert it")]
    Format,
    /// A damaged file.
    #[error("not a whole {0} image: {1}")]
    Broken(&'static str, String),
    /// A bomb.
    #[error("{width} × {height} pixels; at most {most} are read")]
    TooLarge {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// As many as are read.
        most: usize,
    },
}

/// Does the name look like an image that can be read?
pub fn is_image_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|e| ["jpg", "jpeg", "jpe", "png", "webp"].contains(&e.as_str()))
}

enum Format {
    Jpeg,
    Png,
    Webp,
}

fn format(head: &[u8]) -> Option<Format> {
    match head {
        [0xFF, 0xD8, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Some(Format::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        _ => None,
    }
}

/// Do a file's first 12 bytes say that it is an image that can be read?
pub fn is_image(head: &[u8]) -> bool {
    format(head).is_some()
}

/// Decodes a file by its first bytes, whatever its name.
///
/// # Errors
/// Another format, damage, too many pixels.
pub fn decode(bytes: &[u8]) -> Result<Pixels, DecodeError> {
    decode_within(bytes, MAX_PIXELS)
}

/// The same of at most so many pixels: for images that strangers send.
///
/// # Errors
/// Another format, damage, too many pixels.
pub fn decode_within(bytes: &[u8], most: usize) -> Result<Pixels, DecodeError> {
    match format(bytes).ok_or(DecodeError::Format)? {
        Format::Jpeg => jpeg(bytes, most),
        Format::Png => png(bytes, most),
        Format::Webp => webp(bytes, most),
    }
}

fn checked(width: usize, height: usize, most: usize) -> Result<(usize, usize), DecodeError> {
    match width.checked_mul(height) {
        Some(pixels) if pixels > 0 && pixels <= most.min(MAX_PIXELS) => Ok((width, height)),
        _ => Err(DecodeError::TooLarge { width, height, most }),
    }
}

/// Cameras and programs write a dozen scans at most. Each is one pass over the whole picture, for a few bytes of file: thousands would
/// take minutes.
const MOST_SCANS: usize = 100;

fn jpeg(bytes: &[u8], most: usize) -> Result<Pixels, DecodeError> {
    let broken = |e: &dyn std::fmt::Display| DecodeError::Broken("JPEG", e.to_string());
    // Within a scan 0xFF stands before 0 or a restart alone.
    if bytes.windows(2).filter(|pair| *pair == [0xFF, 0xDA]).count() > MOST_SCANS {
        return Err(broken(&format!("more than {MOST_SCANS} scans")));
    }
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.read_info().map_err(|e| broken(&e))?;
    let info = decoder.info().ok_or_else(|| broken(&"no dimensions"))?;
    let (width, height) = checked(usize::from(info.width), usize::from(info.height), most)?;
    let raw = decoder.decode().map_err(|e| broken(&e))?;
    let rgb = match info.pixel_format {
        PixelFormat::RGB24 => raw,
        PixelFormat::L8 => raw.iter().flat_map(|x| [*x; 3]).collect(),
        PixelFormat::L16 => {
            raw.as_chunks::<2>().0.iter().flat_map(|x| [u16::from_ne_bytes(*x).to_be_bytes()[0]; 3]).collect()
        }
        PixelFormat::CMYK32 => raw.as_chunks::<4>().0.iter().flat_map(|p| inks(*p)).collect(),
    };
    whole("JPEG", width, height, rgb)
}

/// What is left of white behind three inks and black, in Pillow's whole numbers.
fn inks([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - black;
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(ink) * u32::from(light) + 128;
        // product / 255, rounded: below 256.
        light.saturating_sub((((product >> 8) + product) >> 8) as u8)
    })
}

fn png(bytes: &[u8], most: usize) -> Result<Pixels, DecodeError> {
    let broken = |e: png::DecodingError| DecodeError::Broken("PNG", e.to_string());
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(broken)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    checked(width, height, most)?;
    let size = reader.output_buffer_size().ok_or(DecodeError::TooLarge { width, height, most })?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(broken)?;
    buffer.truncate(frame.buffer_size());
    let rgb = match frame.color_type {
        png::ColorType::Rgb => buffer,
        png::ColorType::Rgba => buffer.as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect(),
        png::ColorType::Grayscale => buffer.iter().flat_map(|x| [*x; 3]).collect(),
        png::ColorType::GrayscaleAlpha => buffer.as_chunks::<2>().0.iter().flat_map(|p| [p[0]; 3]).collect(),
        png::ColorType::Indexed => return Err(DecodeError::Broken("PNG", "a palette that was not looked up".into())),
    };
    whole("PNG", width, height, rgb)
}

fn webp(bytes: &[u8], most: usize) -> Result<Pixels, DecodeError> {
    let broken = |e: image_webp::DecodingError| DecodeError::Broken("WebP", e.to_string());
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = checked(width as usize, height as usize, most)?;
    let size = decoder.output_buffer_size().ok_or(DecodeError::TooLarge { width, height, most })?;
    let mut buffer = vec![0; size];
    decoder.read_image(&mut buffer).map_err(broken)?;
    let rgb = match decoder.has_alpha() {
        true => buffer.as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect(),
        false => buffer,
    };
    whole("WebP", width, height, rgb)
}

fn whole(format: &'static str, width: usize, height: usize, rgb: Vec<u8>) -> Result<Pixels, DecodeError> {
    if rgb.len() != 3 * width * height {
        return Err(DecodeError::Broken(format, format!("{} bytes for {width} × {height} pixels", rgb.len())));
    }
    Ok(Pixels { width, height, rgb })
}
