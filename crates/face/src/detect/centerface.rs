use models::Input;

use super::grid::Grid;
use super::{Detection, Detector};
use crate::FaceError;
use crate::geometry::{Point, Rect};
use crate::session::Model;

/// CenterFace (Xu, Yan, Yang and Chen 2019): on a grid of every fourth pixel a heatmap, sizes, offsets and points, in planes of
/// rows × columns.
#[derive(Debug)]
pub(super) struct Centerface {
    model: Model,
    grid: Grid,
    size: (f32, f32),
}

const STRIDE: u32 = 4;

/// Planes of heatmap, size (height, width), offset (down, right) and five points (y, x).
const PLANES: [i64; 4] = [1, 2, 2, 10];

impl Centerface {
    pub(super) fn of(model: Model, input: &Input) -> Result<Self, FaceError> {
        let grid = Grid::of(input, STRIDE);
        let shape = |planes: i64| vec![1, planes, grid.rows as i64, grid.columns as i64];
        let fits = model.outputs().iter().map(|output| output.shape.clone()).eq(PLANES.map(shape));
        let (rows, columns) = (grid.rows, grid.columns);
        model.expect(
            fits,
            &format!(
                "a detector of kind `centerface` gives a heatmap 1×1×{rows}×{columns}, sizes 1×2×{rows}×{columns}, offsets 1×2×{rows}×{columns} \
                 and points 1×10×{rows}×{columns}"
            ),
        )?;
        Ok(Self { model, grid, size: (input.width as f32, input.height as f32) })
    }
}

impl Detector for Centerface {
    fn look(&mut self, planes: &[f32], min_score: f32, found: &mut Vec<Detection>) -> Result<(), FaceError> {
        let (grid, size) = (self.grid, self.size);
        self.model.run(planes, |outputs| {
            let faces = outputs[0].iter().enumerate().filter(|(_, score)| **score > min_score);
            found.extend(faces.map(|(cell, score)| {
                let mut face = face(outputs, &grid, cell, *score);
                face.stretch(1.0 / size.0, 1.0 / size.1);
                face
            }));
        })
    }
}

/// The face of a cell, in pixels of the input. The package that the file comes from cuts boxes at the picture's edge before it lays
/// the points out in them, so that those of a face that is cut move; here they stay where the network sees them.
fn face(outputs: &[&[f32]], grid: &Grid, cell: usize, score: f32) -> Detection {
    let stride = grid.stride as f32;
    let plane = |output: usize, plane: usize| outputs[output][plane * grid.cells() + cell];
    let (column, row) = grid.place(cell);
    let (height, width) = (plane(1, 0).exp() * stride, plane(1, 1).exp() * stride);
    let left = (column + plane(2, 1) + 0.5) * stride - width / 2.0;
    let top = (row + plane(2, 0) + 0.5) * stride - height / 2.0;
    let point = |at: usize| Point { x: left + plane(3, 2 * at + 1) * width, y: top + plane(3, 2 * at) * height };
    Detection {
        area: Rect { left, top, right: left + width, bottom: top + height },
        score,
        five: Some([0, 1, 2, 3, 4].map(point)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_read_as_the_paper_has_it() {
        let grid = Grid { stride: 4, columns: 3, rows: 2 };
        // Cell 4: column 1 of row 1. Each plane has six cells; what the others hold must not matter.
        let planes =
            |values: &[f32]| values.iter().flat_map(|value| [9.0, 9.0, 9.0, 9.0, *value, 9.0]).collect::<Vec<f32>>();
        let (heat, size) = (planes(&[0.8]), planes(&[3.0f32.ln(), 2.0f32.ln()]));
        let offset = planes(&[0.25, -0.5]);
        let points = planes(&[0.3, 0.25, 0.3, 0.75, 0.5, 0.5, 0.8, 0.25, 0.8, 0.75]);
        let found = face(&[&heat, &size, &offset, &points], &grid, 4, 0.8);
        // Twelve high and eight wide about (4, 7): (1 - 0.5 + 0.5) · 4 across, (1 + 0.25 + 0.5) · 4 down.
        let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
        let Rect { left, top, right, bottom } = found.area;
        assert!(near(left, 0.0) && near(top, 1.0) && near(right, 8.0) && near(bottom, 13.0), "{found:?}");
        let [eye, _, nose, _, mouth] = found.five.unwrap();
        assert!(near(eye.x, 2.0) && near(eye.y, 4.6) && near(nose.x, 4.0) && near(nose.y, 7.0), "{found:?}");
        assert!(near(mouth.x, 6.0) && near(mouth.y, 10.6), "{found:?}");
    }
}
