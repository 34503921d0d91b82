//! Typed values: a number of bytes, a number of seconds.

use std::time::Duration;

/// Seconds between two samples: from 0.1 to 3600.
pub fn interval(seconds: f64) -> Result<Duration, String> {
    if (0.1..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("not between 0.1 and 3600 seconds".into())
    }
}

/// A number of bytes, as the kernel takes it (lib/cmdline.c: `memparse()`): `64M`, `2GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size, such as 64M or 2G".to_owned();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = unit.to_ascii_uppercase();
    let unit = unit
        .strip_suffix("IB")
        .or(unit.strip_suffix('B'))
        .unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        unit => {
            1 + "KMGTPE"
                .find(unit)
                .filter(|_| unit.len() == 1)
                .ok_or_else(wrong)?
        }
    };
    let bytes = number.checked_mul(1_u64 << (10 * power));
    bytes.ok_or_else(|| "more than there can be".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_the_kernel_takes_them() {
        for (text, bytes) in [
            ("4096", 4096),
            ("64M", 64 << 20),
            ("2g", 2 << 30),
            ("1KiB", 1024),
            ("3TB", 3 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "1.5G",
            "64X",
            "64MM",
            "1 M",
            "99999999999999999999",
            "16E",
            "KM",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
