//! Options of a superblock.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::text::printable;

/// Options of a superblock, as the kernel writes them: `rw,errors=remount-ro`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(pub(super) Arc<str>);

impl Options {
    /// Each option with its value, by its key.
    pub fn by_key(&self) -> BTreeMap<&str, Option<&str>> {
        let all = self.0.split(',').filter(|option| !option.is_empty());
        let pair = |option| match str::split_once(option, '=') {
            Some((key, value)) => (key, Some(value)),
            None => (option, None),
        };
        all.map(pair).collect()
    }

    /// What only one of the two has: `-rw +ro`.
    pub fn difference(&self, after: &Self) -> String {
        let only = |of: &Self, other: &Self, sign: char| {
            let other = other.by_key();
            let all = of.by_key().into_iter();
            all.filter(|(key, value)| other.get(key) != Some(value))
                .map(|(key, value)| match value {
                    Some(value) => format!("{sign}{}={}", printable(key), printable(value)),
                    None => format!("{sign}{}", printable(key)),
                })
                .collect::<Vec<_>>()
        };
        let mut words = only(self, after, '-');
        words.extend(only(after, self, '+'));
        words.join(" ")
    }

    /// Whether `key` is among them.
    pub fn has(&self, key: &str) -> bool {
        self.by_key().contains_key(key)
    }
}

impl From<&str> for Options {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Options {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_of_options_is_reported() {
        let before = Options::from("rw,commit=5");
        let after = Options::from("ro,commit=30");
        assert_eq!(before.difference(&after), "-commit=5 -rw +commit=30 +ro");
        assert_eq!(before.difference(&before), "");
    }
}
