//! dlib's shape predictor: a cascade of regression trees that moves the points of a mean face to where they are in a picture
//! (Kazemi and Sullivan, "One millisecond face alignment with an ensemble of regression trees", 2014).

use super::not_dlib;
use super::reader::Reader;
use crate::error::ModelsError;

/// No predictor has more points: dlib's have 5 and 68.
const MOST_POINTS: usize = 256;

/// A shape predictor. Places are shares of a face's box: (0, 0) is its upper left corner, (1, 1) its lower right one.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapePredictor {
    /// Where the points of a mean face are.
    pub start: Vec<[f32; 2]>,
    /// What moves them, one after the other.
    pub stages: Vec<Stage>,
}

/// One stage of the cascade.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Where it looks at the picture.
    pub probes: Vec<Probe>,
    /// Each adds what it says to the points.
    pub trees: Vec<Tree>,
}

/// A pixel, so far beside one of the points of the mean face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// Which point.
    pub point: usize,
    /// How far beside it.
    pub offset: [f32; 2],
}

/// A full binary tree: node `i` has the children `2i + 1` and `2i + 2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The inner nodes: one less than there are leaves.
    pub splits: Vec<Split>,
    /// What is added to all points at each leaf: two numbers a point, one leaf after the other.
    pub leaves: Vec<f32>,
}

/// An inner node: to the left child where the first probe is brighter than the second by more than the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// A probe of the stage.
    pub first: usize,
    /// Another one.
    pub second: usize,
    /// In grey levels.
    pub threshold: f32,
}

impl ShapePredictor {
    /// Reads dlib's file. What comes out is safe to follow: every number of a point or a probe is one that there is.
    ///
    /// # Errors
    /// [`ModelsError::NotDlib`] when `bytes` are no shape predictor. No bytes make it panic, or take more memory than some times their own.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelsError> {
        let mut reader = Reader::new(bytes);
        reader.version("shape predictor", 1)?;
        let start = column(&mut reader)?;
        let (start, rest) = start.as_chunks::<2>();
        if start.is_empty() || !rest.is_empty() {
            return Err(not_dlib("its mean shape has no points"));
        }
        let forests = list(&mut reader, |reader| list(reader, |reader| tree(reader, start.len())))?;
        let points = list(&mut reader, |reader| list(reader, |reader| reader.size(start.len() - 1)))?;
        let offsets = list(&mut reader, |reader| list(reader, |r| Ok([r.float32()?, r.float32()?])))?;
        reader.end()?;
        if points.len() != forests.len() || offsets.len() != forests.len() {
            return Err(not_dlib("its stages have probes for another number of stages"));
        }
        let parts = forests.into_iter().zip(points).zip(offsets);
        let stages = parts.map(|((trees, points), offsets)| stage(trees, &points, &offsets));
        Ok(Self { start: start.to_vec(), stages: stages.collect::<Result<_, _>>()? })
    }
}

fn stage(trees: Vec<Tree>, points: &[usize], offsets: &[[f32; 2]]) -> Result<Stage, ModelsError> {
    let known = |split: &Split| split.first < points.len() && split.second < points.len();
    if points.len() != offsets.len() || !trees.iter().flat_map(|tree| &tree.splits).all(known) {
        return Err(not_dlib("a stage of it looks at pixels that it does not have"));
    }
    let probes = points.iter().zip(offsets).map(|(&point, &offset)| Probe { point, offset }).collect();
    Ok(Stage { probes, trees })
}

fn tree(reader: &mut Reader<'_>, points: usize) -> Result<Tree, ModelsError> {
    let index = |reader: &mut Reader<'_>| reader.size(u32::MAX as usize);
    let splits = list(reader, |reader| {
        Ok(Split { first: index(reader)?, second: index(reader)?, threshold: reader.float32()? })
    })?;
    let leaves = list(reader, column)?;
    let full = leaves.len() == splits.len() + 1 && leaves.len().is_power_of_two();
    if !full || leaves.iter().any(|leaf| leaf.len() != points * 2) {
        return Err(not_dlib("a tree in it is not whole"));
    }
    Ok(Tree { splits, leaves: leaves.concat() })
}

/// A list: how many, then one after the other. Grows as they come, so that a wrong count costs nothing.
fn list<T>(
    reader: &mut Reader<'_>,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, ModelsError>,
) -> Result<Vec<T>, ModelsError> {
    let count = reader.count()?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(item(reader)?);
    }
    Ok(items)
}

/// A matrix of one column. dlib writes its dimensions as negative numbers.
fn column(reader: &mut Reader<'_>) -> Result<Vec<f32>, ModelsError> {
    let (rows, columns) = (reader.integer()?.unsigned_abs(), reader.integer()?.unsigned_abs());
    let rows = usize::try_from(rows).ok().filter(|rows| *rows <= 2 * MOST_POINTS && columns == 1);
    let rows = rows.ok_or_else(|| not_dlib("a shape in it is no list of points"))?;
    (0..rows).map(|_| reader.float32()).collect()
}
