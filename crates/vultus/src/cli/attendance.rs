use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use events::{Period, parse_day};
use jiff::civil::Date;
use store::{Micros, Store};

use crate::attendance::{Form, Report, Wanted, attendance_of};
use crate::settings::{Resolved, Settings};

/// Whose attendance, and when.
#[derive(Debug, Args)]
pub struct AttendanceCommand {
    /// The first day, as in 2026-11-01; by default the last.
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<Date>,
    /// The last day, which belongs to it; by default today.
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Date>,
    /// That of the person with this name.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// That of the people of this group.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Print a table for spreadsheets.
    #[arg(long, conflicts_with_all = ["attlog", "json"])]
    csv: bool,
    /// Print the rows that attendance software reads.
    #[arg(long, conflicts_with = "json")]
    attlog: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

fn day(text: &str) -> Result<Date, &'static str> {
    parse_day(text).ok_or("a day is written as in 2026-11-01")
}

/// `vultus attendance`
pub fn run(command: AttendanceCommand, settings: &Settings, resolved: &Resolved) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let store = Store::open(&settings.database()).await?;
        let attendance = attendance_of(store, settings, resolved)?;
        let AttendanceCommand { from, to, person, group, csv, attlog, json } = command;
        let today = attendance.calendar().wall_clock(Micros::now()).date();
        let to = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
        let period = Period::new(from.unwrap_or(to), to).with_context(|| {
            format!("--to must not come before --from, and not {} days or more after it", Period::LONGEST)
        })?;
        let form = match (csv, attlog, json) {
            (true, _, _) => Form::Csv,
            (_, true, _) => Form::Attlog,
            (_, _, true) => Form::Json,
            _ => Form::Lines,
        };
        let name = person.clone().unwrap_or_default();
        let Some(mut report) = Report::begin(attendance, Wanted { period, person, group }, form).await? else {
            bail!(
                "nobody named {name} is registered, or came or went in these days; `vultus people list` shows who is"
            );
        };
        if report.is_empty() {
            eprintln!("nobody is to be told of: nobody is registered, or nobody in this group");
        }
        let mut output = std::io::stdout().lock();
        while let Some(part) = report.part().await? {
            output.write_all(part.as_bytes())?;
        }
        if form == Form::Json {
            output.write_all(b"\n")?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
