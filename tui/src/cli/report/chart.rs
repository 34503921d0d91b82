//! Charts as SVG within a page of HTML.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use crate::base::moment;
use crate::cache::recording::Series;

/// Size of the drawing; the page scales it.
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 240.0;
/// Room for the figures to the left, which are larger on a phone.
const LEFT: f64 = 110.0;

/// Points of a line: more than there are columns of pixels would not show.
const POINTS: usize = 400;

/// Lines differ without colours, too.
const DASHES: [&str; 6] = ["", "6 3", "2 3", "10 3 2 3", "1 4", "14 4"];

/// A chart of some lines.
pub(super) struct Chart<'a> {
    /// What it shows.
    pub title: &'a str,
    /// Names and figures.
    pub lines: Vec<(String, Series)>,
    /// From when to when.
    pub between: (SystemTime, SystemTime),
    /// Moments at which something happened.
    pub marks: Vec<SystemTime>,
    /// A figure in words.
    pub text: fn(u64) -> String,
}

impl Chart<'_> {
    /// As HTML; empty: there is no line to draw.
    pub(super) fn html(&self) -> String {
        let drawn = self.lines.iter().filter(|(_, line)| line.len() > 1);
        let drawn: Vec<_> = drawn.take(DASHES.len()).collect();
        let figures = drawn.iter().flat_map(|(_, line)| line);
        let most = figures.map(|(_, figure)| *figure).max().unwrap_or(0).max(1);
        if drawn.is_empty() {
            return String::new();
        }
        // Writing to a string does not fail.
        let mut svg = String::new();
        let (begin, end) = self.between;
        let _ = write!(
            svg,
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">",
            escaped(self.title),
            HEIGHT + 24.0
        );
        for quarter in 0..=4_u64 {
            let y = HEIGHT - (HEIGHT - 10.0) * quarter as f64 / 4.0;
            // Of small figures each line would have the same.
            let figure = u128::from(most) * u128::from(quarter) / 4;
            let figure = (self.text)(u64::try_from(figure).unwrap_or(u64::MAX));
            let _ = write!(
                svg,
                "<path class=grid d=\"M{LEFT} {y:.1}H{WIDTH}\"/><text x={:.0} y={:.1} text-anchor=end>{figure}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for (x, anchor, at) in [(LEFT, "start", begin), (WIDTH, "end", end)] {
            let at = moment::text(at);
            let _ = write!(
                svg,
                "<text x={x} y={} text-anchor={anchor}>{at}</text>",
                HEIGHT + 18.0
            );
        }
        for mark in &self.marks {
            let _ = write!(
                svg,
                "<path class=mark d=\"M{:.1} 10V{HEIGHT}\"/>",
                self.x(*mark)
            );
        }
        for (place, (_, line)) in drawn.iter().enumerate() {
            let path = self.path(line, most);
            let dash = DASHES[place];
            let _ = write!(
                svg,
                "<path class=\"line l{place}\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>"
            );
        }
        svg += "</svg><ul class=legend>";
        for (place, (name, _)) in drawn.iter().enumerate() {
            let dash = DASHES[place];
            let _ = write!(
                svg,
                "<li><svg viewBox=\"0 0 40 8\"><path class=\"line l{place}\" stroke-dasharray=\"{dash}\" d=\"M0 4H40\"/></svg>{}</li>",
                escaped(name)
            );
        }
        svg + "</ul></figure>\n"
    }

    fn x(&self, at: SystemTime) -> f64 {
        let (begin, end) = self.between;
        let all = moment::between(begin, end).as_secs_f64().max(0.001);
        let since = at.duration_since(begin).unwrap_or_default().as_secs_f64();
        LEFT + (WIDTH - LEFT) * (since / all).min(1.0)
    }

    /// A line; where nothing was recorded there is none.
    fn path(&self, line: &Series, most: u64) -> String {
        let longest = moment::between(self.between.0, self.between.1) / 50;
        let longest = longest.max(Duration::from_secs(150));
        let mut path = String::new();
        let mut last = None;
        // Of each part the greatest: a peak is what is looked for.
        for part in line.chunks(line.len().div_ceil(POINTS)) {
            let Some((at, figure)) = part.iter().max_by_key(|(_, figure)| *figure) else {
                continue;
            };
            let joined = last.is_some_and(|last| moment::between(last, *at) <= longest);
            let y = HEIGHT - (HEIGHT - 10.0) * (*figure as f64 / most as f64);
            let _ = write!(
                path,
                "{}{:.1} {y:.1}",
                if joined { "L" } else { "M" },
                self.x(*at)
            );
            last = Some(*at);
        }
        path
    }
}

/// Text within HTML, which names of caches and cgroups are not to leave.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(minute: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(60 * minute)
    }

    fn chart(lines: Vec<(String, Series)>) -> String {
        let chart = Chart {
            title: "a < b",
            lines,
            between: (at(0), at(10_000)),
            marks: vec![at(5_000)],
            text: |figure| figure.to_string(),
        };
        chart.html()
    }

    #[test]
    fn line_is_short_shows_its_peak_and_no_gap() {
        let mut line: Series = (0..10_000).map(|minute| (at(minute), 5)).collect();
        line[777].1 = 1_000;
        line.drain(3_000..6_000);
        let html = chart(vec![("x".into(), line)]);
        assert!(html.len() < 12_000, "{}", html.len());
        let path = html.split("l0\"").nth(1).unwrap();
        assert!(path.contains(" 10.0"), "the peak is at the top");
        assert_eq!(path.matches('M').count(), 2, "a gap: {path}");
        assert!(html.contains("a &lt; b"));
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert_eq!(chart(vec![]), "");
        assert_eq!(chart(vec![("x".into(), vec![(at(1), 1)])]), "");
        let zero = chart(vec![("x".into(), vec![(at(1), 0), (at(2), 0)])]);
        assert!(!zero.contains("NaN") && !zero.contains("inf"), "{zero}");
    }
}
