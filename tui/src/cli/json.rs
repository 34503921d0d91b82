//! JSON as every subcommand writes it: a `schema` first, names in snake_case, the unit of a figure
//! as a suffix (`_bytes`, `_ns`), and names that are no UTF-8 told apart.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Failure;

/// Writes `value` as one line `{"schema": SCHEMA, ...}`, so that a stream of them is JSON Lines.
pub fn write(out: &mut dyn Write, schema: &str, value: &impl Serialize) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document<'a, T> {
        schema: &'a str,
        #[serde(flatten)]
        value: &'a T,
    }
    serde_json::to_writer(&mut *out, &Document { schema, value })?;
    writeln!(out)?;
    Ok(())
}

/// A name of the kernel or of a file. As UTF-8 it is `"KEY": name`, verbatim; if it is none,
/// `"KEY"` has it escaped and `"KEY_base64"` its very bytes. For a field with `serde(flatten)`.
#[derive(Clone, Debug)]
pub struct Name<'a> {
    key: &'static str,
    name: &'a OsStr,
}

impl<'a> Name<'a> {
    /// As `name`.
    pub fn new(name: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        Self::keyed("name", name)
    }

    /// As something else: `path`.
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
        crate::text::printable(self.name)
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.name.to_str() {
            Some(name) => map.serialize_entry(self.key, name)?,
            None => {
                map.serialize_entry(self.key, &crate::text::printable(self.name))?;
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

    #[test]
    fn names() {
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
