//! Who was there and who was not: from passages, and what people said of them, to working days.
//!
//! Lives here: comings and goings as they count (`stamp`), when somebody should be there (`schedule`), which working day a punch
//! belongs to (`workdays`), what a working day comes to (`workday`), all of it for one person (`sheet`), the rows that attendance software reads (`attlog`), and how
//! all of it is read from the database, person by person (`book`).
mod attlog;
mod book;
mod schedule;
mod sheet;
mod stamp;
mod workday;
mod workdays;

#[cfg(test)]
mod tests;

pub use attlog::{AttlogRow, NotARow};
pub use book::{Attendance, Attendee, Period, is_stand_in, stand_in};
pub use schedule::{NotASchedule, Schedule, Shift};
pub use stamp::{Stamp, StampSource};
pub use workday::{CountedStamp, Workday};
