use std::collections::HashMap;

use events::{Attendance, AttlogRow, stand_in};
use serde::Serialize;
use store::{Micros, NewPunch, Person, PunchSource, StoreError};
use utoipa::ToSchema;

/// Most rows of a log that are read at once.
pub const MOST_ROWS: usize = 50_000;

/// A day that clocks may be ahead of ours, in microseconds.
const MOST_AHEAD: i64 = 24 * 3_600_000_000;

/// Rows that are written with one commit.
const AT_ONCE: usize = 500;

/// What became of a log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogReport {
    /// Rows that are new.
    added: usize,
    /// Rows that were known already.
    known: usize,
    /// Rows that cannot be used.
    refused: usize,
    rows: Vec<RowReport>,
}

/// What became of a row.
#[derive(Debug, Serialize, ToSchema)]
struct RowReport {
    /// The line in which it stands, from 1.
    row: usize,
    /// `added`, `known` or `refused`.
    result: &'static str,
    /// `bad_row` or `unknown_person`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Reads a door's log into the database: rows of up to [`MOST_ROWS`] lines, each with a result of its own. Times are those of a
/// clock on the wall; of the hour that comes twice when clocks are set back it is the first. `None` when there are more lines.
///
/// # Errors
/// What the database said; a part of the log may be kept then, and reading it again does no harm.
pub async fn read_log(attendance: &Attendance, log: &[u8]) -> Result<Option<LogReport>, StoreError> {
    // Editors of Windows begin a file with a mark.
    let log = log.strip_prefix(b"\xef\xbb\xbf").unwrap_or(log);
    let lines = || log.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).enumerate();
    let is_row = |(_, line): &(usize, &[u8])| !line.is_empty();
    if lines().filter(is_row).count() > MOST_ROWS {
        return Ok(None);
    }
    let roster = attendance.store().everybody().await?;
    let people = by_code(&roster);
    let mut report = LogReport { added: 0, known: 0, refused: 0, rows: Vec::new() };
    let mut waiting: Vec<(usize, NewPunch)> = Vec::new();
    for (at, line) in lines().filter(is_row) {
        match punch_of(line, &people, attendance) {
            Ok(punch) => waiting.push((at + 1, punch)),
            Err((error, message)) => report.refuse(at + 1, error, message),
        }
        if waiting.len() == AT_ONCE {
            report.keep(attendance, &mut waiting).await?;
        }
    }
    report.keep(attendance, &mut waiting).await?;
    report.rows.sort_by_key(|row| row.row);
    Ok(Some(report))
}

impl LogReport {
    fn refuse(&mut self, row: usize, error: &'static str, message: String) {
        self.refused += 1;
        self.rows.push(RowReport { row, result: "refused", error: Some(error), message: Some(message) });
    }

    async fn keep(&mut self, attendance: &Attendance, waiting: &mut Vec<(usize, NewPunch)>) -> Result<(), StoreError> {
        let (rows, punches): (Vec<usize>, Vec<NewPunch>) = std::mem::take(waiting).into_iter().unzip();
        let new = attendance.store().add_log(&punches).await?;
        for (row, is_new) in rows.into_iter().zip(new) {
            *(if is_new { &mut self.added } else { &mut self.known }) += 1;
            let result = if is_new { "added" } else { "known" };
            self.rows.push(RowReport { row, result, error: None, message: None });
        }
        Ok(())
    }
}

/// Everybody by that which exports give them: the code, or what stands for it.
fn by_code(roster: &[Person]) -> HashMap<String, &Person> {
    let without = roster.iter().filter(|person| person.profile.code.is_none());
    let numbers = without.map(|person| (stand_in(person.id), person));
    let codes = roster.iter().filter_map(|person| Some((person.profile.code.clone()?, person)));
    numbers.chain(codes).collect()
}

/// Whether nobody can have come or gone at `at`, by any clock.
pub fn is_to_come(at: Micros) -> bool {
    at.0 > Micros::now().0.saturating_add(MOST_AHEAD)
}

fn punch_of(
    line: &[u8],
    people: &HashMap<String, &Person>,
    attendance: &Attendance,
) -> Result<NewPunch, (&'static str, String)> {
    let row = AttlogRow::parse(line).map_err(|error| ("bad_row", error.to_string()))?;
    let person = people.get(&row.id).ok_or_else(|| {
        ("unknown_person", format!("nobody has the code {}: see /api/v1/people, and give each person one", row.id))
    })?;
    let at = attendance.calendar().moment(row.at).filter(|at| at.0 >= 0 && !is_to_come(*at));
    let at = at.ok_or_else(|| ("bad_row", format!("{} lies before 1970, or is still to come", row.at)))?;
    Ok(NewPunch {
        person_id: person.id,
        person: person.name.clone(),
        at,
        direction: row.direction.map(|direction| direction.as_str().to_owned()),
        source: PunchSource::Log,
        verify: row.verify,
        note: None,
        by: None,
    })
}
