use face::YuvImage;

use crate::decision::Verdict;
use crate::draw::{Colour, Painter};
use crate::sighting::SeenFace;

/// Draws every face's box with its name and distance; who is not accepted is unknown, whoever may be nearest.
pub fn annotate(painter: &mut Painter, image: &mut YuvImage, faces: &[SeenFace]) {
    // The main face last, so that its label lies on top.
    for seen in faces.iter().rev() {
        let (label, colour) = match &seen.nearest {
            Some(nearest) if seen.verdict == Verdict::Pass => {
                (format!("{} {:.2}", nearest.name, nearest.distance.value()), Colour::Pass)
            }
            Some(nearest) => (format!("unknown {:.2}", nearest.distance.value()), Colour::Reject),
            None => ("unknown".to_owned(), Colour::Reject),
        };
        painter.draw_face(image, &seen.detection.area, &label, colour);
    }
}
