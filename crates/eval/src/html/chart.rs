use std::fmt::Write;

/// Size of a drawing and the room around its field, in its own units.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

/// One direction of a chart.
pub(super) struct Axis {
    label: &'static str,
    from: f64,
    to: f64,
    is_log: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From `from` to `to`, with about five round numbers; shares are written in percent.
    pub(super) fn linear(label: &'static str, from: f64, to: f64, is_share: bool) -> Self {
        let rough = (to - from) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let written = |value: f64| if is_share { number(value * 100.0) + " %" } else { number(value) };
        let first = (from / step).ceil() as i64;
        let ticks = (first..first + 12).map(|at| at as f64 * step).filter(|value| *value <= to + step * 1e-6);
        Self { label, from, to, is_log: false, ticks: ticks.map(|value| (value, written(value))).collect() }
    }

    /// Whole decades around `from` and `to`, shares above 0, up to 1, written in percent.
    pub(super) fn log(label: &'static str, from: f64, to: f64) -> Self {
        let low = (from.max(1e-9).log10().floor() as i32).min(-1);
        let high = (to.max(1e-9).log10().ceil() as i32).clamp(low + 1, 0);
        let tick = |exponent: i32| (10f64.powi(exponent), number(10f64.powi(exponent + 2)) + " %");
        let (from, to) = (10f64.powi(low), 10f64.powi(high));
        Self { label, from, to, is_log: true, ticks: (low..=high).map(tick).collect() }
    }

    /// 0–1 along the axis; what lies beyond its ends is drawn on them.
    fn share(&self, value: f64) -> f64 {
        let place = |value: f64| if self.is_log { value.max(self.from).log10() } else { value };
        let (from, to) = (place(self.from), place(self.to));
        ((place(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A line of a chart; its class gives the colour.
pub(super) struct Line<'a> {
    pub(super) class: &'static str,
    pub(super) label: &'static str,
    pub(super) points: &'a [(f64, f64)],
    /// Whether the room below it is filled.
    pub(super) is_filled: bool,
}

/// A drawing of some lines, with `marks`: places on the x axis that have a name.
pub(super) fn chart(x: &Axis, y: &Axis, lines: &[Line<'_>], marks: &[(f64, &str)]) -> String {
    let right = WIDTH - RIGHT;
    let bottom = HEIGHT - BOTTOM;
    let column = |value: f64| LEFT + x.share(value) * (right - LEFT);
    let row = |value: f64| bottom - y.share(value) * (bottom - TOP);
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} by {}\">\n", y.label, x.label);
    // Writing to a string never fails.
    for (value, text) in &x.ticks {
        let at = column(*value);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>");
        let _ = writeln!(svg, "<text class=\"x\" x=\"{at:.1}\" y=\"{:.1}\">{text}</text>", bottom + 16.0);
    }
    for (value, text) in &y.ticks {
        let at = row(*value);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>");
        let _ = writeln!(svg, "<text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>", LEFT - 6.0, at + 4.0);
    }
    let middle = f64::midpoint(LEFT, right);
    let _ = writeln!(svg, "<text class=\"x label\" x=\"{middle}\" y=\"{}\">{}</text>", HEIGHT - 8.0, x.label);
    let _ = writeln!(
        svg,
        "<text class=\"x label\" transform=\"translate(13 {}) rotate(-90)\">{}</text>",
        f64::midpoint(TOP, bottom),
        y.label
    );
    for (value, name) in marks {
        let at = column(*value);
        let _ = writeln!(svg, "<path class=\"mark\" d=\"M{at:.1} {TOP}V{bottom}\"/>");
        let _ = writeln!(svg, "<text class=\"name\" x=\"{:.1}\" y=\"{}\">{name}</text>", at + 4.0, TOP + 12.0);
    }
    for line in lines.iter().filter(|line| !line.points.is_empty()) {
        let mut path = String::new();
        for (at, (x, y)) in line.points.iter().enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if at == 0 { 'M' } else { 'L' }, column(*x), row(*y));
        }
        if line.is_filled {
            let (first, last) = (line.points[0].0, line.points[line.points.len() - 1].0);
            let _ = writeln!(
                svg,
                "<path class=\"area {}\" d=\"{path}L{:.1} {bottom}L{:.1} {bottom}Z\"/>",
                line.class,
                column(last),
                column(first)
            );
        }
        let _ = writeln!(svg, "<path class=\"line {}\" d=\"{path}\"/>", line.class);
    }
    svg.push_str("</svg>\n");
    if lines.len() > 1 {
        svg.push_str("<p class=\"legend\">");
        for line in lines {
            let _ = write!(svg, "<span class=\"{}\">{}</span> ", line.class, line.label);
        }
        svg.push_str("</p>\n");
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        let axis = Axis::linear("TAR", 0.87, 1.0, true);
        let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["90 %", "95 %", "100 %"]);
        let axis = Axis::log("FMR", 2e-6, 1.0);
        let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["0.0001 %", "0.001 %", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"]);
        // A share is no more than the whole.
        assert_eq!(Axis::log("FNMR", 1.0, 1.0).to, 1.0);
    }

    #[test]
    fn what_lies_beyond_an_axis_is_drawn_on_its_end() {
        let axis = Axis::log("FMR", 1e-4, 1.0);
        assert_eq!((axis.share(0.0), axis.share(1e-4), axis.share(1e-2), axis.share(2.0)), (0.0, 0.0, 0.5, 1.0));
    }
}
