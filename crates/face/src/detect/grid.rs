use models::Input;

use super::Detection;

/// A coarse grid over a detector's input: for each cell the network says whether there is a face, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// Pixels of the input from cell to cell.
    pub(super) stride: u32,
    /// Cells across.
    pub(super) columns: usize,
    /// Cells down.
    pub(super) rows: usize,
}

/// Strides of the grids of YuNet and SCRFD.
const STRIDES: [u32; 3] = [8, 16, 32];

impl Grid {
    pub(super) fn of(input: &Input, stride: u32) -> Self {
        Self { stride, columns: (input.width / stride) as usize, rows: (input.height / stride) as usize }
    }

    /// How many cells there are.
    pub(super) fn cells(&self) -> usize {
        self.columns * self.rows
    }

    /// Column and row of a cell; they are counted row by row.
    pub(super) fn place(&self, cell: usize) -> (f32, f32) {
        ((cell % self.columns) as f32, (cell / self.columns) as f32)
    }
}

/// The three grids of a detector, each with the places of its `N` outputs among the model's.
#[derive(Debug)]
pub(super) struct Grids<const N: usize> {
    grids: [(Grid, [usize; N]); 3],
    /// Pixels of the input across and down.
    size: (f32, f32),
}

impl<const N: usize> Grids<N> {
    /// The grids over an input; `places` finds the outputs of one. `Err` where some are missing: how many cells each grid has.
    pub(super) fn of(input: &Input, places: impl Fn(Grid) -> Option<[usize; N]>) -> Result<Self, [usize; 3]> {
        let grids = STRIDES.map(|stride| Grid::of(input, stride));
        match grids.map(|grid| Some((grid, places(grid)?))) {
            [Some(fine), Some(middle), Some(coarse)] => {
                Ok(Self { grids: [fine, middle, coarse], size: (input.width as f32, input.height as f32) })
            }
            _ => Err(grids.map(|grid| grid.cells())),
        }
    }

    /// Adds the faces that `read` finds in each grid's outputs, in pixels of the input, to what was `found`; they become shares of it.
    pub(super) fn faces<'o, I: IntoIterator<Item = Detection>>(
        &self,
        outputs: &[&'o [f32]],
        found: &mut Vec<Detection>,
        read: impl Fn([&'o [f32]; N], Grid) -> I,
    ) {
        let of_grid = |(grid, places): &(Grid, [usize; N])| read(places.map(|at| outputs[at]), *grid);
        found.extend(self.grids.iter().flat_map(of_grid).map(|mut face| {
            face.stretch(1.0 / self.size.0, 1.0 / self.size.1);
            face
        }));
    }
}
