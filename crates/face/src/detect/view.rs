use models::{DetectorModel, Fit, Input};

use super::Detection;
use crate::RgbImage;
use crate::image::{Area, Picture};

/// How a part of a picture lies in a detector's input.
#[derive(Debug)]
pub(super) struct View {
    /// The part of the picture that is shown.
    area: Area,
    /// The detector's input.
    input: Input,
    /// Columns and rows of the input that show it.
    shown: (u32, u32),
    /// Columns at its left and rows above it.
    at: (u32, u32),
    /// Whether what is around it is black; else it is the model's zero, an even grey for most.
    black: bool,
}

impl View {
    /// The area as the detector's kind wants it.
    pub(super) fn of(area: Area, detector: &DetectorModel) -> Self {
        let input = detector.input;
        let shown = fitted(area, (input.width, input.height), detector.fit());
        Self { area, input, shown, at: (0, 0), black: true }
    }

    /// The area set into a border that is at least this share of the input's side at each side.
    pub(super) fn with_border(area: Area, detector: &DetectorModel, border: f32) -> Self {
        let input = detector.input;
        let border = |side: u32| (side as f32 * border).round() as u32;
        let at = (border(input.width), border(input.height));
        let room = (input.width - 2 * at.0, input.height - 2 * at.1);
        Self { area, input, shown: fitted(area, room, detector.fit()), at, black: false }
    }

    /// Writes the planes of the input. `scale` is the contract's `SCALE`: no more detail is shown than a picture of that share of the
    /// size has.
    pub(super) fn fill(&self, picture: &dyn Picture, scale: f32, out: &mut Vec<f32>) {
        let shown = Input { width: self.shown.0, height: self.shown.1, ..self.input };
        match self.reduced(picture, scale) {
            Some(small) => small.resize_into(small.whole(), &shown, out),
            None => picture.resize_into(self.area, &shown, out),
        }
        if self.shown != (self.input.width, self.input.height) {
            *out = self.surrounded(out);
        }
    }

    /// A face's place as shares of the input becomes pixels of the picture.
    pub(super) fn to_picture(&self, found: &mut Detection) {
        let (width, height) = (self.input.width as f32, self.input.height as f32);
        // As many pixels of the picture as the whole input would show.
        let across = self.area.width as f32 * width / self.shown.0 as f32;
        let down = self.area.height as f32 * height / self.shown.1 as f32;
        found.stretch(across, down);
        let (x, y) = (across * self.at.0 as f32 / width, down * self.at.1 as f32 / height);
        found.shift(self.area.left as f32 - x, self.area.top as f32 - y);
    }

    /// The whole picture at `scale`, where that is coarser than what is shown of it; otherwise the step between would only cost time.
    fn reduced(&self, picture: &dyn Picture, scale: f32) -> Option<RgbImage> {
        let side = |pixels: u32| ((pixels as f32 * scale).round() as u32).max(1);
        let (width, height) = (side(picture.width()), side(picture.height()));
        let is_coarser = width < self.shown.0 && height < self.shown.1;
        (is_coarser && scale < 1.0).then(|| RgbImage::shrunk(picture, width, height))
    }

    /// The shown planes, with what is around them.
    fn surrounded(&self, planes: &[f32]) -> Vec<f32> {
        let (width, height) = (self.shown.0 as usize, self.shown.1 as usize);
        let (across, down) = (self.input.width as usize, self.input.height as usize);
        let (x, y) = (self.at.0 as usize, self.at.1 as usize);
        let mut out = Vec::with_capacity(planes.len() / (width * height) * across * down);
        for (number, plane) in planes.chunks_exact(width * height).enumerate() {
            let start = out.len();
            out.resize(start + across * down, self.around(number));
            for (row, out) in plane.chunks_exact(width).zip(out[start..].chunks_exact_mut(across).skip(y)) {
                out[x..x + width].copy_from_slice(row);
            }
        }
        out
    }

    /// The value of the pixels around, in a plane.
    fn around(&self, plane: usize) -> f32 {
        if self.black { -self.input.mean.of(plane) * self.input.scale.of(plane) } else { 0.0 }
    }
}

/// Columns and rows that the area takes of so many.
fn fitted(area: Area, (width, height): (u32, u32), fit: Fit) -> (u32, u32) {
    match fit {
        Fit::Stretch => (width, height),
        Fit::Letterbox => {
            let ratio = (width as f32 / area.width as f32).min(height as f32 / area.height as f32);
            let side = |pixels: u32, most: u32| ((pixels as f32 * ratio).round() as u32).clamp(1, most);
            (side(area.width, width), side(area.height, height))
        }
    }
}

#[cfg(test)]
mod tests {
    use models::{Channels, DetectorKind, ModelFile, PerChannel};

    use super::*;
    use crate::geometry::{Point, Rect};

    fn detector(kind: DetectorKind, width: u32, height: u32) -> DetectorModel {
        let (mean, scale) = (PerChannel::All(100.0), PerChannel::All(0.5));
        let input = Input { width, height, channels: Channels::Rgb, mean, scale };
        DetectorModel { file: ModelFile::default(), kind, input, fit: None, min_score: 0.5, nms_iou: 0.4 }
    }

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::new(width, height, vec![200; (width * height * 3) as usize]).unwrap()
    }

    fn filled(view: &View, picture: &RgbImage) -> Vec<f32> {
        let mut planes = Vec::new();
        view.fill(picture, 1.0, &mut planes);
        planes
    }

    #[test]
    fn a_letterboxed_picture_lies_at_the_upper_left_and_black_is_around_it() {
        let picture = picture(8, 4);
        let view = View::of(picture.whole(), &detector(DetectorKind::Scrfd, 4, 3));
        let plane = [[50.0; 4], [50.0; 4], [-50.0; 4]].concat();
        assert_eq!(filled(&view, &picture), [plane.clone(), plane.clone(), plane].concat());
    }

    #[test]
    fn a_border_of_the_models_zero_lies_around_each_plane() {
        let picture = picture(8, 4);
        let view = View::with_border(picture.whole(), &detector(DetectorKind::Ultraface, 4, 4), 0.25);
        let row = |value| [0.0, value, value, 0.0];
        let plane = [row(0.0), row(50.0), row(50.0), row(0.0)].concat();
        assert_eq!(filled(&view, &picture), [plane.clone(), plane.clone(), plane].concat());
    }

    #[test]
    fn a_stretched_picture_fills_the_input() {
        let picture = picture(8, 4);
        let view = View::of(picture.whole(), &detector(DetectorKind::Ultraface, 4, 4));
        assert_eq!(filled(&view, &picture), [50.0; 48]);
    }

    #[test]
    fn a_place_in_the_input_is_found_again_in_the_picture() {
        let area = Area { left: 100, top: 50, width: 400, height: 200 };
        for (kind, border) in [(DetectorKind::Ultraface, 0.0), (DetectorKind::Yunet, 0.0), (DetectorKind::Yunet, 0.15)]
        {
            let view = View::with_border(area, &detector(kind, 320, 320), border);
            // The area's own corners, as shares of the input.
            let share = |at: u32, shown: u32| (at as f32 / 320.0, (at + shown) as f32 / 320.0);
            let ((left, right), (top, bottom)) = (share(view.at.0, view.shown.0), share(view.at.1, view.shown.1));
            let five = Some([Point { x: right, y: bottom }; 5]);
            let mut found = Detection { area: Rect { left, top, right, bottom }, score: 0.9, five };
            view.to_picture(&mut found);
            assert_eq!(found.area.to_pixels(), [100, 50, 500, 250], "{kind:?} {border}");
            let corner = found.five.unwrap()[4];
            assert!((corner.x - 500.0).abs() < 0.01 && (corner.y - 250.0).abs() < 0.01, "{corner:?}");
        }
    }
}
