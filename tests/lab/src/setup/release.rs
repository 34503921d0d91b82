//! One exact kernel, named as `uname -r` names it.

use anyhow::{Context, Result, ensure};

use super::archive::numbers;
use super::cache::Cache;
use super::command::Log;
use super::kernel::Kernel;
use super::suite::{BACKPORTS, OLDEST_WITH_RUST, Suite};

/// Common part of the releases that are built with the lab's compilers.
const DEBIAN: &str = "+deb13";

/// Names of a release in the archive, as far as they follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    series: String,
    upstream: String,
}

fn names(release: &str) -> Result<Names> {
    let parts = release
        .split_once(DEBIAN)
        .filter(|(upstream, rest)| {
            let dotted = upstream.split('.').all(|part| part.parse::<u32>().is_ok());
            let flavour = rest
                .rsplit_once("amd64")
                .is_some_and(|(_, end)| end.is_empty());
            dotted && upstream.contains('.') && flavour && is_plain(rest)
        })
        .with_context(|| {
            format!(
                "{release:?} is no kernel of Debian 13's backports: their releases look like \
                 7.3.4{DEBIAN}-amd64, as `uname -r` prints it. For other kernels see docs/internals/module.md"
            )
        })?;
    ensure!(
        numbers(parts.0) >= numbers(OLDEST_WITH_RUST),
        "{release} is too old: Debian builds kernels with what the module needs from {OLDEST_WITH_RUST} on"
    );
    let series: Vec<&str> = parts.0.split('.').take(2).collect();
    Ok(Names {
        series: series.join("."),
        upstream: parts.0.to_owned(),
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
    let suite = Suite::of(&names.series)?;
    suite.update(cache, &names.series, log)?;
    let listing = suite.ask(
        cache,
        "apt-cache $apt show linux-headers-$1 2>/dev/null || :; echo ==
         apt-cache $apt show linux-source-$2 2>/dev/null || :; echo ==
         apt-cache $apt pkgnames linux-headers-",
        &[release, &names.series],
        log,
    )?;
    let version = pick(&listing, release)?;
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

/// A kernel whose build tree exists already: the archive need not have it any more.
fn prepared(cache: &Cache, release: &str, names: &Names) -> Option<Kernel> {
    let prefix = format!("{release}_");
    std::fs::read_dir(cache.path("kernels"))
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(kernel(release, names, name.strip_prefix(&prefix)?))
        })
        .filter(|kernel| kernel.build_tree(cache).exists())
        .max_by_key(|kernel| numbers(&kernel.version))
}

/// The newest version whose headers and source the archive holds.
fn pick<'a>(listing: &'a str, release: &str) -> Result<&'a str> {
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
        .filter(|version| sources.contains(version))
        .max_by_key(|version| numbers(version));
    found.with_context(|| {
        format!(
            "{BACKPORTS} no longer holds {release}: kernels leave the archive when newer ones come. \
             Install and boot one that it holds: {}",
            held(parts.next().unwrap_or_default())
        )
    })
}

/// Releases that the module can be built for, newest first.
fn held(names: &str) -> String {
    let mut releases: Vec<&str> = names
        .lines()
        .filter_map(|name| name.strip_prefix("linux-headers-"))
        .filter(|release| self::names(release).is_ok())
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
        for flavour in ["amd64", "cloud-amd64", "rt-amd64"] {
            let names = names(&format!("7.3.4+deb13-{flavour}")).unwrap();
            assert_eq!((&*names.series, &*names.upstream), ("7.3", "7.3.4"));
        }
    }

    #[test]
    fn unsupported_release_is_refused_with_the_cause() {
        for other in [
            "6.18.44-fc-v509",
            "7.3.4-1-default",
            "7.3.4+deb13-arm64",
            "+deb13-amd64",
            "7.3+deb13-$(x)-amd64",
            "../7.3+deb13-amd64",
        ] {
            let error = names(other).unwrap_err().to_string();
            assert!(error.contains("no kernel of Debian 13"), "{error}");
        }
        let error = names("6.12.94+deb13-amd64").unwrap_err().to_string();
        assert!(error.contains("too old"), "{error}");
    }

    #[test]
    fn headers_need_their_source() {
        assert_eq!(
            pick(LISTING, "7.3.4+deb13-amd64").unwrap(),
            "7.3.4-1~bpo13+1"
        );
        let gone = LISTING.split_once("==").unwrap().1;
        let gone = format!("==\n{}", gone.trim_start());
        let error = pick(&gone, "7.2.7+deb13-amd64").unwrap_err().to_string();
        assert!(
            error
                .ends_with("it holds: 7.3.4+deb13-amd64, 7.3.4+deb13-rt-amd64, 7.2.12+deb13-amd64"),
            "{error}"
        );
    }
}
