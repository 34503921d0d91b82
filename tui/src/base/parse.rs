//! Typed values: a number of bytes, a number of seconds, a length of time.

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

/// A length of time, to a hundred years: `90s`, `15m`, `2h`, `30d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a length of time, such as 15m, 2h or 30d".to_owned();
    let mut units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)].into_iter();
    let found = units.find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = found.ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let seconds = u64::from(number) * seconds;
    match seconds {
        1..=3_155_760_000 => Ok(Duration::from_secs(seconds)),
        _ => Err("not between 1 second and 100 years".into()),
    }
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

    #[test]
    fn lengths_of_time_have_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("30d", 2_592_000)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "2",
            "h",
            "0h",
            "-1h",
            "+1h ",
            "1.5h",
            "99999999d",
            "2H",
            "1h30m",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
