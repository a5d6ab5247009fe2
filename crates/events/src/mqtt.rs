use camera::Sighting;

use crate::{Notice, PassageNews};

/// Tells a broker what happens, and Home Assistant what there is. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Mqtt {}

impl Mqtt {
    /// Tells of something at once, or not at all: an old PASS is no news.
    pub fn tell(&self, _notice: &Notice) {}

    /// How a passage stands.
    pub fn passage(&self, _news: &PassageNews) {}

    /// Who is in view of a camera now.
    pub fn sighting(&self, _sighting: &Sighting) {}
}
