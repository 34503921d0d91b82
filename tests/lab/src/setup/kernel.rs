//! The stock kernel and the build tree that fits it.
//!
//! Debian's header packages lack the metadata of the kernel's Rust crates. It is made here from the very source,
//! configuration and compilers that made the kernel: a module built against it loads into the unmodified kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::cache::{Cache, key, remove};
use super::command::{Log, system_path};
use super::debian::{Chroot, SUITE, base_path};
use super::own;
use super::suite::{Front, Suite};

/// Packages for the build of a Rust module. Without pahole the configuration loses BTF, and with it
/// the kernel's layout of `struct module`.
const COMPILERS: [&str; 17] = [
    "gcc",
    "make",
    "rustc",
    "rust-src",
    "rustfmt",
    "bindgen",
    "flex",
    "bison",
    "bc",
    "libelf-dev",
    "libssl-dev",
    "pahole",
    "python3",
    "kmod",
    "xz-utils",
    "libc6-dev",
    "perl",
];

/// Path of the kernel's source for scripts in the compilers' root. One name during and after its
/// making, as some files below record it.
const SOURCE: &str = "/kernel";

/// One exact kernel of the archive.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Kernel {
    /// The series asked for, such as `7.3`.
    pub series: String,
    /// The version without Debian's revision, such as `7.3.4`.
    pub upstream: String,
    /// The package version, such as `7.3.4-1~bpo13+1`.
    pub version: String,
    /// The output of `uname -r` in it.
    pub release: String,
    /// Packages that hold the image, the modules and the headers.
    pub packages: Vec<String>,
}

impl Kernel {
    /// The suffix the kernel was configured with: the release without the version.
    pub fn local_version(&self) -> &str {
        self.release
            .strip_prefix(&self.upstream)
            .unwrap_or_default()
    }

    /// The same, by another name of its series.
    #[must_use]
    pub fn of_series(self, series: &str) -> Self {
        Self {
            series: series.to_owned(),
            ..self
        }
    }

    fn dir(&self, cache: &Cache) -> PathBuf {
        cache.path(format!("kernels/{}_{}", self.release, self.version))
    }

    /// The unpacked packages.
    pub fn unpacked(&self, cache: &Cache) -> PathBuf {
        self.dir(cache).join("packages")
    }

    /// The unpacked headers, if the kernel itself is not wanted.
    pub fn bare_headers(&self, cache: &Cache) -> PathBuf {
        self.dir(cache).join("headers")
    }

    /// The headers, from whichever exists.
    fn headers(&self, cache: &Cache) -> PathBuf {
        let name = format!("usr/src/linux-headers-{}", self.release);
        let with_kernel = self.unpacked(cache).join(&name);
        if with_kernel.exists() {
            with_kernel
        } else {
            self.bare_headers(cache).join(name)
        }
    }

    /// What the module's device is written in for it.
    pub fn front(&self) -> Front {
        let series = own::source_of(&self.series).unwrap_or(&self.series);
        Suite::of(series).map_or(Front::Plain, |suite| suite.front)
    }

    /// Whether modules are built in a tree of its source, and not from the packages of its headers.
    fn has_tree(&self) -> bool {
        self.front() == Front::Rust || own::source_of(&self.series).is_some()
    }

    /// The packages of headers that the plain front is built from. Of the kernel's tools some series have
    /// one package, others one for each kernel.
    pub(super) fn header_packages(&self) -> [String; 3] {
        let (base, common) = match self.release.strip_suffix("-rt-amd64") {
            Some(base) => (base, "common-rt"),
            None => {
                let flavoured = self.release.strip_suffix("-amd64");
                let base = flavoured.unwrap_or(&self.release);
                (base.strip_suffix("-cloud").unwrap_or(base), "common")
            }
        };
        let tools = match base.contains('+') {
            true => base,
            false => &self.series,
        };
        [
            format!("linux-headers-{}", self.release),
            format!("linux-headers-{base}-{common}"),
            format!("linux-kbuild-{tools}"),
        ]
    }

    /// Its configuration: if its image has no copy, from the tree that modules are built in.
    fn config(&self, cache: &Cache) -> PathBuf {
        let with_image = self
            .unpacked(cache)
            .join(format!("boot/config-{}", self.release));
        if with_image.exists() {
            with_image
        } else {
            self.build_tree(cache).join(".config")
        }
    }

    /// The kernel's image.
    pub fn vmlinuz(&self, cache: &Cache) -> PathBuf {
        self.unpacked(cache)
            .join("usr/lib/modules")
            .join(&self.release)
            .join("vmlinuz")
    }

    /// The filesystem image with the kernel's modules.
    pub fn modules_image(&self, cache: &Cache) -> PathBuf {
        self.dir(cache).join("modules.img")
    }

    /// The prepared build tree.
    pub fn build_tree(&self, cache: &Cache) -> PathBuf {
        self.dir(cache).join(format!("build-{}", compilers_key()))
    }

    /// The compilers' root with what modules for this kernel are built from in it.
    pub fn chroot(&self, cache: &Cache) -> Chroot {
        let root = Chroot::new(compilers_path(cache));
        if self.has_tree() {
            return root.bind(self.build_tree(cache), SOURCE);
        }
        // The headers name each other by where the packages have them.
        let headers = self.bare_headers(cache);
        let [release, common, tools] = self.header_packages();
        [release, common]
            .map(|name| format!("usr/src/{name}"))
            .into_iter()
            .chain([format!("usr/lib/{tools}")])
            .fold(root, |root, path| {
                root.bind(headers.join(&path), format!("/{path}"))
            })
    }

    /// Shell words that make `make` build for this kernel.
    pub fn make_variables(&self) -> String {
        match self.has_tree() {
            true => format!("LOCALVERSION={} KDIR={SOURCE}", self.local_version()),
            // The headers name the compiler that built the kernel, which the root may not have.
            false => format!("CC=gcc KDIR=/usr/src/linux-headers-{}", self.release),
        }
    }
}

fn compilers_key() -> String {
    key(COMPILERS.into_iter().chain([SUITE]))
}

/// The root with the compilers that made the kernels.
pub fn compilers_path(cache: &Cache) -> PathBuf {
    cache.path(format!("roots/compilers-{}", compilers_key()))
}

/// Installs the compilers into a copy of the minimal root.
pub fn install_compilers(root: &Path, log: &Log) -> Result<()> {
    Chroot::new(root).install(&COMPILERS, log)
}

/// Fetches packages of one exact version into a directory that keeps the downloads of an
/// interrupted run.
fn download(cache: &Cache, kernel: &Kernel, packages: &[String], log: &Log) -> Result<PathBuf> {
    let debs = cache.path("downloads").join(&kernel.version);
    fs::create_dir_all(&debs).with_context(|| format!("cannot make {}", debs.display()))?;
    let exact: Vec<String> = packages
        .iter()
        .map(|name| format!("{name}={}", kernel.version))
        .collect();
    let suite = Suite::of(&kernel.series)?;
    suite.update(cache, &kernel.series, log)?;
    suite.download(cache, &exact, &debs, log).with_context(|| {
        format!(
            "cannot fetch {} {}; if it has left the archive, `cargo lab setup --update` looks for a newer one",
            packages.join(" "),
            kernel.version
        )
    })?;
    Ok(debs)
}

/// Debian packages become a tree with all of a kernel below usr/lib/modules/RELEASE, wherever the series has it.
const UNPACK: &str = "
release=$1; shift
for package; do dpkg-deb -x /downloads/${package}_*.deb /target; done
test -e /target/usr/lib/modules/$release/vmlinuz || {
    mkdir -p /target/usr/lib/modules
    test ! -d /target/lib/modules/$release || mv /target/lib/modules/$release /target/usr/lib/modules
    cp /target/boot/vmlinuz-$release /target/usr/lib/modules/$release/vmlinuz
}";

/// Fetches and unpacks the kernel, its modules and its headers.
pub fn unpack(cache: &Cache, kernel: &Kernel, target: &Path, log: &Log) -> Result<()> {
    let debs = download(cache, kernel, &kernel.packages, log)?;
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    let packages = kernel.packages.iter().map(String::as_str);
    let arguments: Vec<&str> = [kernel.release.as_str()]
        .into_iter()
        .chain(packages)
        .collect();
    Chroot::new(base_path(cache))
        .bind(&debs, "/downloads")
        .bind(target, "/target")
        .run(UNPACK, &arguments, log)?;
    log.run(
        Command::new("depmod")
            .env("PATH", system_path())
            .arg("-b")
            .arg(target.join("usr"))
            .arg(&kernel.release),
    )?;
    remove(&debs)
}

/// Fetches and unpacks only the headers, which a module is built from.
pub fn unpack_headers(cache: &Cache, kernel: &Kernel, target: &Path, log: &Log) -> Result<()> {
    let packages = match kernel.front() {
        Front::Plain => kernel.header_packages().to_vec(),
        Front::Rust => kernel.packages.clone(),
    };
    let debs = download(cache, kernel, &packages, log)?;
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    Chroot::new(compilers_path(cache))
        .bind(&debs, "/downloads")
        .bind(target, "/target")
        .run(
            "for deb in /downloads/linux-*.deb; do dpkg-deb -x $deb /target; done",
            &[],
            log,
        )?;
    remove(&debs)
}

/// Unpacks the kernel's source. The returned root has it, and the headers.
pub fn unpack_source(cache: &Cache, kernel: &Kernel, target: &Path, log: &Log) -> Result<Chroot> {
    let source = format!("linux-source-{}", kernel.series);
    let debs = download(cache, kernel, std::slice::from_ref(&source), log)?;
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    let headers = kernel.headers(cache);
    let root = Chroot::new(compilers_path(cache))
        .bind(&debs, "/downloads")
        .bind(target, SOURCE);
    root.run(
        "cd /kernel
         dpkg-deb --fsys-tarfile /downloads/$1_*.deb | tar -xO ./usr/src/$1.tar.xz |
             tar -xJ --strip-components=1 --exclude='*/tools/testing'",
        &[&source],
        log,
    )?;
    remove(&debs)?;
    Ok(Chroot::new(compilers_path(cache))
        .bind(headers, "/headers")
        .bind(target, SOURCE))
}

/// Makes the kernel's build tree with the Rust metadata.
pub fn prepare(cache: &Cache, kernel: &Kernel, target: &Path, log: &Log) -> Result<()> {
    let root = unpack_source(cache, kernel, target, log)?;
    root.run(PREPARE, &[kernel.local_version(), &kernel.release], log)
}

/// Only the name and version of the compiler may differ from Debian's own configuration: any other
/// difference would make a module that this kernel refuses.
const PREPARE: &str = r#"
cd /kernel
cp /headers/.config .config
make LOCALVERSION=$1 olddefconfig
grep -v CONFIG_CC_VERSION_TEXT /headers/.config >/tmp/wanted
grep -v CONFIG_CC_VERSION_TEXT .config | diff /tmp/wanted - || {
    echo "these compilers give another configuration than Debian's (see above)"
    exit 1
}
make -j$(nproc) LOCALVERSION=$1 modules_prepare
release=$(make -s LOCALVERSION=$1 kernelrelease)
test "$release" = "$2" || {
    echo "the build tree is for $release, the kernel is $2"
    exit 1
}
cp /headers/Module.symvers .
"#;

/// Options that the module needs of a kernel.
pub const FOR_THE_MODULE: [&str; 1] = ["RUST"];

/// Options that a guest needs built in until it has its root, and with it the modules.
pub const FOR_A_GUEST: [&str; 3] = ["EXT4_FS", "BLK_DEV_NVME", "DEVTMPFS"];

/// Whether a kernel is built with an option.
pub fn has(cache: &Cache, kernel: &Kernel, option: &str) -> Result<bool> {
    let config = kernel.config(cache);
    let text =
        fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
    let line = format!("CONFIG_{option}=y");
    Ok(text.lines().any(|have| have == line))
}

/// Checks that a kernel is built with all of some options.
pub fn check(cache: &Cache, kernel: &Kernel, options: &[&str]) -> Result<()> {
    for option in options {
        if !has(cache, kernel, option)? {
            bail!(
                "{} is built without CONFIG_{option}=y: it cannot be used here",
                kernel.release
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_each_flavour_have_their_packages() {
        let packages = |series: &str, release: &str| {
            let kernel = Kernel {
                series: series.into(),
                upstream: String::new(),
                version: String::new(),
                release: release.into(),
                packages: Vec::new(),
            };
            kernel.header_packages()
        };
        assert_eq!(
            packages("6.1", "6.1.0-50-cloud-amd64"),
            [
                "linux-headers-6.1.0-50-cloud-amd64",
                "linux-headers-6.1.0-50-common",
                "linux-kbuild-6.1"
            ]
        );
        assert_eq!(
            packages("6.12", "6.12.94+deb13-amd64")[1..],
            [
                "linux-headers-6.12.94+deb13-common",
                "linux-kbuild-6.12.94+deb13"
            ]
        );
        assert_eq!(
            packages("6.1", "6.1.0-50-rt-amd64")[1],
            "linux-headers-6.1.0-50-common-rt"
        );
    }
}
