use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{Micros, PersonId, Profile, Store, StoreError};

use super::sheet::Sheet;
use super::{Schedule, Stamp, Workday};
use crate::Calendar;

/// Passages read at once.
const PAGE: u32 = 1000;

/// Days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    first: Date,
    last: Date,
}

impl Period {
    /// The longest, in days.
    pub const LONGEST: i32 = 366;

    /// `None` when `last` comes before `first` or more than a year after it, or when either lies far from our time.
    pub fn new(first: Date, last: Date) -> Option<Self> {
        let are_near = (1970..=9000).contains(&first.year()) && last.year() <= 9000;
        let days = first.until(last).ok()?.get_days() + 1;
        (are_near && (1..=Self::LONGEST).contains(&days)).then_some(Self { first, last })
    }

    /// The first day.
    pub fn first(self) -> Date {
        self.first
    }

    /// The last day, which belongs to it.
    pub fn last(self) -> Date {
        self.last
    }

    pub(super) fn days(self) -> impl Iterator<Item = Date> {
        self.first.series(1.day()).take_while(move |day| *day <= self.last)
    }
}

/// Somebody whose attendance is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Who, for good.
    pub id: PersonId,
    /// Who, by name.
    pub name: String,
    /// `None` for somebody who is no longer enrolled.
    pub profile: Option<Profile>,
    /// When the person was enrolled; the beginning of time for somebody who is no longer.
    pub since: Micros,
}

impl Attendee {
    /// By which other systems know the person: the `code`, or else our own number in a form that no code has.
    pub fn code(&self) -> String {
        let code = self.profile.as_ref().and_then(|profile| profile.code.clone());
        code.unwrap_or_else(|| stand_in(self.id))
    }
}

/// What stands for the code of somebody without one: `#7`. No code looks like it, see [`is_stand_in`].
pub fn stand_in(person: PersonId) -> String {
    format!("#{person}")
}

/// Whether `text` may stand for the code of somebody without one, and can be nobody's code therefore.
pub fn is_stand_in(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The book of who was there, as the database has it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Attendance {
    store: Store,
    schedules: Arc<[Schedule]>,
    calendar: Calendar,
    window: Duration,
    keep: Option<Duration>,
}

impl Attendance {
    /// By these schedules: of those that are for a person the first counts. A punch within `window` after one of the same direction
    /// is the same. `keep`: how long events are kept; `None` for ever.
    pub fn new(
        store: Store,
        schedules: Vec<Schedule>,
        calendar: Calendar,
        window: Duration,
        keep: Option<Duration>,
    ) -> Self {
        Self { store, schedules: schedules.into(), calendar, window, keep }
    }

    /// The same with days, and clocks on the wall, of another time zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { calendar: self.calendar.in_zone(zone), ..self }
    }

    /// Where days begin.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The schedule of a person.
    pub fn schedule(&self, attendee: &Attendee) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.fits(attendee.profile.as_ref()))
    }

    /// Everybody enrolled, and those who were and came or went in this period; in order of registration.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn people(&self, period: Period) -> Result<Vec<Attendee>, StoreError> {
        let enrolled = self.store.everybody().await?;
        let (from, to) = self.around(period);
        let former = self.store.former_people(from, to).await?;
        let enrolled = enrolled.into_iter().map(|person| Attendee {
            id: person.id,
            name: person.name,
            profile: Some(person.profile),
            since: person.created_at,
        });
        let former = former.into_iter().map(|(id, name)| Attendee { id, name, profile: None, since: Micros(0) });
        let mut people: Vec<_> = enrolled.chain(former).collect();
        people.sort_by_key(|person| person.id);
        Ok(people)
    }

    /// A person's working days of a period, as they are known at `now`; days of which nothing is to be said are left out.
    ///
    /// # Errors
    /// When the database cannot answer.
    pub async fn days(&self, who: &Attendee, period: Period, now: Micros) -> Result<Vec<Workday>, StoreError> {
        let (from, to) = self.around(period);
        let (mut stamps, mut voids) = (Vec::new(), Vec::new());
        let mut after: Option<String> = None;
        loop {
            let page = self.store.passes_of(who.id, from, to, after.as_deref(), PAGE).await?;
            after = page.last().map(|pass| pass.event.clone());
            let is_last = page.len() < PAGE as usize;
            for pass in page {
                let list = if pass.is_void { &mut voids } else { &mut stamps };
                list.push(Stamp::of_pass(pass));
            }
            if is_last {
                break;
            }
        }
        stamps.extend(self.store.punches_of(who.id, from, to).await?.iter().map(Stamp::of_punch));
        let sheet = Sheet {
            profile: who.profile.as_ref(),
            schedule: self.schedule(who),
            calendar: &self.calendar,
            window: self.window,
            known_from: who.since.max(self.kept_from(now)),
        };
        Ok(sheet.sum_up(period, stamps, voids, now))
    }

    /// Events from before are removed.
    fn kept_from(&self, now: Micros) -> Micros {
        let keep = self.keep.map_or(i64::MAX, |keep| i64::try_from(keep.as_micros()).unwrap_or(i64::MAX));
        Micros(now.0.saturating_sub(keep).max(0))
    }

    /// The period with some days before and after, to which what began or ended in it may reach.
    fn around(&self, period: Period) -> (Micros, Micros) {
        let start_of = |day| self.calendar.start_of(day);
        let first = start_of(period.first.saturating_sub(2.days())).unwrap_or_default();
        (first, start_of(period.last.saturating_add(3.days())).unwrap_or(Micros(i64::MAX)))
    }
}
