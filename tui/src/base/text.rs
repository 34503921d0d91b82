//! Figures and names as text: the one place that decides the look of a number or a kernel's name.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// A name as it may be sent to a terminal. A file name can hold any byte but `/` and NUL: control
/// characters, marks that turn the direction of writing, and bytes that are no UTF-8 are escaped,
/// and so is the backslash, so that no two names look the same. One that begins `\x2d`, as systemd
/// writes a dash within a unit's name, stays: nothing here is ever escaped as an ASCII character.
pub fn printable(name: impl AsRef<OsStr>) -> String {
    printable_bytes(name.as_ref().as_bytes())
}

/// The same of a name's bytes.
pub fn printable_bytes(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid().chars();
        while let Some(c) = rest.next() {
            match c {
                '\'' | '"' => text.push(c),
                '\\' if is_ascii_escape(rest.as_str()) => text.push(c),
                // Escapes what is neither printable nor a space by Unicode's categories (Cc, Cf,
                // Co, Cn, Zl, Zp), and marks that would join the character before them.
                c => text.extend(c.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Why something failed, without the system's error number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

/// A figure, or a dash where it is not known.
pub fn known<T>(figure: Option<T>, text: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| "-".into(), text)
}

/// Whether a backslash in front of this makes the escape of an ASCII character.
fn is_ascii_escape(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'x', b'0'..=b'7', low, ..] if low.is_ascii_hexdigit())
}

/// A number with a separator between thousands.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `n` with a noun: `1 slab`, `2,404 slabs`.
pub fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// A number in at most `width` columns: with separators, else without, else rounded.
pub fn count_in(n: u64, width: usize) -> String {
    let separated = count(n);
    if separated.len() <= width {
        return separated;
    }
    let plain = n.to_string();
    if plain.len() <= width {
        plain
    } else {
        short(n as f64)
    }
}

/// A number in at most five columns, rounded: `74.1k`.
pub fn short(n: f64) -> String {
    scaled(n, 1000.0, ["", "k", "M", "G", "T", "P", "E"])
}

/// A change with its sign, rounded, in at most six columns: `+74.1k`; `0` if it is none.
pub fn short_signed(n: f64) -> String {
    match short(n) {
        zero if zero == "0" || zero == "-0" => "0".into(),
        text if n > 0.0 => format!("+{text}"),
        text => text,
    }
}

/// A change in bytes with its sign: `+7.5 GiB`.
pub fn signed_bytes(n: i64) -> String {
    let text = bytes(n.unsigned_abs());
    match n.signum() {
        1 => format!("+{text}"),
        -1 => format!("-{text}"),
        _ => "0".into(),
    }
}

/// Bytes, rounded, in IEC units: `7.5 GiB`.
pub fn bytes(n: u64) -> String {
    scaled(
        n as f64,
        1024.0,
        [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"],
    )
}

/// Percent as text; above 999 it is `>999%`.
pub fn percent_text(percent: u64) -> String {
    match percent {
        0..1000 => format!("{percent}%"),
        _ => ">999%".into(),
    }
}

/// Bytes in at most `width` columns: in MiB as [`mebibytes`], else in whole MiB, else rounded.
pub fn mebibytes_in(n: u64, width: usize) -> String {
    let exact = mebibytes(n);
    if exact.len() <= width {
        return exact;
    }
    let whole = format!("{} MiB", count(n >> 20));
    if whole.len() <= width {
        whole
    } else {
        bytes(n)
    }
}

/// Bytes in MiB with one decimal, so that a change of 0.1 MiB shows however large the figure is.
pub fn mebibytes(n: u64) -> String {
    let tenths = (u128::from(n) * 10 + (1 << 19)) >> 20;
    format!("{}.{} MiB", count((tenths / 10) as u64), tenths % 10)
}

fn scaled(n: f64, base: f64, units: [&str; 7]) -> String {
    let (mut n, mut unit) = (n, 0);
    // 999.5 would be rounded to 1000.
    while n.abs() >= 999.5 && unit + 1 < units.len() {
        n /= base;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && n.abs() < 99.95);
    format!("{n:.decimals$}{}", units[unit])
}

/// `part` of `whole` in percent, rounded down so that only all is 100.
pub fn percent(part: u64, whole: u64) -> Option<u64> {
    let percent = (u128::from(part) * 100).checked_div(u128::from(whole))?;
    Some(u64::try_from(percent).unwrap_or(u64::MAX))
}

/// `part` of `whole` with a decimal: `99.9 %`. Only all is 100.
pub fn share(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    let mut tenths = (part * 1000 + whole / 2) / whole;
    if part < whole {
        tenths = tenths.min(999);
    }
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A length of time for reading at a glance: `0.4 s`, `12 s`, `3 min`, `2 h`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..=60 => format!("{} s", time.as_secs()),
        secs @ 61..120 => format!("1m{:02}s", secs - 60),
        120..7200 => format!("{} min", time.as_secs() / 60),
        secs => format!("{} h", secs / 3600),
    }
}

/// Figures of every magnitude, for tests of what has to fit.
#[cfg(test)]
pub(crate) fn magnitudes() -> impl Iterator<Item = u64> + Clone {
    let tens = (0..20).map(|power| 10_u64.pow(power));
    let twos = (0..64).map(|power| 1_u64 << power);
    let near = |n: u64| [n - 1, n, n.saturating_mul(999) / 1000, n.saturating_mul(9)];
    tens.chain(twos).flat_map(near).chain([u64::MAX])
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_cannot_reach_the_terminal_unescaped() {
        for (name, shown) in [
            (&b"plain name.txt"[..], "plain name.txt"),
            (b"\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            (b"two\nlines", "two\\nlines"),
            (
                "invoice\u{202e}fdp.exe".as_bytes(),
                "invoice\\u{202e}fdp.exe",
            ),
            ("zero\u{200b}width".as_bytes(), "zero\\u{200b}width"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"cut \xe2\x82", "cut \\xe2\\x82"),
            (b"\\xff", "\\\\xff"),
            (b"cri\\x2dcontainerd", "cri\\x2dcontainerd"),
            (b"a\\\\x2d\\x2", "a\\\\\\x2d\\\\x2"),
            (b"it's \"it\"", "it's \"it\""),
            ("größe 日本".as_bytes(), "größe 日本"),
        ] {
            assert_eq!(printable(OsStr::from_bytes(name)), shown);
        }
    }

    #[test]
    fn figure_of_any_magnitude_fits() {
        for n in magnitudes() {
            let change = n.min(i64::MAX as u64) as i64;
            for (text, width) in [
                (bytes(n), 8),
                (short(n as f64), 5),
                (short(-(n as f64)), 6),
                (short_signed(n as f64), 6),
                (signed_bytes(change), 9),
                (signed_bytes(-change), 9),
                (count_in(n, 5), 5),
                (count_in(n, 11), 11),
                (mebibytes_in(n, 12), 12),
                (percent_text(n), 5),
            ] {
                assert!(text.len() <= width, "{n}: {text:?} in {width}");
            }
        }
    }

    #[test]
    fn figures_are_rounded_and_have_units() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(41_203_119), "41,203,119");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "slab"), "1 slab");
        assert_eq!(counted(2_404, "slab"), "2,404 slabs");
        assert_eq!(count_in(41_203_119, 10), "41,203,119");
        assert_eq!(count_in(141_203_119, 10), "141203119");
        assert_eq!(count_in(u64::MAX, 10), "18.4E");
        assert_eq!(short(74_123.0), "74.1k");
        assert_eq!(short(-999.7), "-1.0k");
        assert_eq!(short_signed(74_123.0), "+74.1k");
        assert_eq!(short_signed(-0.2), "0");
        assert_eq!(short_signed(-999_700.0), "-1.0M");
        assert_eq!(signed_bytes(-4096), "-4.0 KiB");
        assert_eq!(signed_bytes(i64::MIN), "-8.0 EiB");
        assert_eq!(signed_bytes(0), "0");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1.0 KiB");
        assert_eq!(bytes(8_053_063_680), "7.5 GiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(mebibytes(9_869_508_608), "9,412.3 MiB");
        assert_eq!(mebibytes(u64::MAX), "17,592,186,044,416.0 MiB");
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(999, 1000), Some(99));
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(999_999, 1_000_000), "99.9 %");
        assert_eq!(share(u64::MAX, u64::MAX), "100.0 %");
        assert_eq!(share(0, 0), "0.0 %");
        assert_eq!(duration(Duration::from_millis(440)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(119)), "1m59s");
        assert_eq!(duration(Duration::from_secs(7300)), "2 h");
    }
}
