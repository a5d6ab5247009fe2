use models::Input;

use super::grid::{Grid, Grids};
use super::{Detection, Detector};
use crate::FaceError;
use crate::geometry::{Point, Rect};
use crate::session::{Model, Output};

/// SCRFD with points (Guo, Deng, Lattas and Zafeiriou 2021), as InsightFace exports it: scores, boxes and points for each grid, a row an
/// anchor, two anchors a cell. The outputs have no names that say anything: they are told apart by their sizes.
#[derive(Debug)]
pub(super) struct Scrfd {
    model: Model,
    grids: Grids<3>,
}

const ANCHORS: usize = 2;

/// Numbers an anchor: its score, the distances to the box's edges, and those to the five points.
const NUMBERS: [i64; 3] = [1, 4, 10];

impl Scrfd {
    pub(super) fn of(model: Model, input: &Input) -> Result<Self, FaceError> {
        let grids = Grids::of(input, |grid| places(model.outputs(), grid)).map_err(|cells| {
            let anchors = cells.map(|cells| (ANCHORS * cells).to_string()).join(", ");
            model.not_fitting(&format!(
                "a detector of kind `scrfd` gives N×1 scores, N×4 boxes and N×10 points for N = {anchors} (an export without points does not do)"
            ))
        })?;
        Ok(Self { model, grids })
    }
}

/// Where the outputs of a grid are; `None` where one is missing. Some exports have an axis for the batch, of one.
fn places(outputs: &[Output], grid: Grid) -> Option<[usize; 3]> {
    let anchors = (ANCHORS * grid.cells()) as i64;
    let place = |numbers: i64| {
        outputs.iter().position(|output| match output.shape[..] {
            [rows, columns] | [1, rows, columns] => (rows, columns) == (anchors, numbers),
            _ => false,
        })
    };
    let [scores, boxes, points] = NUMBERS.map(place);
    Some([scores?, boxes?, points?])
}

impl Detector for Scrfd {
    fn look(&mut self, planes: &[f32], min_score: f32, found: &mut Vec<Detection>) -> Result<(), FaceError> {
        let grids = &self.grids;
        self.model.run(planes, |outputs| {
            grids.faces(outputs, found, |[scores, boxes, points], grid| {
                let hits = scores.iter().enumerate().filter(move |(_, score)| **score > min_score);
                hits.map(move |(anchor, score)| face(boxes, points, &grid, anchor, *score))
            });
        })
    }
}

/// The face of an anchor, in pixels of the input: all lengths are counted in cells from the cell's corner.
fn face(boxes: &[f32], points: &[f32], grid: &Grid, anchor: usize, score: f32) -> Detection {
    let stride = grid.stride as f32;
    let (column, row) = grid.place(anchor / ANCHORS);
    let [left, top, right, bottom] = [0, 1, 2, 3].map(|at| boxes[4 * anchor + at]);
    let point = |at: usize| Point {
        x: (column + points[10 * anchor + 2 * at]) * stride,
        y: (row + points[10 * anchor + 2 * at + 1]) * stride,
    };
    let area = Rect {
        left: (column - left) * stride,
        top: (row - top) * stride,
        right: (column + right) * stride,
        bottom: (row + bottom) * stride,
    };
    Detection { area, score, five: Some([0, 1, 2, 3, 4].map(point)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_read_as_insightface_reads_it() {
        let grid = Grid { stride: 8, columns: 2, rows: 2 };
        // The second anchor of the last cell, whose corner is (8, 8).
        let last = |numbers: &[f32]| [vec![9.0; 7 * numbers.len()], numbers.to_vec()].concat();
        let boxes = last(&[0.5, 1.0, 1.5, 2.0]);
        let points = last(&[-0.25, 0.0, 0.75, 0.0, 0.25, 0.5, 0.0, 1.0, 0.5, 1.0]);
        let found = face(&boxes, &points, &grid, 7, 0.7);
        assert_eq!(found.area, Rect { left: 4.0, top: 0.0, right: 20.0, bottom: 24.0 });
        let five = found.five.unwrap().map(|point| (point.x, point.y));
        assert_eq!(five, [(6.0, 8.0), (14.0, 8.0), (10.0, 12.0), (8.0, 16.0), (12.0, 16.0)]);
    }

    #[test]
    fn outputs_are_told_apart_by_their_sizes_in_any_order_and_with_a_batch_or_without() {
        let grid = Grid { stride: 32, columns: 2, rows: 1 };
        let output = |shape: &[i64]| Output { name: "448".to_owned(), shape: shape.to_vec() };
        let outputs = [output(&[1, 4, 10]), output(&[4, 1]), output(&[16, 1]), output(&[4, 4])];
        assert_eq!(places(&outputs, grid), Some([1, 3, 0]));
        assert!(places(&outputs[1..], grid).is_none(), "an export without points");
    }
}
