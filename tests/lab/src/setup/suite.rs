//! Debian's suites that have stock kernels: the series of each, and queries to one of them.
//!
//! Queries use apt in the minimal root, with separate lists: the compilers and the guest come from
//! one suite, whichever kernel is wanted.

use anyhow::{Result, bail, ensure};

use super::archive::{Gone, numbers};
use super::cache::Cache;
use super::command::Log;
use super::debian::{self, Chroot, mirror};

/// The first series whose kernels Debian builds with Rust and all else that the module needs.
pub const OLDEST_WITH_RUST: &str = "7.2";

/// The suite of the kernels with that.
pub const BACKPORTS: &str = "trixie-backports";

/// Older series, and the suites that have them: the module's device is C there.
pub const OLDER: [(&str, &str); 3] = [
    ("6.12", "trixie"),
    ("6.1", "bookworm"),
    ("5.10", "bullseye"),
];

/// Behind a series of kernels with Rust: the module as it is for others.
pub const PLAIN: &str = "-plain";

/// What the module's device is written in (kmod/Kbuild).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Rust, on the kernel's own crate.
    Rust,
    /// C, for kernels without that.
    Plain,
}

/// The suite of a series of stock kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its name in the archive.
    pub name: &'static str,
    /// What the module's device is written in for its kernels.
    pub front: Front,
}

/// The options that make apt use one suite alone; a script's `$1` and `$2` are the suite's name and
/// the mirror.
const APT: &str = r#"
suite=$1 mirror=$2; shift 2
state=/var/cache/apt/lab/$suite
mkdir -p $state/lists
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >$state/sources.list
apt="-o Dir::Etc::SourceList=$state/sources.list -o Dir::Etc::SourceParts=/dev/null
     -o Dir::State::Lists=$state/lists -o Dir::Cache::PkgCache= -o Dir::Cache::SrcPkgCache="
"#;

impl Suite {
    /// The suite that has a series.
    pub fn of(series: &str) -> Result<Self> {
        if let Some(series) = series.strip_suffix(PLAIN) {
            return Ok(Self {
                front: Front::Plain,
                ..Self::of(series)?
            });
        }
        ensure!(
            !series.is_empty() && series.chars().all(|c| c.is_ascii_digit() || c == '.'),
            "{series:?} is no kernel series: name one such as 7.3 or 6.12"
        );
        if let Some((_, name)) = OLDER.iter().find(|(older, _)| *older == series) {
            return Ok(Self {
                name,
                front: Front::Plain,
            });
        }
        if numbers(series) < numbers(OLDEST_WITH_RUST) {
            let known: Vec<&str> = OLDER.iter().map(|(series, _)| *series).collect();
            bail!(
                "the lab has no kernels of the series {series}: name {}, or one from {OLDEST_WITH_RUST} on",
                known.join(", ")
            );
        }
        Ok(Self {
            name: BACKPORTS,
            front: Front::Rust,
        })
    }

    /// The minimal root, for queries.
    fn root(cache: &Cache) -> Chroot {
        Chroot::new(debian::base_path(cache))
    }

    /// Whether it holds kernels of several series.
    pub fn has_many(self) -> bool {
        self.name == BACKPORTS
    }

    /// Fetches the suite's lists of packages; fails with [`Gone`] where the archive no longer has the suite.
    pub fn update(self, cache: &Cache, series: &str, log: &Log) -> Result<()> {
        let root = Self::root(cache);
        root.resolve()?;
        let script = format!("{APT} apt-get -q $apt -o APT::Update::Error-Mode=any update");
        let updated = root.run(&script, &[self.name, &mirror()], log);
        match updated {
            Err(error) if error.to_string().contains(" 404 ") => {
                Err(Gone::new(series, self, Vec::new()).into())
            }
            updated => updated,
        }
    }

    /// The output of a script that queries with `apt-cache $apt`.
    pub fn ask(self, cache: &Cache, script: &str, arguments: &[&str], log: &Log) -> Result<String> {
        let mirror = mirror();
        let arguments = [&[self.name, mirror.as_str()], arguments].concat();
        Self::root(cache).output(&format!("{APT}{script}"), &arguments, log)
    }

    /// Fetches packages (`name=version`) into a directory.
    pub fn download(
        self,
        cache: &Cache,
        packages: &[String],
        into: &std::path::Path,
        log: &Log,
    ) -> Result<()> {
        let script = format!(
            "{APT} cd /downloads; apt-get -q $apt download -o APT::Sandbox::User=root \"$@\""
        );
        let mirror = mirror();
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        let arguments = [&[self.name, mirror.as_str()], packages.as_slice()].concat();
        Self::root(cache)
            .bind(into, "/downloads")
            .run(&script, &arguments, log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_has_its_suite_and_front() {
        for (series, name, front) in [
            ("7.3", "trixie-backports", Front::Rust),
            ("7.2", "trixie-backports", Front::Rust),
            ("6.12", "trixie", Front::Plain),
            ("6.1", "bookworm", Front::Plain),
            ("5.10", "bullseye", Front::Plain),
            ("7.3-plain", "trixie-backports", Front::Plain),
        ] {
            assert_eq!(Suite::of(series).unwrap(), Suite { name, front });
        }
    }

    #[test]
    fn series_without_kernels_is_refused_with_the_available_ones() {
        let error = Suite::of("6.5").unwrap_err().to_string();
        assert!(
            error.contains("6.5: name 6.12, 6.1, 5.10, or one from 7.2 on"),
            "{error}"
        );
        assert!(Suite::of("$(x)").is_err());
    }
}
