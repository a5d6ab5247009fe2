//! The text form in which Prometheus reads numbers.

use std::fmt::{Display, Write};

use camera::Timing;

/// What a number is, in Prometheus' terms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Percentiles, with count and sum.
    Summary,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
        }
    }
}

/// A page of numbers in the making.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// All numbers of one name, which differ in their labels.
pub(super) struct Family<'a> {
    page: &'a mut String,
    name: &'static str,
}

/// A label's name and its value.
pub(super) type Label<'a> = (&'static str, &'a str);

impl Page {
    /// Begins the numbers called `name`; `help` is one line.
    pub fn family(&mut self, kind: Kind, name: &'static str, help: &'static str) -> Family<'_> {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name()));
        Family { page: &mut self.0, name }
    }

    /// The only number of its name.
    pub fn single(&mut self, kind: Kind, name: &'static str, help: &'static str, value: impl Display) {
        self.family(kind, name, help).sample(&[], value);
    }

    /// The page as it is sent.
    pub fn into_text(self) -> String {
        self.0
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // A text takes whatever is written to it.
        let _ = self.0.write_fmt(text);
    }
}

impl Family<'_> {
    /// One number.
    pub fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.line("", labels, value);
    }

    /// Percentiles of the newest, in seconds, and count and sum of all. Before the first there are no percentiles.
    pub fn timing(&mut self, labels: &[Label<'_>], timing: &Timing) {
        if timing.count > 0 {
            for (quantile, time) in [("0.5", timing.p50), ("0.95", timing.p95), ("0.99", timing.p99)] {
                self.line("", &[labels, &[("quantile", quantile)]].concat(), time.as_secs_f64());
            }
        }
        self.line("_sum", labels, timing.sum.as_secs_f64());
        self.line("_count", labels, timing.count);
    }

    fn line(&mut self, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        self.page.push_str(self.name);
        self.page.push_str(suffix);
        for (at, (name, value)) in labels.iter().enumerate() {
            self.page.push(if at == 0 { '{' } else { ',' });
            self.page.push_str(name);
            self.page.push_str("=\"");
            self.page.extend(value.chars().flat_map(escaped));
            self.page.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        // As above.
        let _ = writeln!(self.page, "{end} {value}");
    }
}

/// A character as it stands in a label's value.
fn escaped(character: char) -> impl Iterator<Item = char> {
    let (escape, character) = match character {
        '\n' => (true, 'n'),
        '"' | '\\' => (true, character),
        _ => (false, character),
    };
    escape.then_some('\\').into_iter().chain([character])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_label_holds_any_name_on_one_line() {
        let mut page = Page::default();
        page.family(Kind::Gauge, "fps", "Frames a second.").sample(&[("camera", "a\"b\nc\\d"), ("x", "")], 2.5);
        assert_eq!(
            page.into_text(),
            "# HELP fps Frames a second.\n# TYPE fps gauge\nfps{camera=\"a\\\"b\\nc\\\\d\",x=\"\"} 2.5\n"
        );
    }

    #[test]
    fn a_timing_has_no_percentiles_before_the_first() {
        let mut page = Page::default();
        let mut family = page.family(Kind::Summary, "s", "S.");
        family.timing(&[], &Timing::default());
        let one = Duration::from_millis(250);
        family.timing(&[("a", "b")], &Timing { count: 1, sum: one, p50: one, p95: one, p99: one });
        let lines: Vec<String> = page.into_text().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "s_sum 0",
                "s_count 0",
                "s{a=\"b\",quantile=\"0.5\"} 0.25",
                "s{a=\"b\",quantile=\"0.95\"} 0.25",
                "s{a=\"b\",quantile=\"0.99\"} 0.25",
                "s_sum{a=\"b\"} 0.25",
                "s_count{a=\"b\"} 1",
            ]
        );
    }
}
