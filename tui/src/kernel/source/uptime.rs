//! /proc/uptime.

use std::time::Duration;

use procfs::{FromRead, Uptime};

use super::lines::text_lines;
use super::{Malformed, excerpt};

/// Time since the start, sleep included (fs/proc/uptime.c: `uptime_proc_show()`, Linux 7.3).
pub fn parse(text: &str) -> Result<Duration, Malformed> {
    let line = text_lines(text).next().map_or("", |(_, line)| line);
    Uptime::from_read(line.as_bytes())
        .ok()
        .and_then(|uptime| Duration::try_from_secs_f64(uptime.uptime).ok())
        .ok_or_else(|| Malformed::new(1, format!("no count of seconds: {}", excerpt(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_parsed_in_seconds() {
        assert_eq!(
            parse("4203.50 8301.00\n"),
            Ok(Duration::from_millis(4_203_500))
        );
        let pasted = parse("\u{feff}4203.50 8301.00\r\n");
        assert_eq!(pasted, Ok(Duration::from_millis(4_203_500)));
        for text in ["", "-1.0 2.0", "x y", "inf nan", "1e999 1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
