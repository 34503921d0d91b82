//! JSON as every subcommand writes it: a `schema` first, names in snake_case, the unit of a figure
//! as a suffix (`_bytes`, `_ns`), and names that are no UTF-8 marked as such.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::ser::{Formatter, Serializer};

/// Writes `value` as one line `{"schema": SCHEMA, ...}`, so that a stream of them is JSON Lines.
pub fn write(out: &mut dyn Write, schema: &str, value: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a, T> {
        schema: &'a str,
        #[serde(flatten)]
        value: &'a T,
    }
    let mut json = Serializer::with_formatter(&mut *out, Escaping);
    Document { schema, value }.serialize(&mut json)?;
    writeln!(out)
}

/// Escapes in strings what a terminal would obey or not show, as [`crate::base::text::printable`]
/// does: a JSON parser reads both forms alike.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_hidden(*c)) {
            out.write_all(&text.as_bytes()[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        out.write_all(&text.as_bytes()[plain..])
    }
}

/// Neither printable nor a space: a control character, a mark of writing direction.
fn is_hidden(c: char) -> bool {
    !c.is_ascii_graphic() && c != ' ' && c.escape_debug().len() > 1
}

/// A name of the kernel or of a file. As UTF-8 it is `"KEY": name`, verbatim; if it is none,
/// `"KEY"` has it escaped and `"KEY_base64"` its very bytes. For a field with `serde(flatten)`.
#[derive(Clone, Debug)]
pub struct Name<'a> {
    key: &'static str,
    name: &'a OsStr,
}

impl<'a> Name<'a> {
    /// A name under the key `name`.
    pub fn new(name: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        Self::keyed("name", name)
    }

    /// A name under another key: `path`.
    pub fn keyed(key: &'static str, name: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        Self {
            key,
            name: name.as_ref(),
        }
    }
}

impl Name<'_> {
    /// Escaped, for a table.
    pub fn printable(&self) -> String {
        crate::base::text::printable(self.name)
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.name.to_str() {
            Some(name) => map.serialize_entry(self.key, name)?,
            None => {
                map.serialize_entry(self.key, &crate::base::text::printable(self.name))?;
                let bytes = BASE64_STANDARD.encode(self.name.as_bytes());
                map.serialize_entry(&format!("{}_base64", self.key), &bytes)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        name: Name<'a>,
        size_bytes: u64,
    }

    fn json(name: &[u8]) -> String {
        let row = Row {
            name: Name::new(OsStr::from_bytes(name)),
            size_bytes: u64::MAX,
        };
        let mut out = Vec::new();
        write(&mut out, "slabscope.test/1", &row).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// C1 controls, DEL, marks of direction, a tag beyond the first plane.
    #[test]
    fn terminal_controls_are_escaped_and_parse_to_the_same() {
        let name = "a\u{9b}31m\u{7f}\u{202e}b\u{e0041}\u{2028}\u{e9}\u{65e5}";
        let text = json(name.as_bytes());
        assert!(
            text.contains(r#""name":"a\u009b31m\u007f\u202eb\udb40\udc41\u2028"#),
            "{text}"
        );
        assert!(text.contains("\u{e9}\u{65e5}"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["name"], name);
    }

    #[test]
    fn names_are_text_or_base64() {
        assert_eq!(
            json(b"a\x1b b"),
            "{\"schema\":\"slabscope.test/1\",\"name\":\"a\\u001b b\",\"size_bytes\":18446744073709551615}\n"
        );
        assert_eq!(
            json(b"\xff"),
            "{\"schema\":\"slabscope.test/1\",\"name\":\"\\\\xff\",\"name_base64\":\"/w==\",\"size_bytes\":18446744073709551615}\n"
        );
    }
}
