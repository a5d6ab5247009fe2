use models::{DetectorModel, InstalledPack};

use super::view::View;
use super::{Detection, Detections, Detector};
use crate::geometry::Rect;
use crate::image::{Area, Picture};
use crate::session::Runtime;
use crate::{FaceError, Part};

/// What each side of a picture that is looked at with a border gets, as a share of the detector's input. Of 310 faces of LFW's development
/// set, photos cut to the middle four fifths of the face's box, 29 were missed without a border; of these were found and recognised (cosine above
/// 0.5 with the whole photo) 28 with 0.15, 22 with 0.1 and 28 with 0.2.
const BORDER: f32 = 0.15;

/// Boxes below this many pixels are too small for the landmark model to see anything in.
const MIN_BOX: f32 = 8.0;

/// Of boxes from several parts that overlap by more than this one stays: the same face looks a little different in each. Stricter than the
/// pack's own limit, which is for boxes of one look.
const PARTS_IOU: f32 = 0.3;

/// A box nearer than this share of a tile's side to an edge that is inside the picture may be of a face that the edge cuts.
const CUT: f32 = 0.01;

/// Finds faces with a pack's detector: in the whole picture, or in a tile of it.
#[derive(Debug)]
pub(crate) struct Finder {
    detector: Box<dyn Detector>,
    settings: DetectorModel,
    input: Vec<f32>,
    candidates: Candidates,
}

/// Boxes of one look at a picture, of which many are of one face. Kept from look to look for their memory.
#[derive(Debug, Default)]
struct Candidates {
    in_whole: Vec<Detection>,
    in_tiles: Vec<Detection>,
}

impl Finder {
    pub(crate) fn open(runtime: &Runtime, installed: &InstalledPack) -> Result<Self, FaceError> {
        let detector = super::open(runtime, installed)?;
        Ok(Self {
            detector,
            settings: installed.pack.detector.clone(),
            input: Vec::new(),
            candidates: Candidates::default(),
        })
    }

    /// Faces in no particular order, in pixels of the full picture. `scale` is the contract's `SCALE`: of the whole the detector sees
    /// no more detail than a picture of that share of the size has. Tiles are for detail: they are always seen as they are.
    pub(crate) fn detect(
        &mut self,
        picture: &dyn Picture,
        scale: f32,
        parts: &[Part],
    ) -> Result<Detections, FaceError> {
        let Candidates { mut in_whole, mut in_tiles } = self.no_candidates();
        for part in parts {
            match part {
                Part::Whole => {
                    self.in_view(picture, &View::of(picture.whole(), &self.settings), scale, &mut in_whole)?;
                }
                Part::Tile(area) => self.in_tile(picture, *area, &mut in_tiles)?,
            }
        }
        if !in_tiles.is_empty() {
            suppress(&mut in_whole, self.settings.nms_iou);
            in_tiles.retain(|found| !in_whole.iter().any(|face| found.is_part_of(&face.area)));
            in_whole.append(&mut in_tiles);
        }
        let max_iou = if parts.len() > 1 { PARTS_IOU } else { self.settings.nms_iou };
        let settled = settled(&mut in_whole, max_iou, (picture.width(), picture.height()));
        self.candidates = Candidates { in_whole, in_tiles };
        Ok(settled)
    }

    /// Faces of the whole picture, set into a border: a face that fills a picture is cut by its edges, and unlike any that the model
    /// learned. In no particular order, in pixels of the full picture.
    pub(crate) fn detect_with_border(&mut self, picture: &dyn Picture, scale: f32) -> Result<Detections, FaceError> {
        let Candidates { mut in_whole, in_tiles } = self.no_candidates();
        let view = View::with_border(picture.whole(), &self.settings, BORDER);
        self.in_view(picture, &view, scale, &mut in_whole)?;
        let settled = settled(&mut in_whole, self.settings.nms_iou, (picture.width(), picture.height()));
        self.candidates = Candidates { in_whole, in_tiles };
        Ok(settled)
    }

    /// Memory for candidates, to be put back.
    fn no_candidates(&mut self) -> Candidates {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.in_whole.clear();
        candidates.in_tiles.clear();
        candidates
    }

    /// Adds what the detector sees in this tile, and no edge of it cuts, to what was `found`.
    fn in_tile(&mut self, picture: &dyn Picture, tile: Area, found: &mut Vec<Detection>) -> Result<(), FaceError> {
        let (mut before, size) = (found.len(), (picture.width(), picture.height()));
        self.in_view(picture, &View::of(tile, &self.settings), 1.0, found)?;
        found.retain(|found| {
            let is_of_before = before > 0;
            before = before.saturating_sub(1);
            is_of_before || !is_cut(&found.area, tile, size)
        });
        Ok(())
    }

    /// Adds what the detector sees in this view, in pixels of the full picture, to what was `found`.
    fn in_view(
        &mut self,
        picture: &dyn Picture,
        view: &View,
        scale: f32,
        found: &mut Vec<Detection>,
    ) -> Result<(), FaceError> {
        view.fill(picture, scale, &mut self.input);
        let before = found.len();
        self.detector.look(&self.input, self.settings.min_score, found)?;
        found[before..].iter_mut().for_each(|found| view.to_picture(found));
        Ok(())
    }
}

/// Whether a box touches an edge of the tile that is not one of the picture.
fn is_cut(found: &Rect, tile: Area, (width, height): (u32, u32)) -> bool {
    let found = found.moved(-(tile.left as f32), -(tile.top as f32));
    let (x, y) = (CUT * tile.width as f32, CUT * tile.height as f32);
    (tile.left > 0 && found.left <= x)
        || (tile.top > 0 && found.top <= y)
        || (tile.left + tile.width < width && found.right >= tile.width as f32 - x)
        || (tile.top + tile.height < height && found.bottom >= tile.height as f32 - y)
}

/// Non-maximum suppression: of boxes that overlap by more than `max_iou` the best-scored one stays.
fn suppress(candidates: &mut Vec<Detection>, max_iou: f32) {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept = 0;
    for at in 0..candidates.len() {
        let candidate = candidates[at];
        if candidates[..kept].iter().all(|better| better.area.iou(&candidate.area) <= max_iou) {
            candidates[kept] = candidate;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

/// One box for each face, squared and inside a picture of this size.
fn settled(candidates: &mut Vec<Detection>, max_iou: f32, size: (u32, u32)) -> Detections {
    suppress(candidates, max_iou);
    candidates.iter().filter_map(|found| squared(found, size)).collect()
}

/// Squares the box on its longer side about its centre and clips it to the picture, in whole pixels.
fn squared(found: &Detection, (width, height): (u32, u32)) -> Option<Detection> {
    let area = &found.area;
    let (x, y) = ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
    let half = area.width().max(area.height()) / 2.0;
    let area = Rect {
        left: (x - half).trunc().max(0.0),
        top: (y - half).trunc().max(0.0),
        right: (x + half).trunc().min(width as f32 - 1.0),
        bottom: (y + half).trunc().min(height as f32 - 1.0),
    };
    (area.width() >= MIN_BOX && area.height() >= MIN_BOX).then_some(Detection { area, ..*found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(left: f32, top: f32, right: f32, bottom: f32, score: f32) -> Detection {
        Detection { area: Rect { left, top, right, bottom }, score, five: None }
    }

    #[test]
    fn of_two_boxes_on_one_face_the_better_one_stays() {
        let mut boxes = vec![
            found(10.0, 10.0, 50.0, 50.0, 0.8),
            found(12.0, 11.0, 52.0, 51.0, 0.95),
            found(200.0, 10.0, 240.0, 50.0, 0.7),
        ];
        suppress(&mut boxes, 0.4);
        let scores: Vec<f32> = boxes.iter().map(|d| d.score).collect();
        assert_eq!(scores, [0.95, 0.7]);
    }

    #[test]
    fn a_box_is_squared_and_stays_inside_the_picture() {
        let square = squared(&found(-10.0, 20.0, 30.0, 100.0, 0.9), (640, 480)).unwrap();
        assert_eq!(square.area.to_pixels(), [0, 20, 50, 100]);
        let square = squared(&found(600.0, 440.0, 660.0, 500.0, 0.9), (640, 480)).unwrap();
        assert_eq!(square.area.to_pixels(), [600, 440, 639, 479]);
    }

    #[test]
    fn a_box_at_an_edge_inside_the_picture_is_cut_and_one_at_the_pictures_edge_is_not() {
        let cut = |left, top, [x1, y1, x2, y2]: [f32; 4]| {
            let tile = Area { left, top, width: 300, height: 200 };
            let found = Rect { left: x1, top: y1, right: x2, bottom: y2 }.moved(left as f32, top as f32);
            is_cut(&found, tile, (600, 200))
        };
        assert!(cut(0, 0, [270.0, 50.0, 299.0, 90.0]) && cut(300, 0, [1.0, 50.0, 40.0, 90.0]));
        assert!(!cut(0, 0, [0.0, 50.0, 40.0, 90.0]) && !cut(0, 0, [100.0, 0.0, 140.0, 199.0]));
        assert!(!cut(300, 0, [270.0, 50.0, 299.0, 90.0]) && !cut(300, 0, [10.0, 50.0, 40.0, 90.0]));
    }

    #[test]
    fn a_speck_is_no_face() {
        assert!(squared(&found(10.0, 10.0, 15.0, 15.0, 0.9), (640, 480)).is_none());
    }
}
