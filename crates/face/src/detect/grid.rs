use models::Input;

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

/// The grids of YuNet and SCRFD.
pub(super) const STRIDES: [u32; 3] = [8, 16, 32];

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
