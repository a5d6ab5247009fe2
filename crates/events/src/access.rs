use camera::Sighting;
use gallery::Gallery;

use crate::Calendar;

/// Who may pass at one camera, and when.
#[derive(Debug)]
pub struct Access {
    _gallery: Gallery,
    _calendar: Calendar,
}

impl Access {
    /// The rules of one camera; days begin by `calendar`.
    pub fn new(gallery: Gallery, calendar: Calendar) -> Self {
        Self { _gallery: gallery, _calendar: calendar }
    }

    /// Refuses those who are accepted by their faces and may not pass here now.
    pub fn judge(&mut self, _sighting: &mut Sighting) {}
}
