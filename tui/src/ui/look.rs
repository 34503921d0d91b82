//! Glyphs and colours that this terminal can show, chosen once at the start.

use std::fmt;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// The characters that are not letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Rising, falling, unchanged.
    pub trend: [&'static str; 3],
    /// Eighths of a bar, from one to eight.
    pub bar: [&'static str; 8],
    /// A part of a bar beside the full one.
    pub shade: &'static str,
    /// What of a bar is yet to be filled.
    pub track: &'static str,
    /// A line across.
    pub rule: &'static str,
    /// The vertical line of a prune in a chart.
    pub marker: &'static str,
    /// The vertical line of the cursor in a chart.
    pub cursor: &'static str,
    /// A chart's left edge, and the corner below it.
    pub axis: [&'static str; 2],
    /// Marks a chosen line.
    pub chosen: &'static str,
    /// Shows that something is under way, one after the other.
    pub spinner: [&'static str; 4],
    /// Sort order: from the largest; from the smallest.
    pub order: [&'static str; 2],
    /// Between an old and a new value.
    pub arrow: &'static str,
    /// Heights of a row's history, from the lowest.
    pub spark: [&'static str; 8],
    /// Borders of boxes.
    pub border: border::Set<'static>,
    /// Charts are drawn with eight dots a cell, or with two.
    pub braille: bool,
    /// An ellipsis in one cell marks where text was cut.
    pub ellipsis: bool,
}

const UNICODE: Glyphs = Glyphs {
    trend: ["▲", "▼", "="],
    bar: ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    shade: "▒",
    track: "░",
    rule: "─",
    marker: "┆",
    cursor: "│",
    axis: ["┤", "└"],
    chosen: "▸",
    spinner: ["◐", "◓", "◑", "◒"],
    order: ["▼", "▲"],
    arrow: "→",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    border: border::PLAIN,
    braille: true,
    ellipsis: true,
};

const ASCII: Glyphs = Glyphs {
    trend: ["+", "-", "="],
    bar: [".", ".", ":", ":", "|", "|", "#", "#"],
    shade: "=",
    track: ".",
    rule: "-",
    marker: "!",
    cursor: "|",
    axis: ["|", "+"],
    chosen: ">",
    spinner: ["|", "/", "-", "\\"],
    order: ["v", "^"],
    arrow: "->",
    spark: ["_", ".", "-", "~", "=", "+", "*", "#"],
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
    ellipsis: false,
};

/// A set of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Only what can be read on any background by weak eyes: no grey, bold where it matters.
    HighContrast,
    /// Without colours; what matters is bold or reversed.
    None,
}

impl Theme {
    /// Every theme, in the order of the key that changes them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::HighContrast, Self::None];

    /// The next theme.
    pub fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::HighContrast,
            Self::HighContrast => Self::None,
            Self::None => Self::Dark,
        }
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::None => "none",
        })
    }
}

impl FromStr for Theme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|theme| theme.to_string() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|theme| theme.to_string());
            format!("no theme is named {text:?}; there are {}", names.join(", "))
        })
    }
}

/// Glyphs and colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The characters.
    pub glyphs: Glyphs,
    theme: Theme,
}

/// A role: its colour in the themes dark, light and high contrast.
type Role = [Color; 3];

const DIM: Role = [Color::DarkGray, Color::DarkGray, Color::Reset];
const GOOD: Role = [Color::Green, Color::Green, Color::Green];
const WARN: Role = [Color::Yellow, Color::Magenta, Color::Yellow];
const ALARM: Role = [Color::Red, Color::Red, Color::LightRed];
const ACCENT: Role = [Color::Cyan, Color::Blue, Color::LightCyan];

impl Look {
    /// The head of a column, for a terminal with or without Unicode.
    pub fn head(&self, head: &str) -> String {
        match self.glyphs.ellipsis {
            true => head.to_owned(),
            false => head.replace('Δ', "+"),
        }
    }

    /// A look with or without Unicode and colours.
    pub fn new(unicode: bool, colour: bool) -> Self {
        let glyphs = if unicode { UNICODE } else { ASCII };
        let theme = if colour { Theme::Dark } else { Theme::None };
        Self { glyphs, theme }
    }

    /// In the colours of `theme`.
    pub fn with_theme(self, theme: Theme) -> Self {
        Self { theme, ..self }
    }

    /// Its theme.
    pub fn theme(self) -> Theme {
        self.theme
    }

    /// A look by the environment: the first of LC_ALL, LC_CTYPE and LANG that is set names the
    /// encoding, TERM a terminal that has no such glyphs whatever the locale, NO_COLOR the user's
    /// wish.
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

    /// Whether a terminal of this TERM reports the mouse: the console and serial terminals do not.
    pub fn has_mouse(term: &str) -> bool {
        let without = ["", "linux", "dumb", "ansi", "vt100", "vt102", "vt220"];
        !without.contains(&term)
    }

    fn colour(self, role: Role) -> Style {
        let colour = match self.theme {
            Theme::Dark => role[0],
            Theme::Light => role[1],
            Theme::HighContrast => role[2],
            Theme::None => return Style::new(),
        };
        match self.theme {
            Theme::HighContrast if colour != Color::Reset => {
                Style::new().fg(colour).add_modifier(Modifier::BOLD)
            }
            _ => Style::new().fg(colour),
        }
    }

    /// Secondary text.
    pub fn dim(self) -> Style {
        self.colour(DIM)
    }

    /// Freeable memory.
    pub fn good(self) -> Style {
        self.colour(GOOD)
    }

    /// Text that deserves a second look.
    pub fn warn(self) -> Style {
        self.colour(WARN)
    }

    /// A failure, or a reach beyond the row.
    pub fn alarm(self) -> Style {
        self.colour(ALARM).add_modifier(Modifier::BOLD)
    }

    /// Lines of charts, and keys.
    pub fn accent(self) -> Style {
        self.colour(ACCENT)
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
        (look.glyphs.braille, look.theme != Theme::None)
    }

    #[test]
    fn environment_decides_on_glyphs_and_colours() {
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

    #[test]
    fn themes_have_names_and_differ() {
        for theme in Theme::ALL {
            assert_eq!(theme.to_string().parse(), Ok(theme));
        }
        assert!(
            "pink"
                .parse::<Theme>()
                .unwrap_err()
                .contains("high-contrast")
        );
        let [dark, light, contrast, none] =
            Theme::ALL.map(|theme| Look::new(true, true).with_theme(theme));
        assert_ne!(dark.warn(), light.warn());
        assert_eq!(
            contrast.dim(),
            Style::new().fg(Color::Reset),
            "nothing is grey"
        );
        for style in [
            none.dim(),
            none.good(),
            none.warn(),
            none.alarm(),
            none.accent(),
        ] {
            assert_eq!(style.fg, None);
        }
    }

    #[test]
    fn console_has_no_mouse() {
        assert!(Look::has_mouse("xterm-256color") && Look::has_mouse("tmux"));
        assert!(!Look::has_mouse("linux") && !Look::has_mouse("vt100") && !Look::has_mouse(""));
    }
}
