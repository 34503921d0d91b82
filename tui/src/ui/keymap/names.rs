//! The names of keys, on the screen and in the configuration.

use crossterm::event::KeyCode;
use crossterm::event::KeyCode::{
    Backspace, Char, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Up,
};

/// Keys that are not a character, as the screen names them.
const NAMED: [(&str, KeyCode); 15] = [
    ("Enter", Enter),
    ("Esc", Esc),
    ("Space", Char(' ')),
    ("Bksp", Backspace),
    ("Tab", KeyCode::Tab),
    ("Up", Up),
    ("Down", Down),
    ("Left", Left),
    ("Right", Right),
    ("PgUp", PageUp),
    ("PgDn", PageDown),
    ("Home", Home),
    ("End", End),
    ("Ins", KeyCode::Insert),
    ("Del", KeyCode::Delete),
];

/// The name of a key on the screen and in the configuration.
pub fn label(key: KeyCode) -> String {
    let named = NAMED.iter().find(|(_, code)| *code == key);
    match (named, key) {
        (Some((name, _)), _) => (*name).to_owned(),
        (None, Char(c)) if c.is_ascii_control() => {
            format!("Ctrl-{}", char::from(c as u8 | 0x40))
        }
        (None, Char(c)) => c.to_string(),
        (None, key) => key.to_string(),
    }
}

/// A letter with Ctrl is the control character that a terminal sends for it.
pub fn control(letter: char) -> Option<KeyCode> {
    let letter = letter.to_ascii_lowercase();
    letter
        .is_ascii_lowercase()
        .then(|| Char(char::from(letter as u8 & 0x1f)))
}

/// The key of that name, if a binding may have it.
pub fn key(name: &str) -> Result<KeyCode, String> {
    let shown = crate::base::text::printable(name);
    let mut chars = name.chars();
    let found = match (chars.next(), chars.next()) {
        (Some(c), None) if c == '\\' || shown == name => Some(Char(c)),
        _ => named(&name.to_ascii_lowercase()),
    };
    match found {
        None => {
            let names = NAMED.map(|(name, _)| name).join(", ");
            Err(format!(
                "{shown} is not a key: a key is a character, Ctrl-A to Ctrl-Z, F1 to F12, or {names}"
            ))
        }
        Some(Esc) => Err("Esc cancels, and can do nothing else".to_owned()),
        // Held down too long, the key that requests a plan must not carry it out.
        Some(Char('y')) => Err("y carries out a plan, and can do nothing else".to_owned()),
        // Ctrl-C and Ctrl-Z always work; for the other two a terminal sends Tab and Enter.
        Some(Char('\u{3}' | '\u{1a}' | '\t' | '\r')) => {
            Err(format!("{shown} cannot be given another meaning"))
        }
        Some(key) => Ok(key),
    }
}

fn named(name: &str) -> Option<KeyCode> {
    if let Some((_, code)) = NAMED.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
        return Some(*code);
    }
    if let Some(letter) = name.strip_prefix("ctrl-") {
        let mut letters = letter.chars();
        return control(letters.next()?).filter(|_| letters.next().is_none());
    }
    let number = name.strip_prefix('f')?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keymap::configurable;

    #[test]
    fn key_has_the_name_that_is_shown() {
        for binding in configurable() {
            for &code in &*binding.keys {
                assert_eq!(key(&label(code)), Ok(code));
            }
        }
        for (name, code) in [
            ("F", Char('F')),
            ("é", Char('é')),
            ("\\", Char('\\')),
            ("f12", KeyCode::F(12)),
            ("pgdn", PageDown),
            ("ctrl-f", Char('\u{6}')),
        ] {
            assert_eq!(key(name), Ok(code));
            assert!(label(code).eq_ignore_ascii_case(name), "{name}");
        }
        for name in [
            "", "FF", "f0", "f13", "ctrl-", "ctrl-1", "ctrl-ff", "\u{1b}", "\u{6}", "\u{202e}",
        ] {
            assert!(key(name).unwrap_err().contains("is not a key"), "{name:?}");
        }
    }
}
