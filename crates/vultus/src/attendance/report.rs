use std::vec;

use events::{Attendance, Attendee, Period, Workday, group_name};
use gallery::PersonName;
use store::{Micros, StoreError};

use super::{json, lines, rows, sheet};

/// A part of a report has about so many bytes: large enough to be worth sending, small enough to be held.
const PART: usize = 64 << 10;

/// Whose attendance is asked for, and when.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The days.
    pub period: Period,
    /// That of the people with this name: one who is enrolled, and perhaps others before.
    pub person: Option<String>,
    /// That of the people of this group.
    pub group: Option<String>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON object, see [`super::AttendanceReport`].
    Json,
    /// A table as RFC 4180 has it.
    Csv,
    /// Rows that attendance software reads.
    Attlog,
    /// A table for people.
    Lines,
}

/// A report on its way to a reader, some people at a time: however many there are, few are in memory.
pub struct Report {
    attendance: Attendance,
    period: Period,
    form: Form,
    now: Micros,
    people: vec::IntoIter<Attendee>,
    /// Columns of the longest name.
    name_width: usize,
    progress: Progress,
}

/// How far a report is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    Begun { people: usize },
    Over,
}

impl Report {
    /// Finds whose attendance is wanted. `None`: that of somebody who is not known.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn begin(attendance: Attendance, wanted: Wanted, form: Form) -> Result<Option<Self>, StoreError> {
        let Wanted { period, person, group } = wanted;
        let mut people = attendance.people(period).await?;
        if let Some(name) = person {
            let name = PersonName::parse(&name).ok();
            people.retain(|attendee| name.as_ref().is_some_and(|name| attendee.name == name.as_str()));
            if people.is_empty() {
                return Ok(None);
            }
        }
        if let Some(group) = group {
            let group = group_name(&group);
            let groups = |attendee: &Attendee| attendee.profile.as_ref().map(|own| own.groups.clone());
            people.retain(|attendee| {
                group.as_ref().is_some_and(|group| groups(attendee).unwrap_or_default().contains(group))
            });
        }
        let widths = people.iter().map(|attendee| attendee.name.chars().count());
        let name_width = widths.max().unwrap_or_default().max("person".len());
        let (people, now) = (people.into_iter(), Micros::now());
        Ok(Some(Self { attendance, period, form, now, people, name_width, progress: Progress::Nothing }))
    }

    /// Whether there is nobody whose attendance could be told.
    pub fn is_empty(&self) -> bool {
        self.people.as_slice().is_empty()
    }

    /// The next part of the text; `None` after the last.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn part(&mut self) -> Result<Option<String>, StoreError> {
        if self.progress == Progress::Over {
            return Ok(None);
        }
        let mut text = String::new();
        if self.progress == Progress::Nothing {
            self.head(&mut text);
            self.progress = Progress::Begun { people: 0 };
        }
        while text.len() < PART {
            let Some(attendee) = self.people.next() else {
                if self.form == Form::Json {
                    text.push_str("]}");
                }
                self.progress = Progress::Over;
                break;
            };
            let days = self.attendance.days(&attendee, self.period, self.now).await?;
            self.person(&mut text, &attendee, &days);
        }
        Ok(Some(text))
    }

    fn head(&self, text: &mut String) {
        match self.form {
            Form::Json => json::write_head(text, self.period, self.attendance.calendar()),
            Form::Csv => sheet::write_head(text),
            Form::Attlog => {}
            Form::Lines => lines::write_head(text, self.name_width),
        }
    }

    fn person(&mut self, text: &mut String, attendee: &Attendee, days: &[Workday]) {
        let Progress::Begun { people } = &mut self.progress else { return };
        let schedule = self.attendance.schedule(attendee).map(|schedule| schedule.name.as_str());
        let calendar = self.attendance.calendar();
        match self.form {
            Form::Json => {
                if *people > 0 {
                    text.push(',');
                }
                json::write_person(text, attendee, schedule, days, calendar);
            }
            Form::Csv => sheet::write_person(text, attendee, schedule, days, calendar),
            Form::Attlog => rows::write_person(text, attendee, days, calendar),
            Form::Lines => lines::write_person(text, attendee, days, calendar, self.name_width),
        }
        *people += 1;
    }
}
