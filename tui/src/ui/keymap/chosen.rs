//! The table with the user's own keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crossterm::event::KeyCode;

use super::{BINDINGS, Binding, Scope, TOGETHER, label};

/// The table with the user's own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap(Vec<Binding>);

impl Default for Keymap {
    fn default() -> Self {
        Self(BINDINGS.to_vec())
    }
}

impl Keymap {
    /// With the keys of `chosen` in place of those of the bindings with the same name.
    pub fn new(chosen: &BTreeMap<&'static str, Vec<KeyCode>>) -> Result<Self, String> {
        let mut keymap = Self::default();
        for binding in &mut keymap.0 {
            if let Some(keys) = chosen.get(binding.name) {
                binding.keys = Cow::Owned(keys.clone());
            }
        }
        for scopes in TOGETHER {
            keymap.check(scopes)?;
        }
        Ok(keymap)
    }

    /// Fails if a key has two meanings within `scopes`.
    fn check(&self, scopes: &[Scope]) -> Result<(), String> {
        let mut seen: Vec<(KeyCode, &Binding)> = Vec::new();
        for binding in self.0.iter().filter(|b| scopes.contains(&b.scope)) {
            for &key in &*binding.keys {
                let mut others = seen.iter().filter(|(other, _)| *other == key);
                if let Some((_, other)) = others.find(|(_, b)| b.action != binding.action) {
                    return Err(format!(
                        "the key {} has two meanings, {} and {}, in: {}",
                        label(key),
                        other.word(),
                        binding.word(),
                        scopes[0].words()
                    ));
                }
                seen.push((key, binding));
            }
        }
        Ok(())
    }

    /// All bindings, those without a key, too.
    pub fn all(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter()
    }

    /// The bindings that have a key.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.all().filter(|binding| !binding.keys.is_empty())
    }

    /// The key to show for the bindings of this name.
    pub fn key(&self, name: &str) -> String {
        let found = self.bindings().find(|binding| binding.name == name);
        found.map_or_else(|| "(no key)".to_owned(), Binding::label)
    }
}

/// The bindings that can have other keys: one of each name, with the line of help.
pub fn configurable() -> impl Iterator<Item = &'static Binding> {
    let first = |(at, b): &(usize, &Binding)| {
        let same = |other: &Binding| other.name == b.name && !other.help.is_empty();
        !b.name.is_empty() && BINDINGS.iter().position(same) == Some(*at)
    };
    BINDINGS.iter().enumerate().filter(first).map(|(_, b)| b)
}

#[cfg(test)]
mod tests {
    use super::super::S;
    use super::*;
    use crate::ui::keymap::key;
    use KeyCode::Esc;

    fn chosen(keys: &[(&'static str, &str)]) -> Result<Keymap, String> {
        let keys = keys
            .iter()
            .map(|&(name, of)| (name, vec![key(of).unwrap()]));
        Keymap::new(&keys.collect())
    }

    #[test]
    fn no_key_has_two_meanings() {
        assert_eq!(Keymap::new(&BTreeMap::new()), Ok(Keymap::default()));
        let error = chosen(&[("help", "h")]).unwrap_err();
        assert_eq!(
            error,
            "the key h has two meanings, walk-out and help, in: Tree: mounts"
        );
        let error = chosen(&[("quit", "x"), ("down", "q"), ("up", "x")]).unwrap_err();
        assert!(
            error.contains("quit and up") || error.contains("up and quit"),
            "{error}"
        );
        let error = chosen(&[("quit", "x"), ("down", "q")]).unwrap_err();
        assert!(error.contains("close") && error.contains("down"), "{error}");
        assert!(chosen(&[("freeze", "m"), ("mark", "f")]).is_ok(), "swapped");
    }

    #[test]
    fn scopes_that_hold_together_are_all_listed() {
        for binding in BINDINGS {
            assert!(
                TOGETHER
                    .iter()
                    .any(|scopes| scopes.contains(&binding.scope))
            );
        }
    }

    #[test]
    fn name_has_the_same_keys_in_every_scope() {
        let mut names = Vec::new();
        for binding in configurable() {
            assert!(!names.contains(&binding.name), "{}", binding.name);
            names.push(binding.name);
        }
        for binding in BINDINGS.iter().filter(|b| !b.name.is_empty()) {
            let mut found = configurable().filter(|b| b.name == binding.name);
            assert_eq!(
                found.next().map(|b| &b.keys),
                Some(&binding.keys),
                "{}",
                binding.name
            );
        }
    }

    #[test]
    fn bindings_that_act_or_cancel_have_no_name() {
        let fixed = [S::Plan, S::RungPlan, S::Running, S::Filter];
        for binding in BINDINGS {
            if fixed.contains(&binding.scope) || binding.keys.contains(&Esc) {
                assert_eq!(binding.name, "", "{binding:?}");
            }
        }
        for name in ["y", "Esc", "ctrl-c", "Ctrl-Z", "ctrl-i", "ctrl-m"] {
            assert!(key(name).is_err(), "{name}");
        }
    }
}
