//! dlib's CNN detector (max-margin object detection): it looks at all sizes of a picture at once, laid out side by side, and
//! finds faces of about 80 pixels in each. From `dlib/dnn/{input,loss}.h` and `dlib/image_transforms/image_pyramid.h`.

use std::path::Path;

use models::Input;

use super::{Detection, Detector};
use crate::FaceError;
use crate::geometry::Rect;
use crate::session::{Model, Runtime};

/// Pixels between the pictures of the layout, and around it.
const GAP: usize = 10;
const BORDER: usize = 11;
/// Pictures with fewer rows are not laid out.
const MIN_ROWS: usize = 5;

/// From a place in the model's output to one in its input, of which it has three convolutions that halve: 8·x + 14.
const STRIDE: usize = 8;
const FIRST: usize = 14;

/// Half of a window of 80 pixels, from the first to the last centre.
const REACH: f64 = 39.5;

/// Of two boxes of which this share of the smallest box around both lies in each, the better one stays. It is in the model's own file.
const MAX_OVERLAP: f64 = 0.338_276_135_110_995_5;

/// A picture's place in the layout, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// All sizes of a picture in one.
#[derive(Debug)]
struct Layout {
    width: usize,
    height: usize,
    /// The picture itself first, each next one five sixths of the size.
    tiles: Vec<Tile>,
}

#[derive(Debug)]
pub(super) struct Mmod {
    model: Model,
    layout: Layout,
    /// Columns and rows of the model's output.
    grid: (usize, usize),
    input: Vec<f32>,
}

/// A box in whole pixels, of which the last belong to it, with its score.
#[derive(Clone, Copy, Debug)]
struct Found {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    score: f32,
}

impl Mmod {
    pub(super) fn open(runtime: &Runtime, input: &Input, path: &Path) -> Result<Self, FaceError> {
        let layout = Layout::of(input.width as usize, input.height as usize);
        let shape = [1, 3, layout.height as i64, layout.width as i64];
        let model = Model::open(runtime, path, shape)?;
        let grid = output_len(layout.width).zip(output_len(layout.height));
        let grid =
            grid.ok_or_else(|| Model::unexpected(model.path(), "for an input as small as its pack describes"))?;
        Ok(Self { model, layout, grid, input: Vec::new() })
    }
}

impl Detector for Mmod {
    fn look(&mut self, planes: &[f32], min_score: f32, found: &mut Vec<Detection>) -> Result<(), FaceError> {
        self.layout.fill(planes, &mut self.input);
        let (layout, (columns, rows)) = (&self.layout, self.grid);
        self.model.run_as("a detector that dlib made", &self.input, |outputs| {
            let [scores] = outputs else { return None };
            if scores.len() != rows * columns {
                return None;
            }
            let hits = scores.iter().enumerate().filter(|(_, score)| **score > min_score);
            let boxes = hits.map(|(at, score)| layout.found(at % columns, at / columns, *score)).collect();
            found.extend(suppress(boxes).iter().map(|found| found.detection(&layout.tiles[0])));
            Some(())
        })
    }
}

/// How many numbers the model gives along a side of so many pixels: three convolutions of 5 pixels in steps of 2, without a border.
fn output_len(pixels: usize) -> Option<usize> {
    (0..3).try_fold(pixels, |len, _| Some(len.checked_sub(5)? / 2 + 1))
}

impl Layout {
    /// dlib's `compute_tiled_image_pyramid_details` for `pyramid_down<6>`: down the first column until the next pictures fit beside it,
    /// then up again.
    fn of(width: usize, height: usize) -> Self {
        let sizes = sizes(width, height);
        let total = (sizes.iter().map(|size| size.1 + GAP).sum::<usize>()).saturating_sub(2 * GAP);
        let (mut column, mut before, mut count) = (0, 0, 0);
        for (wide, high) in &sizes {
            // More than half of what is below the picture is in the first column by then.
            let half = 2 * column >= total + height;
            if wide + before + GAP <= width && half {
                break;
            }
            (column, before, count) = (column + high + GAP, *wide, count + 1);
        }
        column -= GAP;
        let mut tiles = Vec::new();
        let mut top = BORDER;
        for &(width, height) in &sizes[..count] {
            tiles.push(Tile { left: BORDER, top, width, height });
            top += height + GAP;
        }
        // One row above the end of the first column, as dlib has it.
        let mut bottom = top - GAP;
        for &(wide, high) in &sizes[count..] {
            let Some(top) = bottom.checked_sub(high).filter(|top| *top >= BORDER + height) else { break };
            tiles.push(Tile { left: BORDER + width - wide, top, width: wide, height: high });
            let Some(next) = top.checked_sub(GAP) else { break };
            bottom = next;
        }
        Self { width: width + 2 * BORDER, height: column + 2 * BORDER, tiles }
    }

    /// Lays the planes of the first picture out in all sizes.
    fn fill(&self, planes: &[f32], out: &mut Vec<f32>) {
        let plane = self.width * self.height;
        out.clear();
        out.resize(3 * plane, 0.0);
        let first = self.tiles[0];
        for (picture, out) in planes.chunks_exact(first.width * first.height).zip(out.chunks_exact_mut(plane)) {
            for (row, pixels) in picture.chunks_exact(first.width).enumerate() {
                let start = (first.top + row) * self.width + first.left;
                out[start..start + first.width].copy_from_slice(pixels);
            }
            for pair in self.tiles.windows(2) {
                self.shrink(out, pair[0], pair[1]);
            }
        }
    }

    /// Bilinear between the centres of the corner pixels.
    fn shrink(&self, plane: &mut [f32], from: Tile, to: Tile) {
        let columns = taps(from.width, to.width);
        for (row, (above, below, share)) in taps(from.height, to.height).into_iter().enumerate() {
            let line = |row: usize| (from.top + row) * self.width + from.left;
            let (above, below) = (line(above), line(below));
            for (column, &(left, right, weight)) in columns.iter().enumerate() {
                let across = |line: usize| plane[line + left] * (1.0 - weight) + plane[line + right] * weight;
                let value = across(above) * (1.0 - share) + across(below) * share;
                plane[(to.top + row) * self.width + to.left + column] = value;
            }
        }
    }

    /// The window at this place of the output, in pixels of the first picture.
    fn found(&self, column: usize, row: usize, score: f32) -> Found {
        let (x, y) = (FIRST + STRIDE * column, FIRST + STRIDE * row);
        let (level, tile) = self.nearest(x, y);
        let up = |place: f64, start: usize| {
            let level_place = place - start as f64;
            (0..level).fold(level_place, |place, _| place * 1.2 + 0.3).round()
        };
        let (x, y) = (x as f64, y as f64);
        Found {
            left: up(x - REACH, tile.left),
            top: up(y - REACH, tile.top),
            right: up(x + REACH, tile.left),
            bottom: up(y + REACH, tile.top),
            score,
        }
    }

    /// The tile at the place, or the nearest one, with its number.
    fn nearest(&self, x: usize, y: usize) -> (usize, Tile) {
        let beyond =
            |at: usize, start: usize, len: usize| start.saturating_sub(at).max(at.saturating_sub(start + len - 1));
        let square = |tile: &Tile| {
            let (x, y) = (beyond(x, tile.left, tile.width), beyond(y, tile.top, tile.height));
            x * x + y * y
        };
        let nearest = self.tiles.iter().copied().enumerate().min_by_key(|(_, tile)| square(tile));
        nearest.unwrap_or((0, self.tiles[0]))
    }
}

/// Width and height of each picture of the pyramid.
fn sizes(width: usize, height: usize) -> Vec<(usize, usize)> {
    let smaller = |size: &(usize, usize)| Some((size.0 * 5 / 6, size.1 * 5 / 6));
    let all = std::iter::successors(Some((width, height)), smaller);
    let mut sizes = vec![(width, height)];
    sizes.extend(all.skip(1).take_while(|size| size.0 > 0 && size.1 >= MIN_ROWS));
    sizes
}

/// For each of `to` pixels the two of `from` between which it lies, and the share of the second.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let step = (from - 1) as f64 / to.saturating_sub(1).max(1) as f64;
    let tap = |i: usize| {
        let place = i as f64 * step;
        let first = (place as usize).min(from - 1);
        (first, (first + 1).min(from - 1), (place - first as f64) as f32)
    };
    (0..to).map(tap).collect()
}

/// Of boxes on one face the best-scored.
fn suppress(mut boxes: Vec<Found>) -> Vec<Found> {
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for found in boxes {
        if !kept.iter().any(|better| better.overlaps(&found)) {
            kept.push(found);
        }
    }
    kept
}

impl Found {
    /// dlib's `test_box_overlap`.
    fn overlaps(&self, other: &Self) -> bool {
        let area = |width: f64, height: f64| (width + 1.0).max(0.0) * (height + 1.0).max(0.0);
        let both = area(
            self.right.min(other.right) - self.left.max(other.left),
            self.bottom.min(other.bottom) - self.top.max(other.top),
        );
        let around = area(
            self.right.max(other.right) - self.left.min(other.left),
            self.bottom.max(other.bottom) - self.top.min(other.top),
        );
        both / around > MAX_OVERLAP
    }

    /// As shares of the picture. dlib's scores have no upper end; good faces have about 1.
    fn detection(&self, picture: &Tile) -> Detection {
        let (width, height) = (picture.width as f64, picture.height as f64);
        let share = |place: f64, side: f64| (place / side) as f32;
        let area = Rect {
            left: share(self.left, width),
            top: share(self.top, height),
            right: share(self.right, width),
            bottom: share(self.bottom, height),
        };
        Detection { area, score: self.score.clamp(0.0, 1.0), five: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_a_layout_lie_beside_each_other() {
        for (width, height) in [(640, 480), (320, 240), (200, 600), (64, 64)] {
            let layout = Layout::of(width, height);
            assert_eq!(layout.tiles[0], Tile { left: BORDER, top: BORDER, width, height });
            assert!(layout.tiles.len() > 5, "{width}×{height}: {layout:?}");
            for (number, tile) in layout.tiles.iter().enumerate() {
                assert!(tile.left + tile.width <= layout.width - BORDER, "{width}×{height}: {tile:?}");
                assert!(tile.top + tile.height <= layout.height - BORDER, "{width}×{height}: {tile:?}");
                let apart = |other: &Tile| {
                    tile.left + tile.width <= other.left
                        || other.left + other.width <= tile.left
                        || tile.top + tile.height <= other.top
                        || other.top + other.height <= tile.top
                };
                assert!(layout.tiles[number + 1..].iter().all(apart), "{width}×{height}: {tile:?}");
            }
        }
    }

    #[test]
    fn a_window_in_a_smaller_picture_is_a_larger_face() {
        let layout = Layout::of(640, 480);
        let side = |found: Found| found.right - found.left;
        assert_eq!(side(layout.found(20, 20, 1.0)), 79.0);
        let below = (layout.tiles[1].top + 100) / STRIDE;
        // 79 × 1.2, each edge rounded.
        assert!((94.0..=95.0).contains(&side(layout.found(20, below, 1.0))));
    }
}
