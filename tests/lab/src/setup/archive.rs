//! Choice of the kernel: the newest of a series that the archive holds completely.

use std::fmt;
use std::fs;

use anyhow::{Context, Result};

use super::cache::Cache;
use super::command::Log;
use super::kernel::Kernel;
use super::suite::{OLDEST_WITH_RUST, PLAIN, Suite};

/// The flavour of Debian's kernel that is meant for virtual machines.
const FLAVOUR: &str = "cloud-amd64";

/// The archive holds no complete kernel of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    series: String,
    suite: Suite,
    /// The series that it holds and that support the module, newest first.
    pub held: Vec<String>,
}

impl Gone {
    /// `held` is newest first.
    pub fn new(series: &str, suite: Suite, held: Vec<String>) -> Self {
        Self {
            series: series.to_owned(),
            suite,
            held,
        }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suite = self.suite.name;
        if !self.suite.has_many() {
            return write!(
                f,
                "the archive holds no kernel of the series {} ({suite}) any more: suites leave it when they are \
                 no longer supported. Choose another series with --kernel, or an archive that has it with SLABSCOPE_MIRROR",
                self.series
            );
        }
        write!(
            f,
            "{suite} holds no complete kernel of the series {}: kernels leave the archive when newer ones \
             come. Fitting series there now: {}. Choose one with --kernel",
            self.series,
            if self.held.is_empty() {
                "none".to_owned()
            } else {
                self.held.join(", ")
            }
        )
    }
}

impl std::error::Error for Gone {}

/// The kernel that was chosen for a series before: one for both fronts of the module.
pub fn remembered(cache: &Cache, series: &str) -> Option<Kernel> {
    let base = series.strip_suffix(PLAIN).unwrap_or(series);
    let text = fs::read_to_string(cache.path(format!("kernels/{base}.json"))).ok()?;
    let kernel: Kernel = serde_json::from_str(&text).ok()?;
    Some(kernel.of_series(series))
}

/// The same, if nothing but its source still has to be fetched.
pub fn complete(cache: &Cache, series: &str) -> Option<Kernel> {
    remembered(cache, series).filter(|kernel| kernel.modules_image(cache).exists())
}

/// Asks the archive for the newest kernel of a series, and remembers it.
pub fn choose(cache: &Cache, series: &str, log: &Log) -> Result<Kernel> {
    let suite = Suite::of(series)?;
    suite.update(cache, series, log)?;
    let base = series.strip_suffix(PLAIN).unwrap_or(series);
    let kernel = if suite.has_many() {
        let listing = suite.ask(
            cache,
            "apt-cache $apt pkgnames linux- | sort; echo; apt-cache $apt show linux-source-$1 2>/dev/null || :",
            &[base],
            log,
        )?;
        pick(&listing, base, suite)?
    } else {
        let listing = suite.ask(
            cache,
            "apt-cache $apt pkgnames linux-image-$1. | while read name; do apt-cache $apt show $name; done",
            &[series],
            log,
        )?;
        pick_image(&listing, series, suite)?
    };
    let path = cache.path(format!("kernels/{base}.json"));
    cache.publish(&path, |partial| {
        let text = serde_json::to_string_pretty(&kernel)
            .context("cannot write down the kernel's version")?;
        fs::write(partial, text).with_context(|| format!("cannot write {}", partial.display()))
    })?;
    Ok(kernel.of_series(series))
}

/// Finds the newest kernel's image in descriptions of packages: all that a guest without the module
/// needs.
fn pick_image(listing: &str, series: &str, suite: Suite) -> Result<Kernel> {
    let field = |stanza: &str, name: &str| {
        let mut lines = stanza.lines();
        lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
    };
    let newest = listing
        .split("\n\n")
        .filter_map(|stanza| {
            let release = field(stanza, "Package: linux-image-")?;
            let version = field(stanza, "Version: ")?;
            let fits = release.ends_with(FLAVOUR) && !release.contains("-rt-");
            fits.then_some((version, release))
        })
        .max_by_key(|(version, _)| numbers(version));
    let (version, release) = newest.ok_or_else(|| Gone::new(series, suite, Vec::new()))?;
    Ok(Kernel {
        series: series.to_owned(),
        upstream: version.split('-').next().unwrap_or_default().to_owned(),
        packages: vec![format!("linux-image-{release}")],
        version,
        release,
    })
}

/// Finds the newest complete kernel in the archive's package names and a source package's
/// description.
fn pick(listing: &str, series: &str, suite: Suite) -> Result<Kernel> {
    let (names, sources) = listing.split_once("\n\n").unwrap_or((listing, ""));
    let names: Vec<&str> = names.lines().collect();
    let mut versions: Vec<&str> = sources
        .lines()
        .filter_map(|line| line.strip_prefix("Version: "))
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(numbers(version)));
    for version in versions {
        let upstream = version.split('-').next().unwrap_or(version);
        let prefix = format!("linux-headers-{upstream}+");
        let release = names
            .iter()
            .filter(|name| {
                name.starts_with(&prefix) && name.ends_with(FLAVOUR) && !name.contains("-rt-")
            })
            .find_map(|name| name.strip_prefix("linux-headers-"));
        if let Some(release) = release
            && let Some(packages) = packages(&names, release)
        {
            return Ok(Kernel {
                series: series.to_owned(),
                upstream: upstream.to_owned(),
                version: version.to_owned(),
                release: release.to_owned(),
                packages,
            });
        }
    }
    Err(nothing_fits(&names, series, suite).into())
}

/// The binary packages of a release: how it is split differs between series.
fn packages(names: &[&str], release: &str) -> Option<Vec<String>> {
    let base = release.strip_suffix(FLAVOUR)?.trim_end_matches('-');
    let has = |name: &String| names.contains(&name.as_str());
    let image = [
        format!("linux-binary-{release}"),
        format!("linux-image-{release}"),
    ]
    .into_iter()
    .find(has)?;
    let modules = Some(format!("linux-modules-{release}")).filter(has);
    let required = [
        format!("linux-headers-{release}"),
        format!("linux-headers-{base}-common"),
        format!("linux-kbuild-{base}"),
    ];
    required
        .iter()
        .all(has)
        .then(|| required.into_iter().chain([image]).chain(modules).collect())
}

fn nothing_fits(names: &[&str], series: &str, suite: Suite) -> Gone {
    let mut held: Vec<String> = names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-source-"))
        .filter(|name| numbers(name) >= numbers(OLDEST_WITH_RUST))
        .map(str::to_owned)
        .collect();
    held.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    Gone::new(series, suite, held)
}

/// A version's numbers, in the order by which versions are compared.
pub fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "linux-binary-7.3.4+deb13-cloud-amd64
linux-headers-7.3.10+deb13-cloud-amd64
linux-headers-7.3.4+deb13-amd64
linux-headers-7.3.4+deb13-cloud-amd64
linux-headers-7.3.4+deb13-common
linux-kbuild-7.3.4+deb13
linux-modules-7.3.4+deb13-cloud-amd64
linux-source-6.12
linux-source-7.3

Package: linux-source-7.3
Version: 7.3.4-1~bpo13+1

Package: linux-source-7.3
Version: 7.3.10-1~bpo13+1
";

    #[test]
    fn newest_complete_kernel_is_chosen() {
        let kernel = pick(LISTING, "7.3", Suite::of("7.3").unwrap()).unwrap();
        assert_eq!(kernel.release, "7.3.4+deb13-cloud-amd64");
        assert_eq!(kernel.local_version(), "+deb13-cloud-amd64");
        assert_eq!(
            kernel.packages.last().unwrap(),
            "linux-modules-7.3.4+deb13-cloud-amd64"
        );
        assert!(
            kernel
                .packages
                .contains(&"linux-headers-7.3.4+deb13-common".to_owned())
        );
    }

    #[test]
    fn missing_series_is_named_with_the_available_ones() {
        let names = LISTING.split_once("\n\n").unwrap().0;
        let error = pick(names, "7.9", Suite::of("7.9").unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("series 7.9") && error.contains("there now: 7.3."),
            "{error}"
        );
    }

    const IMAGES: &str = "Package: linux-image-6.1.0-50-cloud-amd64
Source: linux-signed-amd64 (6.1.176+1)
Version: 6.1.176-1

Package: linux-image-6.1.0-47-cloud-amd64
Version: 6.1.170-3

Package: linux-image-6.1.0-99-rt-cloud-amd64
Version: 6.1.999-1

Package: linux-image-6.1.0-98-amd64
Version: 6.1.998-1

Package: linux-image-6.1.0-97-cloud-amd64-unsigned
Version: 6.1.997-1
";

    #[test]
    fn newest_image_of_an_older_series_is_chosen_by_its_version() {
        let suite = Suite::of("6.1").unwrap();
        let kernel = pick_image(IMAGES, "6.1", suite).unwrap();
        assert_eq!(kernel.release, "6.1.0-50-cloud-amd64");
        assert_eq!(kernel.version, "6.1.176-1");
        assert_eq!(kernel.packages, ["linux-image-6.1.0-50-cloud-amd64"]);
        let error = pick_image("", "6.1", suite).unwrap_err();
        assert!(error.downcast_ref::<Gone>().is_some(), "{error}");
    }
}
