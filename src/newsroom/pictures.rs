//! Drawings for the samples: simple scenes, so that a newsroom can be looked at in a browser.
//!
//! What is drawn is what the vectors stand for: topic and kind of scene give the place, the city its skyline, the country its
//! colours, and a person has the same face and clothes in every picture. A copied file is the same file, a crop is cut from
//! the first one's picture, a corrupted image breaks off. Files are PNG, whatever the published names end in.

use super::canvas::{Canvas, Rgb, mixed};
use super::chance::{Chance, Domain};
use super::facts::Entry;
use super::files::{create, in_file};
use super::world::{Event, Sample, Source, World};
use super::{Error, Newsroom, png};
use rayon::prelude::*;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const WIDTH: i32 = 216;
const HEIGHT: i32 = 144;
/// Where the ground begins.
const GROUND: i32 = 100;

const SKIES: [(Rgb, Rgb); 5] = [
    ([142, 190, 222], [226, 238, 244]),
    ([236, 176, 128], [250, 226, 196]),
    ([124, 148, 176], [206, 214, 220]),
    ([58, 74, 116], [150, 140, 172]),
    ([168, 204, 208], [240, 240, 226]),
];
const CLOTHES: [Rgb; 10] = [
    [178, 58, 52],
    [44, 92, 140],
    [52, 112, 82],
    [212, 160, 60],
    [92, 66, 118],
    [40, 46, 56],
    [200, 110, 60],
    [110, 140, 160],
    [150, 84, 110],
    [232, 228, 218],
];
const SKIN: [Rgb; 5] = [[244, 214, 186], [224, 180, 144], [190, 138, 102], [140, 96, 68], [98, 66, 48]];
const HAIR: [Rgb; 5] = [[40, 32, 30], [96, 62, 36], [198, 160, 92], [150, 148, 148], [120, 44, 30]];

/// Draws the pictures of a newsroom that was written into `dir` with the same settings; how many files.
///
/// `progress` is told `(samples done, samples in all)`, from any thread. Runs on the current rayon pool.
///
/// # Errors
/// [`Error::Write`]; files that are there already are not overwritten.
pub fn draw(dir: &Path, settings: &Newsroom, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<u64, Error> {
    let &Newsroom { samples, seed } = settings;
    let world = World::new(samples, seed);
    let root = dir.join("visual_news/origin");
    let (done, files) = (AtomicU64::new(0), AtomicU64::new(0));
    (0..samples).into_par_iter().try_for_each(|index| {
        let sample = world.sample(index);
        // The file is there already, or will be: it is the first one's.
        if sample.picture.source != Source::SamePath {
            let path = root.join(sample.image_path.trim_start_matches("./"));
            create(&path)?.write_all(&file(&world, &sample)).map_err(in_file(&path))?;
            files.fetch_add(1, Relaxed);
        }
        progress(done.fetch_add(1, Relaxed) + 1, u64::from(samples));
        Ok(())
    })?;
    Ok(files.into_inner())
}

/// The bytes of a sample's image.
fn file(world: &World, sample: &Sample) -> Vec<u8> {
    let picture = &sample.picture;
    let mut canvas = scene(&sample.event, &picture.persons, world.seeds.stream(Domain::Drawing, picture.root));
    if picture.source == Source::Crop {
        let mut chance = world.seeds.stream(Domain::Crop, sample.index);
        let (x, y) = (chance.below(54) as i32, chance.below(36) as i32);
        canvas = canvas.cut(x, y, WIDTH * 3 / 4, HEIGHT * 3 / 4);
    }
    let mut bytes = png::indexed(WIDTH as u32, &canvas.pixels, &canvas.palette);
    if Entry::of(world, sample).corrupted == Some(true) {
        bytes.truncate(bytes.len() / 4);
    }
    bytes
}

fn scene(event: &Event, persons: &[u32], mut chance: Chance) -> Canvas {
    let (high, low) = SKIES[(event.kind + chance.below(2) as usize * 2) % SKIES.len()];
    let mut canvas = Canvas::new(WIDTH, HEIGHT, high);
    for step in 0..10 {
        canvas.rect(0, step * 10, WIDTH, 10, mixed(high, low, step * 256 / 10));
    }
    place(&mut canvas, event, &mut chance);
    if persons.is_empty() {
        crowd(&mut canvas, 5 + chance.below(12) as i32, &mut chance);
    } else {
        crowd(&mut canvas, chance.below(5) as i32, &mut chance);
        let shift = chance.below(24) as i32 - 12;
        for (i, &person) in persons.iter().take(2).enumerate().rev() {
            let apart = if persons.len() > 1 { 38 * (2 * i as i32 - 1) } else { 0 };
            figure(&mut canvas, WIDTH / 2 + apart + shift, person);
        }
    }
    canvas
}

/// The place: by topic, the kind of scene turning it a little.
fn place(canvas: &mut Canvas, event: &Event, chance: &mut Chance) {
    let kind = event.kind as i32;
    let stone = mixed([214, 204, 188], [150, 160, 172], kind * 50);
    let dark = mixed(stone, [50, 54, 64], 120);
    let at = 20 + chance.below(60) as i32;
    match event.topic {
        // Politics: a hall with flags and a desk.
        0 => {
            canvas.rect(0, 0, WIDTH, GROUND, mixed([86, 64, 60], [60, 76, 104], kind * 60));
            for x in (0..WIDTH).step_by(24) {
                canvas.rect(x, 0, 2, GROUND, mixed([86, 64, 60], [30, 34, 46], 120));
            }
            for i in 0..3 {
                flag(canvas, at + i * 44, 18, event.country + i as usize * kind as usize);
            }
            canvas.rect(0, GROUND, WIDTH, HEIGHT, [112, 88, 72]);
            canvas.rect(78, 104, 60, 40, [140, 104, 70]);
        }
        // Law: a house with columns.
        1 => {
            skyline(canvas, event, 40, chance);
            canvas.rect(34, 46, 148, 60, stone);
            canvas.triangle([(26, 46), (190, 46), (108, 14 + kind * 3)], dark);
            for i in 0..(5 + kind) {
                canvas.rect(42 + i * 132 / (5 + kind), 50, 9, 54, mixed(stone, [255; 3], 130));
            }
            steps(canvas, stone);
        }
        // Business: towers, and a line that goes up or down.
        2 => {
            skyline(canvas, event, 76, chance);
            ground(canvas, [120, 124, 130]);
            let mut y = 70;
            for i in 0..8 {
                let next = (y + chance.below(26) as i32 - 12 - (kind - 2) * 2).clamp(16, 92);
                canvas.line((i * 27, y), (i * 27 + 27, next), 4, [240, 90, 70]);
                y = next;
            }
        }
        // Disaster: a house in water or smoke.
        3 => {
            skyline(canvas, event, 26, chance);
            for i in 0..5 {
                canvas.disc(at + 40 + i * 9, 50 - i * 10, 12 + i * 3, mixed([70, 70, 74], [170, 170, 172], i * 40));
            }
            canvas.rect(at, 62, 64, 46, [190, 150, 120]);
            canvas.triangle([(at - 8, 62), (at + 72, 62), (at + 32, 36)], [140, 70, 56]);
            let water = if kind % 2 == 0 { [84, 120, 140] } else { [134, 118, 96] };
            ground(canvas, water);
            for y in [108, 118, 130] {
                for x in (chance.below(20) as i32..WIDTH).step_by(34) {
                    canvas.oval(x, y, 12, 2, mixed(water, [255; 3], 90));
                }
            }
        }
        // Conflict: hills, a fence, a vehicle.
        4 => {
            hills(canvas, [128, 116, 88], chance);
            ground(canvas, [156, 138, 104]);
            for x in (0..WIDTH).step_by(22) {
                canvas.rect(x, 84, 3, 26, [70, 62, 52]);
            }
            for y in [88, 96, 104] {
                canvas.rect(0, y, WIDTH, 1, [70, 62, 52]);
            }
            vehicle(canvas, at + 60, [86, 94, 66]);
        }
        // Sport: stands and a field.
        5 => {
            canvas.rect(0, 44, WIDTH, 50, [96, 104, 118]);
            for y in (48..90).step_by(7) {
                for x in (0..WIDTH).step_by(6) {
                    let colour = CLOTHES[chance.below(10) as usize];
                    canvas.disc(x + y % 3, y, 2, colour);
                }
            }
            let grass = [[74, 142, 74], [184, 98, 62], [196, 90, 70], [140, 142, 146], [84, 150, 90]][event.kind];
            canvas.rect(0, 92, WIDTH, HEIGHT, grass);
            for x in (0..WIDTH).step_by(54) {
                canvas.rect(x, 92, 27, HEIGHT, mixed(grass, [255; 3], 22));
            }
            canvas.rect(0, 98, WIDTH, 2, [240, 240, 236]);
            canvas.oval(at + 60, 128, 46, 12, [240, 240, 236]);
            canvas.oval(at + 60, 128, 43, 10, grass);
        }
        // Arts: a stage with lights.
        6 => {
            canvas.rect(0, 0, WIDTH, HEIGHT, [38, 28, 44]);
            for i in 0..3 {
                let light = mixed([250, 226, 150], CLOTHES[(event.kind + i as usize) % 10], 110);
                let x = at + i * 52;
                canvas.triangle([(x, 0), (x - 34, 108), (x + 34, 108)], mixed([38, 28, 44], light, 130));
            }
            canvas.rect(0, 0, 20, 108, [132, 34, 44]);
            canvas.rect(WIDTH - 20, 0, 20, 108, [132, 34, 44]);
            canvas.rect(0, 108, WIDTH, 36, [96, 64, 48]);
        }
        // Environment: hills, trees, a wind wheel or ice.
        7 => {
            canvas.disc(at + 90, 30, 15, [252, 240, 200]);
            hills(
                canvas,
                [[106, 140, 108], [214, 226, 232], [92, 128, 84], [110, 150, 100], [96, 124, 128]][event.kind],
                chance,
            );
            ground(
                canvas,
                [[122, 156, 92], [232, 238, 240], [142, 160, 90], [100, 146, 86], [88, 136, 150]][event.kind],
            );
            for i in 0..6 {
                let x = chance.below(WIDTH as u32) as i32;
                match kind {
                    0 => {
                        canvas.rect(x, 40, 3, 66, [240; 3]);
                        canvas.triangle([(x + 1, 40), (x - 20, 28), (x - 18, 33)], [236; 3]);
                        canvas.triangle([(x + 1, 40), (x + 22, 30), (x + 20, 35)], [236; 3]);
                        canvas.triangle([(x - 2, 40), (x + 4, 40), (x + 1, 66)], [236; 3]);
                    }
                    1 => canvas.triangle([(x, 112), (x + 44, 112), (x + 18, 70 + i * 4)], [196, 216, 228]),
                    _ => {
                        canvas.rect(x, 92, 4, 18, [92, 68, 46]);
                        canvas.triangle([(x - 13, 98), (x + 17, 98), (x + 2, 58 + i * 3)], [52, 104, 70]);
                    }
                }
            }
        }
        // Health: a light house with a cross.
        8 => {
            skyline(canvas, event, 30, chance);
            canvas.rect(38, 30, 140, 76, [238, 240, 238]);
            for y in [40, 62, 84] {
                for x in (48..168).step_by(24) {
                    canvas.rect(x, y, 14, 12, mixed([150, 190, 206], [90, 130, 150], kind * 50));
                }
            }
            canvas.rect(92, 40, 32, 34, [238, 240, 238]);
            canvas.rect(103, 42, 10, 30, [200, 50, 48]);
            canvas.rect(93, 52, 30, 10, [200, 50, 48]);
            ground(canvas, [150, 160, 150]);
            vehicle(canvas, at + 70, [236, 236, 232]);
        }
        // Science: stars, a dome or a rocket.
        _ => {
            canvas.rect(0, 0, WIDTH, GROUND, [26, 32, 60]);
            for _ in 0..60 {
                let (x, y) = (chance.below(WIDTH as u32) as i32, chance.below(90) as i32);
                canvas.rect(x, y, 1 + x % 2, 1, [236, 236, 210]);
            }
            canvas.disc(at + 110, 26, 14, [232, 230, 214]);
            canvas.disc(at + 116, 23, 12, [26, 32, 60]);
            ground(canvas, [64, 72, 88]);
            if kind % 2 == 0 {
                canvas.rect(at + 20, 34, 16, 62, [230, 230, 232]);
                canvas.triangle([(at + 20, 34), (at + 36, 34), (at + 28, 14)], [200, 60, 54]);
                canvas.triangle([(at + 8, 104), (at + 48, 104), (at + 28, 78)], [200, 60, 54]);
            } else {
                canvas.disc(at + 40, 92, 36, [190, 196, 204]);
                canvas.rect(at + 37, 56, 7, 40, [60, 66, 80]);
                canvas.rect(at, 92, 84, 14, [150, 156, 166]);
                canvas.rect(0, 106, WIDTH, HEIGHT, [64, 72, 88]);
            }
        }
    }
}

fn ground(canvas: &mut Canvas, colour: Rgb) {
    canvas.rect(0, GROUND, WIDTH, HEIGHT, colour);
    canvas.rect(0, GROUND + 16, WIDTH, HEIGHT, mixed(colour, [0; 3], 24));
}

fn steps(canvas: &mut Canvas, stone: Rgb) {
    for i in 0..5 {
        canvas.rect(0, GROUND + i * 9, WIDTH, 9, mixed(stone, [40, 44, 52], 40 + i * 22));
    }
}

/// The same of a city in each of its pictures.
fn skyline(canvas: &mut Canvas, event: &Event, highest: i32, chance: &mut Chance) {
    let mut seed = (event.country * 3 + event.city) as u32 + 17;
    let shift = chance.below(20) as i32;
    let mut x = -shift;
    while x < WIDTH {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (width, height) = (14 + (seed >> 27) as i32, 10 + (seed >> 16 & 255) as i32 * highest / 256);
        let colour = mixed([112, 124, 142], [176, 170, 164], (seed >> 8 & 255) as i32);
        canvas.rect(x, GROUND - height, width, height, colour);
        for y in (GROUND - height + 4..GROUND - 4).step_by(8) {
            for wx in (x + 3..x + width - 3).step_by(6) {
                canvas.rect(wx, y, 2, 3, mixed(colour, [250, 240, 190], 120));
            }
        }
        x += width + 1;
    }
    canvas.rect(0, GROUND, WIDTH, HEIGHT, [132, 130, 126]);
}

fn hills(canvas: &mut Canvas, colour: Rgb, chance: &mut Chance) {
    for i in 0..4 {
        let x = i * 60 + chance.below(30) as i32 - 20;
        let top = 34 + chance.below(34) as i32;
        canvas.triangle([(x - 70, 112), (x + 80, 112), (x, top)], mixed(colour, [255; 3], 70 - i * 20));
    }
}

fn flag(canvas: &mut Canvas, x: i32, y: i32, country: usize) {
    canvas.rect(x - 2, y - 4, 2, 90, [210, 190, 130]);
    let stripes = [0, 3, 7].map(|i| CLOTHES[(country * 7 + i * (country / 10 + 1)) % 10]);
    for (i, colour) in (0..).zip(stripes) {
        match country % 2 {
            0 => canvas.rect(x, y + i * 8, 34, 8, colour),
            _ => canvas.rect(x + i * 12, y, 12, 24, colour),
        }
    }
}

fn vehicle(canvas: &mut Canvas, x: i32, colour: Rgb) {
    canvas.rect(x, 92, 58, 20, colour);
    canvas.rect(x + 34, 82, 20, 14, mixed(colour, [255; 3], 60));
    canvas.disc(x + 13, 113, 7, [36, 36, 40]);
    canvas.disc(x + 45, 113, 7, [36, 36, 40]);
}

/// People far off.
fn crowd(canvas: &mut Canvas, count: i32, chance: &mut Chance) {
    for _ in 0..count {
        let x = chance.below(WIDTH as u32) as i32;
        let y = 106 + chance.below(18) as i32;
        canvas.oval(x, y + 13, 6, 10, CLOTHES[chance.below(10) as usize]);
        canvas.disc(x, y, 4, SKIN[chance.below(5) as usize]);
    }
}

/// Somebody near: looks the same in every picture.
fn figure(canvas: &mut Canvas, x: i32, person: u32) {
    // Fibonacci hashing: neighbours by number do not look alike.
    let look = person.wrapping_mul(2_654_435_769);
    let part = |shift: u32, of: usize| (look >> shift & 255) as usize % of;
    let (skin, hair, dress) = (SKIN[part(0, 5)], HAIR[part(8, 5)], CLOTHES[part(16, 10)]);
    canvas.oval(x, 150, 36, 44, dress);
    canvas.triangle([(x - 9, 108), (x + 9, 108), (x, 126)], mixed(dress, [255; 3], 150));
    canvas.rect(x - 6, 92, 12, 18, mixed(skin, [60, 30, 20], 40));
    let long = part(24, 3);
    if long == 0 {
        canvas.oval(x, 84, 23, 30, hair);
    }
    canvas.oval(x, 80, 17, 21, skin);
    if long < 2 {
        canvas.oval(x, 66, 18, 11, hair);
    } else {
        canvas.oval(x, 60, 13, 4, hair);
    }
    for eye in [-6, 6] {
        canvas.disc(x + eye, 80, 2, [34, 30, 34]);
    }
    canvas.rect(x - 5, 91, 10, 2, [150, 70, 66]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(samples: u32) -> Vec<(Sample, Vec<u8>)> {
        let world = World::new(samples, 7);
        (0..samples).map(|i| world.sample(i)).map(|s| (file(&world, &s), s)).map(|(f, s)| (s, f)).collect()
    }

    #[test]
    fn copies_are_copies_and_nothing_else_is() {
        let all = pictures(800);
        let mut copies = 0;
        for (sample, bytes) in &all {
            let first = &all[sample.picture.root as usize];
            // The two may be marked corrupted one without the other; then they differ by where they end.
            let alike = bytes.starts_with(first.1.as_slice()) || first.1.starts_with(bytes.as_slice());
            match sample.picture.source {
                Source::Copy | Source::SamePath => {
                    assert!(alike, "sample {}", sample.index);
                    copies += 1;
                }
                Source::Crop => assert!(!alike, "sample {}", sample.index),
                Source::Own => assert_eq!(sample.picture.root, sample.index),
            }
            assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
        }
        assert!(copies > 3);
        let mut own: Vec<&Vec<u8>> =
            all.iter().filter(|(s, _)| s.picture.source == Source::Own).map(|(_, b)| b).collect();
        let before = own.len();
        own.sort();
        own.dedup();
        assert_eq!(own.len(), before, "no two scenes are drawn alike");
    }

    #[test]
    fn the_same_pixels_everywhere() {
        let world = World::new(500, 7);
        let pixels: Vec<u8> = (0..40)
            .map(|i| world.sample(i))
            .flat_map(|s| scene(&s.event, &s.picture.persons, world.seeds.stream(Domain::Drawing, s.index)).pixels)
            .collect();
        let sum =
            pixels.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(format!("{sum:016x}"), "0802e5318a153b75");
    }
}
