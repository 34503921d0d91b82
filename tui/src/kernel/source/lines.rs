//! Lines as users paste and copy them: what is not understood costs its line, and is reported.

use super::Malformed;

/// What was understood of a file, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What was understood.
    pub value: T,
    /// The lines that were not understood.
    pub skipped: Skipped,
}

/// Lines that were not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Their number.
    pub lines: usize,
    /// What is wrong with the first of them.
    pub first: Option<Malformed>,
}

impl Skipped {
    /// Adds one.
    pub fn add(&mut self, malformed: Malformed) {
        self.lines += 1;
        self.first.get_or_insert(malformed);
    }

    /// Joins it with what was understood; if that is nothing: the error of the first line, or
    /// `none`.
    pub fn with<T>(
        self,
        value: Option<T>,
        none: impl FnOnce() -> Malformed,
    ) -> Result<Parsed<T>, Malformed> {
        match value {
            Some(value) => Ok(Parsed {
                value,
                skipped: self,
            }),
            None => Err(self.first.unwrap_or_else(none)),
        }
    }
}

impl<T> Parsed<T> {
    /// Maps the value to another type.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Parsed<U> {
        Parsed {
            value: into(self.value),
            skipped: self.skipped,
        }
    }
}

/// The lines that hold anything, with their numbers from 1. Editors and bug trackers add a byte
/// order mark, carriage returns, blank lines and an indent.
pub fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    (1..).zip(lines).filter(|(_, line)| !line.is_empty())
}

/// A file as UTF-8. Shells of Windows redirect as UTF-16, with a byte order mark.
pub fn utf_8(bytes: Vec<u8>) -> Vec<u8> {
    let from: fn([u8; 2]) -> u16 = match bytes.as_slice() {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return bytes,
    };
    let (pairs, _) = bytes.as_chunks();
    let units: Vec<u16> = pairs.iter().copied().map(from).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

/// The same of text.
pub fn text_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.split('\n').map(str::trim_ascii);
    (1..).zip(lines).filter(|(_, line)| !line.is_empty())
}

/// The number of a file's last line.
pub fn last(text: &str) -> usize {
    text.lines().count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_a_windows_shell_wrote_is_read() {
        let text = "\u{feff}MemTotal: 1 kB\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big, text.as_bytes().to_vec()] {
            let bytes = utf_8(bytes);
            assert_eq!(
                lines(&bytes).collect::<Vec<_>>(),
                [(1, &b"MemTotal: 1 kB"[..])]
            );
        }
        assert_eq!(
            utf_8(vec![0xff, 0x41]),
            [0xff, 0x41],
            "a name may hold any byte"
        );
    }

    #[test]
    fn additions_of_editors_and_trackers_are_not_in_the_lines() {
        let text = "\u{feff}a b\r\n\r\n    c\r\n \n\r";
        let expected = [(1, "a b"), (3, "c")];
        assert_eq!(text_lines(text).collect::<Vec<_>>(), expected);
        let of_bytes = expected.map(|(at, line)| (at, line.as_bytes()));
        assert_eq!(lines(text.as_bytes()).collect::<Vec<_>>(), of_bytes);
    }
}
