//! A small canvas in few colours: boxes, discs, triangles, lines. Integers only: the same pixels on every machine.

/// A colour.
pub(super) type Rgb = [u8; 3];

/// Pixels as numbers of a palette that grows with what is drawn.
pub(super) struct Canvas {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) pixels: Vec<u8>,
    pub(super) palette: Vec<Rgb>,
}

impl Canvas {
    pub(super) fn new(width: i32, height: i32, ground: Rgb) -> Canvas {
        Canvas { width, height, pixels: vec![0; (width * height) as usize], palette: vec![ground] }
    }

    /// Its number; of the last one where there are too many.
    fn number(&mut self, colour: Rgb) -> u8 {
        let at = self.palette.iter().position(|c| *c == colour).unwrap_or_else(|| {
            if self.palette.len() < 256 {
                self.palette.push(colour);
            }
            self.palette.len() - 1
        });
        at as u8
    }

    /// Paints what is inside, of a box that is cut at the edges.
    fn paint(&mut self, [left, top, right, bottom]: [i32; 4], colour: Rgb, inside: impl Fn(i32, i32) -> bool) {
        let number = self.number(colour);
        for y in top.max(0)..bottom.min(self.height) {
            for x in left.max(0)..right.min(self.width) {
                if inside(x, y) {
                    self.pixels[(y * self.width + x) as usize] = number;
                }
            }
        }
    }

    /// A box by its corner, width and height.
    pub(super) fn rect(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Rgb) {
        self.paint([x, y, x + width, y + height], colour, |_, _| true);
    }

    pub(super) fn disc(&mut self, x: i32, y: i32, radius: i32, colour: Rgb) {
        self.oval(x, y, radius, radius, colour);
    }

    pub(super) fn oval(&mut self, x: i32, y: i32, across: i32, down: i32, colour: Rgb) {
        let (a, b) = (across.max(1), down.max(1));
        self.paint([x - a, y - b, x + a + 1, y + b + 1], colour, |px, py| {
            let (dx, dy) = (px - x, py - y);
            dx * dx * b * b + dy * dy * a * a <= a * a * b * b
        });
    }

    pub(super) fn triangle(&mut self, corners: [(i32, i32); 3], colour: Rgb) {
        let side =
            |(ax, ay): (i32, i32), (bx, by): (i32, i32), x: i32, y: i32| (bx - ax) * (y - ay) - (by - ay) * (x - ax);
        let [a, b, c] = corners;
        let (xs, ys) = (corners.map(|p| p.0), corners.map(|p| p.1));
        let least = |v: [i32; 3]| v[0].min(v[1]).min(v[2]);
        let most = |v: [i32; 3]| v[0].max(v[1]).max(v[2]) + 1;
        self.paint([least(xs), least(ys), most(xs), most(ys)], colour, |x, y| {
            let s = [side(a, b, x, y), side(b, c, x, y), side(c, a, x, y)];
            s.iter().all(|d| *d >= 0) || s.iter().all(|d| *d <= 0)
        });
    }

    /// From left to right, so many pixels high.
    pub(super) fn line(&mut self, (ax, ay): (i32, i32), (bx, by): (i32, i32), thick: i32, colour: Rgb) {
        let run = (bx - ax).max(1);
        self.paint([ax, ay.min(by) - thick, bx + 1, ay.max(by) + thick + 1], colour, |x, y| {
            let on = ay + (by - ay) * (x - ax) / run;
            (y - on).abs() * 2 <= thick
        });
    }

    /// The part within a box, as large as the whole.
    pub(super) fn cut(&self, x: i32, y: i32, width: i32, height: i32) -> Canvas {
        let at = |px: i32, py: i32| {
            let (sx, sy) = (x + px * width / self.width, y + py * height / self.height);
            self.pixels[(sy.clamp(0, self.height - 1) * self.width + sx.clamp(0, self.width - 1)) as usize]
        };
        let pixels = (0..self.height).flat_map(|py| (0..self.width).map(move |px| (px, py))).map(|(px, py)| at(px, py));
        Canvas { pixels: pixels.collect(), palette: self.palette.clone(), ..*self }
    }
}

/// Between two colours: `share` of 256 of the second.
pub(super) fn mixed(a: Rgb, b: Rgb, share: i32) -> Rgb {
    std::array::from_fn(|i| ((i32::from(a[i]) * (256 - share) + i32::from(b[i]) * share) / 256) as u8)
}
