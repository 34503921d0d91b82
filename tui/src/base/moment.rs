//! Moments as people type and read them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::parse;

/// A moment: `10m ago` or `10m`, `2026-11-28 03:00` by this machine's clock, or `2026-11-28T03:00:00Z`.
pub fn parse(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    let text = text.trim();
    let length = text.strip_suffix("ago").map(str::trim_end);
    if let Ok(length) = parse::duration(length.unwrap_or(text)) {
        let at = now.checked_sub(length);
        return at.ok_or_else(|| "before the first moment there is".into());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.into());
    }
    let wrong =
        |_| "expected a time, such as 10m ago, 2026-11-28 03:00 or 2026-11-28T03:00:00Z".to_owned();
    let at: DateTime = text.parse().map_err(wrong)?;
    let at = at
        .to_zoned(TimeZone::system())
        .map_err(|error| error.to_string())?;
    Ok(at.timestamp().into())
}

/// A moment by this machine's clock, with its zone: `2026-11-28 03:00:00 +01:00`.
pub fn text(at: SystemTime) -> String {
    match Timestamp::try_from(at) {
        Ok(at) => {
            let at = at.to_zoned(TimeZone::system());
            at.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
        }
        Err(_) => "-".into(),
    }
}

/// A moment in UTC for programs: `2026-11-28T02:00:00Z`.
pub fn utc(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    let whole = at.round(jiff::Unit::Second);
    whole.unwrap_or(at).to_string()
}

/// The time between two moments, without a sign.
pub fn between(first: SystemTime, last: SystemTime) -> Duration {
    let since = last.duration_since(first);
    since.unwrap_or_else(|error| error.duration())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn moments_are_relative_local_or_with_a_zone() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let at = |text: &str| parse(text, now);
        assert_eq!(at("10m ago"), Ok(now - Duration::from_secs(600)));
        assert_eq!(at("2h"), Ok(now - Duration::from_secs(7_200)));
        assert_eq!(at("2027-01-15T08:00:00Z"), Ok(now));
        assert_eq!(at("2027-01-15T09:00:00+01:00"), Ok(now));
        let local = at("2027-01-15 08:00").unwrap();
        assert!(between(local, now) < Duration::from_secs(86_400));
        assert!(
            text(local).starts_with("2027-01-15 08:00:00 "),
            "{}",
            text(local)
        );
        assert_eq!(
            utc(now + Duration::from_millis(100)),
            "2027-01-15T08:00:00Z"
        );
        for wrong in [
            "",
            "ago",
            "yesterday",
            "10 ago",
            "03:00",
            "2027-13-01 00:00",
            "99999d ago",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
        assert_eq!(between(now, local), between(local, now));
    }
}
