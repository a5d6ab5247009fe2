//! Attendance as it is asked for: by which schedules, in which form, and logs of other doors that are read in.
//!
//! Lives here: the schedules of the settings' file (`rules`), the report as it is written person by person (`report`), its forms
//! (`json`, `sheet`, `rows`, `lines`), and logs on their way into the database (`log`).
//! Does not live here: what a working day comes to (crate `events`), SQL (crate `store`), routes (`http`).
mod json;
mod lines;
mod log;
mod report;
mod rows;
mod rules;
mod sheet;

pub use json::AttendanceReport;
pub use log::{LogReport, MOST_ROWS, is_to_come, read_log};
pub use report::{Form, Report, Wanted};
pub use rules::attendance_of;
