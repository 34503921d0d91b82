//! What this terminal can show: glyphs and colours, chosen once at the start.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// The characters that are not letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// More than before, less, the same.
    pub trend: [&'static str; 3],
    /// Eighths of a bar, from one to eight.
    pub bar: [&'static str; 8],
    /// A line across.
    pub rule: &'static str,
    /// The vertical line of a prune in a chart.
    pub marker: &'static str,
    /// A chart's left edge.
    pub axis: &'static str,
    /// In front of a chosen line.
    pub chosen: &'static str,
    /// From the largest; from the smallest.
    pub order: [&'static str; 2],
    /// Between before and after.
    pub arrow: &'static str,
    /// Change per second, as a heading.
    pub change: &'static str,
    /// Boxes.
    pub border: border::Set<'static>,
    /// Charts are drawn with eight dots a cell, or with two.
    pub braille: bool,
}

const UNICODE: Glyphs = Glyphs {
    trend: ["▲", "▼", "="],
    bar: ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    rule: "─",
    marker: "┆",
    axis: "┤",
    chosen: "▸",
    order: ["▼", "▲"],
    arrow: "→",
    change: "Δ/s",
    border: border::PLAIN,
    braille: true,
};

const ASCII: Glyphs = Glyphs {
    trend: ["+", "-", "="],
    bar: [".", ".", ":", ":", "|", "|", "#", "#"],
    rule: "-",
    marker: "!",
    axis: "|",
    chosen: ">",
    order: ["v", "^"],
    arrow: "->",
    change: "+-/s",
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    braille: false,
};

/// Glyphs and colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The characters.
    pub glyphs: Glyphs,
    colour: bool,
}

impl Look {
    /// Unicode and colours as asked for.
    pub fn new(unicode: bool, colour: bool) -> Self {
        let glyphs = if unicode { UNICODE } else { ASCII };
        Self { glyphs, colour }
    }

    /// From the environment: the first of LC_ALL, LC_CTYPE and LANG that is set names the
    /// encoding, TERM a terminal that has no such glyphs whatever the locale, NO_COLOR the wish.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| var(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.ends_with("utf-8") || locale.ends_with("utf8")
        });
        let term = set("TERM").unwrap_or_default();
        let plain = ["linux", "dumb", "ansi", "vt100", "vt102", "vt220"].contains(&term.as_str());
        let grey = ["dumb", "vt100", "vt102", "vt220"].contains(&term.as_str());
        Self::new(utf8 && !plain, set("NO_COLOR").is_none() && !grey)
    }

    fn colour(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// What is secondary.
    pub fn dim(self) -> Style {
        self.colour(Color::DarkGray)
    }

    /// What memory comes back from.
    pub fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// What is worth a second look.
    pub fn warn(self) -> Style {
        self.colour(Color::Yellow)
    }

    /// What failed, or reaches further than the row.
    pub fn alarm(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Lines of charts, and keys.
    pub fn accent(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// Titles and the figures that matter.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The selected row.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(env: &[(&str, &str)]) -> (bool, bool) {
        let look = Look::from_env(|name| {
            let found = env.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).into())
        });
        (look.glyphs.braille, look.colour)
    }

    #[test]
    fn the_environment_decides() {
        assert_eq!(look(&[]), (false, true));
        assert_eq!(
            look(&[("LANG", "de_DE.UTF-8"), ("TERM", "xterm")]),
            (true, true)
        );
        assert_eq!(look(&[("LANG", "C.utf8"), ("LC_ALL", "C")]), (false, true));
        assert_eq!(look(&[("LANG", "C.utf8"), ("LC_ALL", "")]), (true, true));
        assert_eq!(
            look(&[("LANG", "C.utf8"), ("TERM", "linux")]),
            (false, true)
        );
        assert_eq!(
            look(&[("LANG", "C.utf8"), ("TERM", "vt100")]),
            (false, false)
        );
        assert_eq!(
            look(&[("LANG", "C.utf8"), ("NO_COLOR", "1")]),
            (true, false)
        );
    }
}
