use std::collections::HashMap;
use std::fmt;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};

/// A line of text as how much of each pixel it covers, 0–255, with a margin around it. Sides are even.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<u8>,
}

impl Coverage {
    /// How much of the pixel in column `x` and row `y`, both inside, is covered.
    pub(crate) fn at(&self, x: usize, y: usize) -> u8 {
        self.pixels[y * self.width + x]
    }

    fn clear(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.pixels.clear();
        self.pixels.resize(width * height, 0);
    }

    /// Adds a letter; what lies outside is cut off.
    fn add(&mut self, letter: &Letter, x: i32, y: i32) {
        for (row, line) in letter.pixels.chunks(letter.width.max(1)).enumerate() {
            for (column, &covered) in line.iter().enumerate() {
                let (x, y) = (x + letter.left + column as i32, y + letter.top + row as i32);
                if (0..self.width as i32).contains(&x) && (0..self.height as i32).contains(&y) {
                    let pixel = &mut self.pixels[y as usize * self.width + x as usize];
                    *pixel = pixel.saturating_add(covered);
                }
            }
        }
    }
}

/// Writes lines of text in one font and one size at a time; keeps each letter once it was drawn. A letter that the font
/// does not have is its box for the unknown, so that there are never more letters than the font holds.
pub(crate) struct Lettering {
    font: FontRef<'static>,
    size: f32,
    letters: HashMap<GlyphId, Letter>,
}

struct Letter {
    /// Of the first covered pixel, from the pen and the top of the line.
    left: i32,
    top: i32,
    width: usize,
    pixels: Vec<u8>,
}

impl Lettering {
    pub(crate) fn new() -> Self {
        let font = FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR).expect("the built-in font is whole");
        Self { font, size: 16.0, letters: HashMap::new() }
    }

    /// Height of a line in pixels.
    pub(crate) fn set_size(&mut self, size: f32) {
        if self.size != size {
            self.size = size;
            self.letters.clear();
        }
    }

    /// Writes `text` into `coverage`, cut off at `max_width`, which is even.
    pub(crate) fn write(&mut self, text: &str, max_width: usize, coverage: &mut Coverage) {
        let (margin, line) = (self.size / 4.0, self.size);
        let ids: Vec<GlyphId> = text.chars().filter(|c| !c.is_control()).map(|c| self.font.glyph_id(c)).collect();
        let font = self.font.as_scaled(PxScale::from(self.size));
        let advances: Vec<f32> = ids.iter().map(|&id| font.h_advance(id)).collect();
        let width = (advances.iter().sum::<f32>() + 2.0 * margin).ceil() as usize;
        let height = (line + margin).ceil() as usize;
        coverage.clear(width.next_multiple_of(2).min(max_width), height.next_multiple_of(2));
        let mut pen = margin;
        for (id, advance) in ids.into_iter().zip(advances) {
            if pen >= max_width as f32 {
                break;
            }
            coverage.add(self.letter(id), pen.round() as i32, (margin / 2.0).round() as i32);
            pen += advance;
        }
    }

    fn letter(&mut self, id: GlyphId) -> &Letter {
        let Self { font, size, letters } = self;
        letters.entry(id).or_insert_with(|| Letter::draw(font, id, *size))
    }
}

impl fmt::Debug for Lettering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lettering").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Letter {
    fn draw(font: &FontRef<'_>, id: GlyphId, size: f32) -> Self {
        let scale = PxScale::from(size);
        let baseline = font.as_scaled(scale).ascent().round();
        let Some(outline) = font.outline_glyph(Glyph { id, scale, position: point(0.0, baseline) }) else {
            return Self { left: 0, top: 0, width: 0, pixels: Vec::new() };
        };
        let bounds = outline.px_bounds();
        let (width, height) = (bounds.width() as usize, bounds.height() as usize);
        let mut pixels = vec![0; width * height];
        outline.draw(|x, y, covered| {
            if let Some(pixel) = pixels.get_mut(y as usize * width + x as usize) {
                *pixel = (covered * 255.0) as u8;
            }
        });
        Self { left: bounds.min.x as i32, top: bounds.min.y as i32, width, pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<u8> {
        let mut coverage = Coverage::default();
        Lettering::new().write(text, 1000, &mut coverage);
        coverage.pixels
    }

    #[test]
    fn latin_cyrillic_and_greek_letters_are_told_apart() {
        let texts = ["A", "ß", "Ж", "Ω", "ş", "0"].map(written);
        for (i, one) in texts.iter().enumerate() {
            assert!(one.iter().any(|&covered| covered > 200));
            assert!(texts[i + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn a_letter_that_the_font_lacks_is_a_visible_box() {
        assert!(written("漢").iter().any(|&covered| covered > 100));
        assert_eq!(written("漢"), written("字"));
    }

    #[test]
    fn control_characters_leave_no_trace() {
        assert_eq!(written("a\n\tb"), written("ab"));
    }

    #[test]
    fn a_long_text_is_cut_off_at_the_width() {
        let mut coverage = Coverage::default();
        Lettering::new().write(&"W".repeat(10_000), 64, &mut coverage);
        assert_eq!(coverage.width, 64);
        assert!(coverage.height.is_multiple_of(2));
    }
}
