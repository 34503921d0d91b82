//! The command line that does what the screen is about to do, to be copied.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::session::Mode;
use crate::text::printable;

/// The command that prunes the same.
pub fn prune(path: &Path, mode: Mode, writeback: bool) -> String {
    let first = if writeback { " --writeback" } else { "" };
    format!(
        "slabscope prune {} --mode {}{first}",
        quoted(path),
        mode.name()
    )
}

/// A name as one word of a shell: as it is, in quotes, or, where it holds what must not reach a
/// terminal, with escapes (`$'...'`: bash, zsh, ksh, and sh by POSIX.1-2024).
pub fn quoted(name: impl AsRef<OsStr>) -> String {
    let bytes = name.as_ref().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.into(),
        Ok(text) if printable(text) == text.replace('\\', "\\\\") => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        _ => escaped(bytes),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', byte.into()]),
            b' '..=b'~' => text.push(byte.into()),
            // Three octal digits end by themselves, whatever comes behind. Writing to a string
            // does not fail.
            _ => drop(write!(text, "\\{byte:03o}")),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plain_stays_plain() {
        assert_eq!(quoted("/var/spool/app"), "/var/spool/app");
        assert_eq!(quoted("/a b$c"), "'/a b$c'");
        assert_eq!(quoted("/it's"), "'/it'\\''s'");
        assert_eq!(quoted("/a\\b"), "'/a\\b'");
        assert_eq!(quoted("/größe"), "'/größe'");
        assert_eq!(quoted("/a\n\u{202e}"), "$'/a\\012\\342\\200\\256'");
        assert_eq!(
            prune(Path::new("/a b"), Mode::Inodes, true),
            "slabscope prune '/a b' --mode inodes --writeback"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What the shell makes of it is the very name, and nothing in it reaches the terminal raw.
        #[test]
        fn a_shell_reads_the_very_name(name in proptest::collection::vec(1..=255_u8, 0..40)) {
            let word = quoted(OsStr::from_bytes(&name));
            prop_assert_eq!(printable(&word).replace("\\\\", "\\"), word.clone());
            let script = format!("printf %s {word}");
            if let Ok(output) = Command::new("bash").env("LC_ALL", "C").args(["-c", &script]).output() {
                let read = std::ffi::OsString::from_vec(output.stdout);
                prop_assert_eq!(read.as_bytes(), &name[..]);
            }
        }
    }
}
