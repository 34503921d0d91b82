//! A filter of names: those that hold a text, or those that a regular expression matches.

use regex_lite::{Regex, RegexBuilder};

/// Marks a regular expression.
pub const REGEX: char = '~';

/// What was typed, and what it means.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    test: Test,
}

#[derive(Clone, Debug, Default)]
enum Test {
    #[default]
    All,
    /// In lower case.
    Holds(String),
    Fits(Box<Regex>),
    /// Why the regular expression is invalid.
    NoRegex(String),
}

impl Filter {
    /// `text`, or `~` and a regular expression, in either case. An invalid one shows all and says
    /// why.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let test = match text.strip_prefix(REGEX) {
            Some("") => Test::All,
            Some(pattern) => regex(pattern),
            None if text.is_empty() => Test::All,
            None => Test::Holds(text.to_lowercase()),
        };
        Self { text, test }
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why the regular expression is invalid.
    pub fn error(&self) -> Option<&str> {
        match &self.test {
            Test::NoRegex(why) => Some(why),
            _ => None,
        }
    }

    /// Whether all names are shown.
    pub fn is_none(&self) -> bool {
        matches!(self.test, Test::All | Test::NoRegex(_))
    }

    /// Whether a name is shown.
    pub fn fits(&self, name: &str) -> bool {
        match &self.test {
            Test::All | Test::NoRegex(_) => true,
            Test::Holds(text) => name.to_lowercase().contains(text),
            Test::Fits(regex) => regex.is_match(name),
        }
    }
}

fn regex(pattern: &str) -> Test {
    // A name is short: a pattern that needs more than this is no search for one.
    let built = RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(1 << 16)
        .build();
    match built {
        Ok(regex) => Test::Fits(Box::new(regex)),
        Err(error) => Test::NoRegex(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(filter: &str, names: &[&'a str]) -> Vec<&'a str> {
        let filter = Filter::new(filter);
        names
            .iter()
            .copied()
            .filter(|name| filter.fits(name))
            .collect()
    }

    #[test]
    fn text_and_regular_expressions_match_names() {
        let caches = ["dentry", "kmalloc-8", "kmalloc-rcl-8", "Acpi-State", "a~b"];
        assert_eq!(names("", &caches), caches);
        assert_eq!(names("KMALLOC", &caches), ["kmalloc-8", "kmalloc-rcl-8"]);
        assert_eq!(names("k.*8", &caches), [""; 0], "no regular expression");
        assert_eq!(names("~^kmalloc-[0-9]", &caches), ["kmalloc-8"]);
        assert_eq!(names("~acpi", &caches), ["Acpi-State"]);
        assert_eq!(names("~", &caches), caches, "not yet one");
        assert_eq!(names("a~", &caches), ["a~b"]);
    }

    #[test]
    fn invalid_regular_expression_says_so_and_shows_all() {
        for bad in ["~(", "~[a", "~*", "~a{9999}{9999}"] {
            assert!(Filter::new(bad).error().is_some(), "{bad}");
            assert_eq!(names(bad, &["dentry"]), ["dentry"]);
        }
        assert_eq!(Filter::new("(").error(), None);
    }
}
