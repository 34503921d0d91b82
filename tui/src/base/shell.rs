//! Words of a command line that every shell reads alike, to show for copying.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use crate::base::text::printable;

/// A path as one word that every shell reads alike: as it is, in single quotes, or, where it holds
/// what must not reach a terminal, written by printf(1). `$'...'` would be shorter, but dash and
/// other shells of before POSIX.1-2024 take it for a `$` and a word in single quotes, which ends at
/// the first quote in the name: what stands behind that would be a command.
///
/// It leads where the path leads. Where it begins with a dash, `./` keeps it from being an option.
pub fn quoted(path: impl AsRef<OsStr>) -> String {
    let bytes = path.as_ref().as_bytes();
    if bytes.starts_with(b"-") {
        return quoted(OsStr::from_bytes(&[b"./", bytes].concat()));
    }
    // zsh takes a word that begins with `=` for the path of a command.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !matches!(bytes, [] | [b'=', ..]) && bytes.iter().all(plain) => text.into(),
        Ok(text) if printable(text) == text.replace('\\', "\\\\") => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        _ => written(bytes),
    }
}

/// `"$(printf '...')"`, in which everything but plain characters is an octal escape: no quote, no
/// backslash, no `%` of a format, no `!` of a shell's history is left in it.
fn written(bytes: &[u8]) -> String {
    let mut text = String::from("\"$(printf '");
    for &byte in bytes {
        match byte {
            b'%' => text.push_str("%%"),
            b'\'' | b'"' | b'\\' | b'!' | b'`' | b'$' => octal(&mut text, byte),
            b' '..=b'~' => text.push(byte.into()),
            _ => octal(&mut text, byte),
        }
    }
    // The shell takes newlines away from the end of what a command wrote.
    if bytes.ends_with(b"\n") {
        text.push('/');
    }
    text.push_str("')\"");
    text
}

/// Three digits end by themselves, whatever comes behind.
fn octal(text: &mut String, byte: u8) {
    // Writing to a string does not fail.
    let _ = write!(text, "\\{byte:03o}");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_path_stays_plain() {
        assert_eq!(quoted("/var/spool/app"), "/var/spool/app");
        assert_eq!(quoted("/a b$c"), "'/a b$c'");
        assert_eq!(quoted("/it's"), "'/it'\\''s'");
        assert_eq!(quoted("/a\\b"), "'/a\\b'");
        assert_eq!(quoted("/größe"), "'/größe'");
        assert_eq!(
            quoted("/a\n\u{202e}"),
            "\"$(printf '/a\\012\\342\\200\\256')\""
        );
        assert_eq!(quoted("-x"), "./-x");
        assert_eq!(quoted("=ls"), "'=ls'");
    }

    /// The shells that users paste into, and how each is started without a user's own settings.
    const SHELLS: [&[&str]; 5] = [
        &["dash"],
        &["bash", "--norc", "--noprofile"],
        &["bash", "--posix"],
        &["zsh", "-f"],
        &["busybox", "sh"],
    ];

    /// What each shell makes of the word: the arguments of a command, each with a NUL behind it.
    fn read(shell: &[&str], locale: &str, word: &str) -> Vec<u8> {
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &format!("env printf '%s\\0' {word}")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", locale)
            .current_dir("/")
            .output();
        let output = output.unwrap_or_else(|error| {
            panic!(
                "{}: {error}; tests/run installs dash, zsh and busybox",
                shell[0]
            )
        });
        assert!(output.status.success(), "{shell:?}: {word}: {output:?}");
        assert!(output.stderr.is_empty(), "{shell:?}: {word}: {output:?}");
        output.stdout
    }

    /// The path itself, or one that leads there.
    fn leads_to(name: &[u8], read: &[u8]) -> bool {
        let Some(read) = read.strip_suffix(b"\0") else {
            return false;
        };
        let dashed = name.starts_with(b"-").then_some(&b"./"[..]);
        let torn = name.ends_with(b"\n").then_some(&b"/"[..]);
        read == [dashed.unwrap_or_default(), name, torn.unwrap_or_default()].concat()
    }

    #[track_caller]
    fn holds(name: &[u8]) {
        let word = quoted(OsStr::from_bytes(name));
        // Nothing in it reaches the terminal raw.
        assert_eq!(printable(&word).replace("\\\\", "\\"), word);
        for shell in SHELLS {
            for locale in ["C", "C.UTF-8"] {
                let read = read(shell, locale, &word);
                assert!(leads_to(name, &read), "{shell:?}: {name:?}: {read:?}");
            }
        }
    }

    /// A quote behind a control byte ended the word, and the rest was a command.
    #[test]
    fn hostile_name_runs_no_command_in_any_shell() {
        for name in [
            &b"/a\x01';exit 7;'"[..],
            b"/a\x01\\';exit 7;'",
            b"/\xff$(exit 7)`exit 7`\"; exit 7",
            b"/\x1b[2J!!%s%n%*d\\c\\0101\\x41",
            b"-rf\x07",
            b"--help",
            b"~root",
            b"~\x01",
            b"=ls",
            b"=ls\x02",
            b"*",
            b"/*\n?[a-z]",
            b"\n",
            b"a\n\n",
            b"\n777",
            b"{a,b}\x03",
            b"#x",
            b"a b\tc",
            b"!x",
            b"",
        ] {
            holds(name);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Ten shells a case: bytes of all kinds, those that a shell minds among them.
        #[test]
        fn every_shell_reads_the_exact_path(
            name in proptest::collection::vec(
                prop_oneof![
                    1..=255_u8,
                    proptest::sample::select(b"'\"\\$`!%-=~*?[]{}()<>|&;# \n\t\x1b01789".to_vec()),
                ],
                0..24,
            )
        ) {
            holds(&name);
        }
    }
}
