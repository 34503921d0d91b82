//! The user's terminal and environment.

use std::io::{self, IsTerminal};

use super::{Check, State};

pub(super) fn checks() -> [Check; 3] {
    [terminal(), locale(), configuration()]
}

fn terminal() -> Check {
    let check = |state, found: String| Check::new("terminal", "the screen", state, found);
    if !io::stdout().is_terminal() {
        let found = "standard output is not a terminal".to_owned();
        return check(State::Unknown, found).remedy("run it in a terminal, or: slabscope slabs");
    }
    let name = std::env::var("TERM").unwrap_or_default();
    let (columns, rows) = crossterm::terminal::size().unwrap_or_default();
    let found = format!("{name}, {columns}x{rows}");
    if columns < 80 || rows < 24 {
        check(State::Failed, found).remedy("make it 80x24 or larger")
    } else {
        check(State::Ok, found)
    }
}

fn locale() -> Check {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let locale = locale.unwrap_or_else(|| "none".into());
    let folded = locale.to_ascii_lowercase();
    let state = if folded.ends_with("utf-8") || folded.ends_with("utf8") {
        State::Ok
    } else {
        State::Missing
    };
    let purpose = "fine charts and bars; without, in ASCII";
    Check::new("UTF-8", purpose, state, locale).remedy("export LC_ALL=C.UTF-8")
}

fn configuration() -> Check {
    let (state, found) = match crate::ui::config::Config::load() {
        Ok(_) => (State::Ok, "without a mistake".to_owned()),
        Err(error) => (State::Failed, error.to_string()),
    };
    Check::new("config.toml", "the screen's settings", state, found)
        .remedy("slabscope config --print-default shows what can be set")
}
