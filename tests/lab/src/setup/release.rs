//! One exact kernel, named as `uname -r` names it.

use anyhow::{Context, Result};

use super::archive::numbers;
use super::cache::Cache;
use super::command::Log;
use super::kernel::Kernel;
use super::suite::{Front, Suite};

/// What is behind the version in releases of Debian 13 and its backports.
const DEBIAN: &str = "+deb13";

/// Names of a release in the archive, as far as they follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    series: String,
    /// The version, if the release has all of it: 6.1.0-50-amd64 of Debian 12 does not say which 6.1 it is.
    upstream: String,
    suite: Suite,
}

fn names(release: &str) -> Result<Names> {
    let is_version =
        |text: &str| text.contains('.') && text.split('.').all(|part| part.parse::<u32>().is_ok());
    let (upstream, _) = release
        .split_once(DEBIAN)
        .or_else(|| release.split_once('-').filter(|(_, rest)| rest.starts_with(char::is_numeric)))
        .filter(|(upstream, rest)| {
            let flavour = rest
                .rsplit_once("-amd64")
                .is_some_and(|(_, end)| end.is_empty());
            is_version(upstream) && flavour && is_plain(rest)
        })
        .with_context(|| {
            format!(
                "{release:?} is no kernel of Debian: their releases look like 7.3.4{DEBIAN}-amd64 or 6.1.0-50-amd64, as \
                 `uname -r` prints it. For other kernels see docs/user/install.md"
            )
        })?;
    let series: Vec<&str> = upstream.split('.').take(2).collect();
    let series = series.join(".");
    let suite = Suite::of(&series)?;
    Ok(Names {
        series,
        upstream: upstream.to_owned(),
        suite,
    })
}

/// Fails if the release's name shows that the module cannot be built for it.
pub fn check(release: &str) -> Result<()> {
    names(release).map(drop)
}

/// Whether a text can be a part of a file's or a package's name, and nothing else.
fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Finds the kernel of a release; asks the archive unless it was prepared before.
pub fn find(cache: &Cache, release: &str, log: &Log) -> Result<Kernel> {
    let names = names(release)?;
    if let Some(kernel) = prepared(cache, release, &names) {
        return Ok(kernel);
    }
    names.suite.update(cache, &names.series, log)?;
    let listing = names.suite.ask(
        cache,
        "apt-cache $apt show linux-headers-$1 2>/dev/null || :; echo ==
         apt-cache $apt show linux-source-$2 2>/dev/null || :; echo ==
         apt-cache $apt pkgnames linux-headers-",
        &[release, &names.series],
        log,
    )?;
    let version = pick(&listing, release, names.suite)?;
    Ok(kernel(release, &names, version))
}

fn kernel(release: &str, names: &Names, version: &str) -> Kernel {
    Kernel {
        series: names.series.clone(),
        upstream: names.upstream.clone(),
        version: version.to_owned(),
        release: release.to_owned(),
        packages: vec![format!("linux-headers-{release}")],
    }
}

/// A kernel whose headers or build tree exist already: the archive need not have it any more.
fn prepared(cache: &Cache, release: &str, names: &Names) -> Option<Kernel> {
    let prefix = format!("{release}_");
    std::fs::read_dir(cache.path("kernels"))
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(kernel(release, names, name.strip_prefix(&prefix)?))
        })
        .filter(|kernel| match kernel.front() {
            Front::Rust => kernel.build_tree(cache).exists(),
            Front::Plain => kernel.bare_headers(cache).exists(),
        })
        .max_by_key(|kernel| numbers(&kernel.version))
}

/// The newest version that the archive holds what the module is built from of: the headers, for a module in Rust
/// the source as well.
fn pick<'a>(listing: &'a str, release: &str, suite: Suite) -> Result<&'a str> {
    let mut parts = listing.split("==\n");
    let mut versions = || -> Vec<&str> {
        let part = parts.next().unwrap_or_default();
        part.lines()
            .filter_map(|line| line.strip_prefix("Version: "))
            .collect()
    };
    let (headers, sources) = (versions(), versions());
    let found = headers
        .into_iter()
        .filter(|version| suite.front == Front::Plain || sources.contains(version))
        .max_by_key(|version| numbers(version));
    found.with_context(|| {
        format!(
            "{} no longer holds {release}: kernels leave the archive when newer ones come. \
             Install and boot one that it holds: {}",
            suite.name,
            held(parts.next().unwrap_or_default(), suite)
        )
    })
}

/// Releases that the module can be built for, newest first.
fn held(names: &str, suite: Suite) -> String {
    let mut releases: Vec<&str> = names
        .lines()
        .filter_map(|name| name.strip_prefix("linux-headers-"))
        .filter(|release| self::names(release).is_ok_and(|names| names.suite == suite))
        .collect();
    releases.sort_by_key(|release| (std::cmp::Reverse(numbers(release)), *release));
    if releases.is_empty() {
        "none at this time".to_owned()
    } else {
        releases.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "Package: linux-headers-7.3.4+deb13-amd64
Version: 7.3.4-1~bpo13+1
==
Package: linux-source-7.3
Version: 7.3.4-1~bpo13+1
Version: 7.3.10-1~bpo13+1
==
linux-headers-6.12.94+deb13-amd64
linux-headers-7.2.12+deb13-amd64
linux-headers-7.3.4+deb13-amd64
linux-headers-7.3.4+deb13-common
linux-headers-7.3.4+deb13-rt-amd64
";

    #[test]
    fn release_names_its_series() {
        for (release, series, suite) in [
            ("7.3.4+deb13-amd64", "7.3", "trixie-backports"),
            ("7.3.4+deb13-cloud-amd64", "7.3", "trixie-backports"),
            ("7.3.4+deb13-rt-amd64", "7.3", "trixie-backports"),
            ("6.12.94+deb13-amd64", "6.12", "trixie"),
            ("6.1.0-50-amd64", "6.1", "bookworm"),
            ("5.10.0-32-cloud-amd64", "5.10", "bullseye"),
        ] {
            let names = names(release).unwrap();
            assert_eq!((&*names.series, names.suite.name), (series, suite));
        }
    }

    #[test]
    fn unsupported_release_is_refused_with_the_cause() {
        for other in [
            "6.18.44-fc-v509",
            "7.3.4-1-default",
            "7.3.4+deb13-arm64",
            "6.1.0-50-arm64",
            "+deb13-amd64",
            "7.3+deb13-$(x)-amd64",
            "../7.3+deb13-amd64",
            "6.1-amd64",
        ] {
            let error = names(other).unwrap_err().to_string();
            assert!(error.contains("no kernel of Debian"), "{error}");
        }
        let error = names("6.5.0-5-amd64").unwrap_err().to_string();
        assert!(error.contains("no kernels of the series 6.5"), "{error}");
    }

    #[test]
    fn module_in_rust_needs_headers_and_their_source() {
        let backports = Suite::of("7.3").unwrap();
        assert_eq!(
            pick(LISTING, "7.3.4+deb13-amd64", backports).unwrap(),
            "7.3.4-1~bpo13+1"
        );
        let gone = LISTING.split_once("==").unwrap().1;
        let gone = format!("==\n{}", gone.trim_start());
        let error = pick(&gone, "7.2.7+deb13-amd64", backports)
            .unwrap_err()
            .to_string();
        assert!(
            error
                .ends_with("it holds: 7.3.4+deb13-amd64, 7.3.4+deb13-rt-amd64, 7.2.12+deb13-amd64"),
            "{error}"
        );
    }

    #[test]
    fn plain_module_needs_the_headers_alone() {
        let listing = "Version: 6.12.94-1\n==\n==\nlinux-headers-6.12.94+deb13-amd64\n";
        let suite = Suite::of("6.12").unwrap();
        let picked = pick(listing, "6.12.94+deb13-amd64", suite).unwrap();
        assert_eq!(picked, "6.12.94-1");
        let error = pick(
            "==\n==\nlinux-headers-6.12.94+deb13-amd64\n",
            "6.12.90+deb13-amd64",
            suite,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.ends_with("it holds: 6.12.94+deb13-amd64"), "{error}");
    }
}
