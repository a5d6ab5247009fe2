use models::Input;

use super::grid::{Grid, Grids};
use super::{Detection, Detector};
use crate::FaceError;
use crate::geometry::{Point, Rect};
use crate::session::{Model, Output};

/// YuNet as in OpenCV's model zoo since 2023: for each grid the outputs `cls_8`, `obj_8`, `bbox_8`, `kps_8` and so on, a row a cell.
/// Read as OpenCV's `FaceDetectorYN` does.
#[derive(Debug)]
pub(super) struct Yunet {
    model: Model,
    grids: Grids<4>,
}

/// What there is for each grid, with the numbers a cell.
const PARTS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

impl Yunet {
    pub(super) fn of(model: Model, input: &Input) -> Result<Self, FaceError> {
        let grids = Grids::of(input, |grid| places(model.outputs(), grid)).map_err(|cells| {
            let cells = cells.map(|cells| cells.to_string()).join(", ");
            model.not_fitting(&format!(
                "a detector of kind `yunet` gives cls_8, cls_16, cls_32 and likewise obj_, bbox_ and kps_ with 1, 1, 4 and 10 numbers for each \
                 of {cells} cells"
            ))
        })?;
        Ok(Self { model, grids })
    }
}

/// Where the outputs of a grid are; `None` where one is missing or of another size.
fn places(outputs: &[Output], grid: Grid) -> Option<[usize; 4]> {
    let place = |(part, numbers): (&str, usize)| {
        let name = format!("{part}_{}", grid.stride);
        outputs.iter().position(|output| output.name == name && output.len() == grid.cells() * numbers)
    };
    let [cls, obj, bbox, kps] = PARTS.map(place);
    Some([cls?, obj?, bbox?, kps?])
}

impl Detector for Yunet {
    fn look(&mut self, planes: &[f32], min_score: f32, found: &mut Vec<Detection>) -> Result<(), FaceError> {
        let grids = &self.grids;
        self.model.run(planes, |outputs| {
            grids.faces(outputs, found, |parts, grid| {
                (0..grid.cells()).filter_map(move |cell| face(parts, &grid, cell, min_score))
            });
        })
    }
}

/// The face of a cell, in pixels of the input: the score is the geometric mean of two, places are counted from the cell's corner in
/// cells, sizes are logarithms.
fn face([cls, obj, bbox, kps]: [&[f32]; 4], grid: &Grid, cell: usize, min_score: f32) -> Option<Detection> {
    let score = (cls[cell].clamp(0.0, 1.0) * obj[cell].clamp(0.0, 1.0)).sqrt();
    if score.is_nan() || score <= min_score {
        return None;
    }
    let stride = grid.stride as f32;
    let (column, row) = grid.place(cell);
    let [x, y, width, height] = [0, 1, 2, 3].map(|at| bbox[4 * cell + at]);
    let (x, y) = ((column + x) * stride, (row + y) * stride);
    let (width, height) = (width.exp() * stride, height.exp() * stride);
    let point = |at: usize| Point {
        x: (column + kps[10 * cell + 2 * at]) * stride,
        y: (row + kps[10 * cell + 2 * at + 1]) * stride,
    };
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let area = Rect { left, top, right: left + width, bottom: top + height };
    Some(Detection { area, score, five: Some([0, 1, 2, 3, 4].map(point)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { stride: 16, columns: 2, rows: 2 };

    /// Four cells, of which the last has these numbers.
    fn last(numbers: &[f32]) -> Vec<f32> {
        [vec![0.0; 3 * numbers.len()], numbers.to_vec()].concat()
    }

    #[test]
    fn a_cell_is_read_as_opencv_reads_it() {
        let (cls, obj) = (last(&[0.81]), last(&[1.5]));
        let bbox = last(&[0.25, 0.5, 2.0f32.ln(), 3.0f32.ln()]);
        let kps = last(&[-0.25, 0.0, 0.75, 0.0, 0.25, 0.5, -0.125, 1.0, 0.625, 1.0]);
        let found = face([&cls, &obj, &bbox, &kps], &GRID, 3, 0.5).unwrap();
        let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
        // The middle is 1.25 and 1.5 cells from the corner: (20, 24); 32 wide and 48 high.
        let Rect { left, top, right, bottom } = found.area;
        assert!(near(left, 4.0) && near(top, 0.0) && near(right, 36.0) && near(bottom, 48.0), "{found:?}");
        assert!(near(found.score, 0.9), "a score above 1 counts as 1");
        let five = found.five.unwrap().map(|point| (point.x, point.y));
        assert_eq!(five, [(12.0, 16.0), (28.0, 16.0), (20.0, 24.0), (14.0, 32.0), (26.0, 32.0)]);
    }

    #[test]
    fn a_cell_that_scores_too_little_or_nothing_at_all_is_no_face() {
        let (bbox, kps) = (last(&[0.0; 4]), last(&[0.0; 10]));
        for score in [0.3, -1.0, f32::NAN] {
            assert_eq!(face([&last(&[score]), &last(&[0.9]), &bbox, &kps], &GRID, 3, 0.6), None, "{score}");
        }
    }
}
