//! Which caches are meant: by a part of their names, or by a regular expression.

use std::str::FromStr;

use regex_lite::{Regex, RegexBuilder};

/// A filter on names.
#[derive(Clone, Debug)]
pub struct Filter(Regex);

impl FromStr for Filter {
    type Err = String;

    /// A part of the name, or `~` and a regular expression; in either case of letters.
    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = match text.strip_prefix('~') {
            Some(expression) => expression.to_owned(),
            None => regex_lite::escape(text),
        };
        RegexBuilder::new(&pattern)
            .case_insensitive(true)
            .build()
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl Filter {
    /// Whether one of these names of a cache passes.
    pub fn passes<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        names.any(|name| self.0.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_expressions() {
        for (filter, name, passes) in [
            ("ENTRY", "dentry", true),
            ("k.*8", "kmalloc-8", false),
            ("~^k.*8$", "kmalloc-8", true),
            ("~^K", "kmalloc-8", true),
            ("", "kmalloc-8", true),
            ("(", "dentry(12:a)", true),
        ] {
            let filter: Filter = filter.parse().unwrap();
            assert_eq!(filter.passes([name].into_iter()), passes, "{filter:?}");
        }
        assert!("~(".parse::<Filter>().is_err());
    }
}
