use events::{Attendee, AttlogRow, Calendar, StampSource, Workday};

/// A row for each coming and going that counts.
pub(super) fn write_person(text: &mut String, attendee: &Attendee, days: &[Workday], calendar: &Calendar) {
    let id = attendee.code();
    let stamps = days.iter().flat_map(|day| &day.stamps).filter(|stamp| stamp.counts_as.is_some());
    for stamp in stamps {
        let verify = match stamp.stamp.source {
            StampSource::Event { .. } => Some(AttlogRow::FACE),
            StampSource::Log { verify, .. } => verify,
            StampSource::Hand { .. } => Some(AttlogRow::HAND),
        };
        let at = calendar.wall_clock(stamp.stamp.at);
        let row = AttlogRow { id: id.clone(), at, direction: stamp.counts_as, verify };
        text.push_str(&format!("{row}\n"));
    }
}
