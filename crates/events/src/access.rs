use camera::Sighting;
use gallery::Gallery;
use jiff::tz::TimeZone;

/// Who may pass at one camera, and when.
#[derive(Debug)]
pub struct Access {
    _gallery: Gallery,
    _zone: TimeZone,
}

impl Access {
    /// The rules of one camera; days begin in `zone`.
    pub fn new(gallery: Gallery, zone: TimeZone) -> Self {
        Self { _gallery: gallery, _zone: zone }
    }

    /// Refuses those who are accepted by their faces and may not pass here now.
    pub fn judge(&mut self, _sighting: &mut Sighting) {}
}
