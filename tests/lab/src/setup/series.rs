//! The series of kernels that the tests run on.

use anyhow::{Context, Result, anyhow, bail};

use super::Steps;
use super::archive::{self, Gone};
use super::cache::Cache;
use super::host;
use super::suite::{OLDER, OLDEST_WITH_RUST, PLAIN};

/// The series with the module in Rust: the newest, and another one that only a run of everything tests.
pub const WITH_RUST: [&str; 2] = ["7.3", "7.2"];

/// The series that may have left the archive: its suite is supported no longer.
const LEAVING: &str = "5.10";

/// The series to test: the newest, with `all` the other one with the module in Rust, the newest once more
/// with the module as it is elsewhere, and the older ones.
pub fn tested(all: bool) -> Result<Vec<String>> {
    let newest = with_rust(if all { &WITH_RUST } else { &WITH_RUST[..1] })?;
    let plain = newest.first().map(|newest| format!("{newest}{PLAIN}"));
    Ok(newest.into_iter().chain(plain).chain(older()?).collect())
}

/// Likewise, whatever the archive holds: for a list.
pub fn wanted(all: bool) -> Vec<String> {
    let [newest, other] = WITH_RUST;
    let older = OLDER.iter().map(|(series, _)| (*series).to_owned());
    [newest.to_owned()]
        .into_iter()
        .chain(all.then(|| other.to_owned()))
        .chain([format!("{newest}{PLAIN}")])
        .chain(older)
        .collect()
}

/// The older series.
fn older() -> Result<Vec<String>> {
    let cache = Cache::open()?;
    let mut found = Vec::new();
    for (series, _) in OLDER {
        match have(&cache, series) {
            Ok(()) => found.push(series.to_owned()),
            Err(error) if series == LEAVING && error.downcast_ref::<Gone>().is_some() => {
                eprintln!("not tested on {series}: {error:#}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Chooses a kernel of a series, if none was chosen before.
fn have(cache: &Cache, series: &str) -> Result<()> {
    if archive::complete(cache, series).is_some() {
        return Ok(());
    }
    host::require_root("making the lab")?;
    let _lock = cache.lock()?;
    let mut steps = Steps::new(cache, 5, false);
    steps.base()?;
    archive::choose(cache, series, &steps.log()?)
        .map(drop)
        .context("cannot choose a kernel")
}

/// Series with the module in Rust. One that has left the archive is replaced by the newest that fits.
pub fn with_rust(wanted: &[&str]) -> Result<Vec<String>> {
    let cache = Cache::open()?;
    if wanted
        .iter()
        .all(|series| archive::complete(&cache, series).is_some())
    {
        return Ok(wanted.iter().map(|&series| series.to_owned()).collect());
    }
    choose(wanted, |series| have(&cache, series))
}

/// Chooses the wanted number of series; `have` fails with [`Gone`] if the archive has none.
fn choose(wanted: &[&str], have: impl Fn(&str) -> Result<()>) -> Result<Vec<String>> {
    let mut chosen = Vec::new();
    let mut gone = Vec::new();
    for series in wanted {
        match have(series) {
            Ok(()) => chosen.push((*series).to_owned()),
            Err(error) => match error.downcast_ref::<Gone>() {
                Some(found) => gone.push((*series, found.held.clone())),
                None => return Err(error),
            },
        }
    }
    for (series, held) in gone {
        let found = held
            .iter()
            .find(|other| !chosen.contains(other) && have(other).is_ok());
        let Some(found) = found else {
            bail!(
                "{}; `--kernel SERIES` tests on one",
                too_few(series, wanted.len(), &chosen)
            );
        };
        eprintln!(
            "the archive no longer holds a kernel of the series {series}: testing on {found} in its place"
        );
        chosen.push(found.clone());
    }
    Ok(chosen)
}

fn too_few(series: &str, wanted: usize, chosen: &[String]) -> anyhow::Error {
    let only = match chosen {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    anyhow!(
        "the tests want {wanted} series of kernels from {OLDEST_WITH_RUST} on; {series} has left the archive, and \
         without it there is {only}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::suite::Suite;
    use super::*;

    fn chosen(wanted: &[&str], held: &[&str]) -> Result<Vec<String>> {
        choose(wanted, |series| {
            if held.contains(&series) {
                return Ok(());
            }
            let held = held.iter().map(|name| (*name).to_owned()).collect();
            Err(
                anyhow::Error::from(Gone::new(series, Suite::of(series).unwrap(), held))
                    .context("cannot choose"),
            )
        })
    }

    #[test]
    fn missing_series_is_replaced_by_the_newest_other_one() {
        for (held, both) in [
            (&["7.3", "7.2"][..], ["7.3", "7.2"]),
            (&["7.5", "7.4", "7.3"], ["7.3", "7.5"]),
            (&["7.5", "7.4"], ["7.5", "7.4"]),
        ] {
            assert_eq!(chosen(&WITH_RUST, held).unwrap(), both);
            assert_eq!(chosen(&WITH_RUST[..1], held).unwrap(), both[..1]);
        }
    }

    #[test]
    fn too_few_series_are_an_error() {
        for (wanted, held) in [
            (&WITH_RUST[..], &["7.3"][..]),
            (&WITH_RUST, &["7.4"]),
            (&WITH_RUST, &[]),
            (&WITH_RUST[..1], &[]),
        ] {
            let error = chosen(wanted, held).unwrap_err().to_string();
            let count = wanted.len();
            assert!(error.contains(&format!("want {count} series")), "{error}");
        }
    }

    #[test]
    fn listed_and_tested_series_are_the_same() {
        assert_eq!(wanted(false), ["7.3", "7.3-plain", "6.12", "6.1", "5.10"]);
        assert_eq!(
            wanted(true),
            ["7.3", "7.2", "7.3-plain", "6.12", "6.1", "5.10"]
        );
    }
}
