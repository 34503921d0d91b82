//! The time window of the history screen's charts, and a cursor in it.

use std::time::Duration;

/// The widths of a window, in seconds.
const SPANS: [u64; 13] = [
    10, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 259_200,
];

/// The time window of charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The time at the right edge.
    pub end: Duration,
    /// The time from edge to edge.
    pub span: Duration,
    /// The moment that the values are of; None: the right edge.
    pub cursor: Option<Duration>,
}

impl Window {
    /// The time at the left edge.
    pub fn begin(self) -> Duration {
        self.end.saturating_sub(self.span)
    }
}

/// The user's choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Charts {
    /// The time from edge to edge; None: the default.
    span: Option<Duration>,
    /// The time at the right edge; None: now.
    end: Option<Duration>,
    /// The moment that the values are of.
    cursor: Option<Duration>,
}

impl Charts {
    /// The window by this choice; `usual`: the default.
    pub fn window(self, usual: Window) -> Window {
        Window {
            end: self.end.unwrap_or(usual.end),
            span: self.span.unwrap_or(usual.span),
            cursor: self.cursor,
        }
    }

    /// The moment that the values in titles are of; None: now.
    pub fn moment(self) -> Option<Duration> {
        self.cursor.or(self.end)
    }

    /// The charts follow the time again, without a cursor.
    pub fn follow(&mut self) {
        (self.end, self.cursor) = (None, None);
    }

    /// Selects the next shorter or longer time. The cursor keeps its moment.
    pub fn zoom(&mut self, usual: Window, closer: bool) {
        let window = self.window(usual);
        let now = window.span.as_secs();
        let span = match closer {
            true => SPANS.iter().rfind(|&&span| span < now),
            false => SPANS.iter().find(|&&span| span > now),
        };
        let Some(&span) = span else {
            return;
        };
        let span = Duration::from_secs(span);
        if let Some(cursor) = self.cursor {
            let right = window.end.saturating_sub(cursor).as_secs_f64();
            let part = (right / window.span.as_secs_f64().max(1.0)).min(1.0);
            self.end = Some((cursor + span.mul_f64(part)).min(usual.end));
        }
        self.span = Some(span);
    }

    /// Moves the cursor by columns of a chart with `columns` of them, and the window with it.
    pub fn step(&mut self, usual: Window, first: Duration, steps: i64, columns: u32) {
        let window = self.window(usual);
        let column = window.span / columns.max(1);
        let from = window.cursor.unwrap_or(window.end);
        self.show(usual, first, moved(from, column, steps));
    }

    /// Moves the window by half of it.
    pub fn pan(&mut self, usual: Window, first: Duration, steps: i64) {
        let window = self.window(usual);
        let end = moved(window.end, window.span / 2, steps);
        // At most until the oldest point is in the middle.
        let end = end.max(first + window.span / 2).min(usual.end);
        self.end = (end < usual.end).then_some(end);
        if let Some(cursor) = self.cursor {
            self.cursor = Some(cursor.clamp(end.saturating_sub(window.span), end));
            self.end = Some(end);
        }
    }

    /// Moves the cursor to a moment, and the window so that it shows that.
    pub fn show(&mut self, usual: Window, first: Duration, at: Duration) {
        let window = self.window(usual);
        let at = at.min(usual.end).max(first.min(usual.end));
        self.cursor = Some(at);
        self.end = Some(if at < window.begin() {
            at + window.span
        } else {
            window.end.max(at)
        });
    }
}

fn moved(from: Duration, step: Duration, steps: i64) -> Duration {
    let by = step.saturating_mul(u32::try_from(steps.unsigned_abs()).unwrap_or(u32::MAX));
    match steps {
        0.. => from.saturating_add(by),
        _ => from.saturating_sub(by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn usual() -> Window {
        Window {
            end: seconds(10_000),
            span: seconds(600),
            cursor: None,
        }
    }

    #[test]
    fn zoomed_window_follows_the_time_until_there_is_a_cursor() {
        let mut charts = Charts::default();
        charts.zoom(usual(), true);
        assert_eq!(charts.window(usual()).span, seconds(300));
        assert_eq!(charts.window(usual()).end, seconds(10_000));
        for _ in 0..20 {
            charts.zoom(usual(), false);
        }
        assert_eq!(charts.window(usual()).span, seconds(259_200));
        for _ in 0..20 {
            charts.zoom(usual(), true);
        }
        assert_eq!(charts.window(usual()).span, seconds(10));
        charts.show(usual(), seconds(0), seconds(9_000));
        charts.zoom(usual(), false);
        let window = charts.window(usual());
        assert!(window.begin() <= seconds(9_000) && seconds(9_000) <= window.end);
        charts.follow();
        assert_eq!(charts.moment(), None);
    }

    #[test]
    fn cursor_moves_the_window_and_stays_within_the_points() {
        let mut charts = Charts::default();
        charts.step(usual(), seconds(5_000), -1, 60);
        assert_eq!(charts.moment(), Some(seconds(9_990)));
        assert_eq!(charts.window(usual()).end, seconds(10_000));
        charts.step(usual(), seconds(5_000), -100, 60);
        let window = charts.window(usual());
        assert_eq!(
            (window.cursor, window.begin()),
            (Some(seconds(8_990)), seconds(8_990))
        );
        charts.step(usual(), seconds(5_000), -100_000, 60);
        assert_eq!(charts.moment(), Some(seconds(5_000)));
        charts.step(usual(), seconds(5_000), 100_000, 60);
        assert_eq!(charts.moment(), Some(seconds(10_000)));
    }

    #[test]
    fn window_panned_to_the_end_follows_the_time_again() {
        let mut charts = Charts::default();
        charts.pan(usual(), seconds(5_000), -1);
        assert_eq!(charts.window(usual()).end, seconds(9_700));
        charts.pan(usual(), seconds(5_000), -1_000);
        assert_eq!(charts.window(usual()).end, seconds(5_300));
        charts.pan(usual(), seconds(5_000), 1_000);
        assert_eq!(charts.moment(), None);
    }
}
