//! `cargo lab packages`: the program as a Debian package, an rpm and an archive; the module for DKMS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::cache::{Cache, key, remove};
use super::command::Log;
use super::debian::{self, Chroot, base_path, copy, suite_path};
use super::kernel::Kernel;
use super::module::{SLABSCOPE, sources};
use super::steps::Steps;
use super::suite::Suite;
use super::{host, image, kernel, programs, workspace};

/// Writes the list of dependencies into the program, for `cargo audit bin` and others.
const AUDITABLE: &str = "0.7.7";

/// Packages of the root in which packages are made and checked.
const PACKER: [&str; 5] = ["binutils", "lintian", "rpm", "xz-utils", "zstd"];

/// Version of the packages.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The root in which packages are made.
fn packer_path(cache: &Cache) -> PathBuf {
    let key = key(PACKER.into_iter().chain([debian::SUITE]));
    cache.path(format!("roots/packer-{key}"))
}

/// What packages are made of.
fn input(cache: &Cache) -> PathBuf {
    cache.path("packages/in")
}

/// Makes the packages, in `output`.
pub fn make(output: &Path) -> Result<()> {
    ensure!(
        host::is_root(),
        "packages are made in a root of Debian's, which needs root"
    );
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    let mut steps = Steps::new(&cache, 4, false);
    steps.base()?;
    steps.compilers()?;
    steps.make(
        "the packages' tools",
        &packer_path(&cache),
        |partial, log| {
            copy(&base_path(&cache), partial, log)?;
            Chroot::new(partial).install(&PACKER, log)
        },
    )?;
    let log = steps.log()?;
    fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    let output = output
        .canonicalize()
        .with_context(|| format!("cannot find {}", output.display()))?;
    collect(&cache, &log)?;
    let epoch = epoch()?;
    Chroot::new(packer_path(&cache))
        .bind(workspace().join("packaging"), "/packaging")
        .bind(input(&cache), "/in")
        .bind(&output, "/out")
        .run(
            "SOURCE_DATE_EPOCH=$1 sh /packaging/build /in /out $2",
            &[&epoch, VERSION],
            &log,
        )?;
    Ok(())
}

/// What stock machines that build modules have, and a second kernel's headers that come later.
fn on_a_machine(kernel: &Kernel) -> [String; 4] {
    let [headers, ..] = kernel.header_packages();
    ["dkms".into(), "gcc".into(), "systemd".into(), headers]
}

/// The kernel of the same version that is not for virtual machines, as `uname -r` names it.
pub fn later(kernel: &Kernel) -> String {
    kernel.release.replace("-cloud", "")
}

/// The root of a guest as a stock Debian with DKMS: with the packages in /packages, and in /later the headers of a
/// kernel that is installed later.
pub fn machine(cache: &Cache, kernel: &Kernel, packages: &Path, log: &Log) -> Result<PathBuf> {
    let suite = Suite::of(&kernel.series)?.name;
    let names = on_a_machine(kernel);
    let names: Vec<&str> = image::PACKAGES
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let later = later(kernel);
    let key = key(names.iter().copied().chain([image::FINISH, suite, &later]));
    let prepared = cache.path(format!("roots/machine-{key}"));
    if !prepared.exists() {
        let base = suite_path(cache, suite);
        if !base.exists() {
            cache.publish(&base, |partial| {
                debian::bootstrap_suite(suite, partial, log)
            })?;
        }
        cache.publish(&prepared, |partial| {
            copy(&base, partial, log)?;
            let root = Chroot::new(partial);
            root.install(&names, log)?;
            root.run(
                "mkdir /later; cd /later; apt-get update -q; apt-get download linux-headers-$1",
                &[&later],
                log,
            )?;
            root.run(image::FINISH, &[], log)
        })?;
    }
    let image = cache.path(format!("packages/machine-{suite}.img"));
    let tree = cache.path(format!("packages/machine-{suite}"));
    remove(&tree)?;
    copy(&prepared, &tree, log)?;
    copy(packages, &tree.join("packages"), log)?;
    remove(&image)?;
    image::make(&tree, &image, 1 << 30, log)?;
    remove(&tree)?;
    Ok(image)
}

/// Has lintian look at packages: what it calls an error is one.
pub fn lint(output: &Path) -> Result<String> {
    let cache = Cache::open()?;
    let log = Log::create(cache.path("logs/lintian.log"))?;
    let output = output
        .canonicalize()
        .with_context(|| format!("cannot find {}", output.display()))?;
    Chroot::new(packer_path(&cache))
        .bind(output, "/out")
        .output("lintian --allow-root --fail-on error /out/*.deb", &[], &log)
}

/// The time that all files get: the commit's, or what the environment says.
fn epoch() -> Result<String> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let git = Command::new("git")
        .current_dir(workspace())
        .args(["log", "-1", "--format=%ct"])
        .output()
        .context("cannot run git")?;
    ensure!(
        git.status.success(),
        "this is no checkout: set SOURCE_DATE_EPOCH to the time that the packages' files shall have"
    );
    Ok(String::from_utf8_lossy(&git.stdout).trim().to_owned())
}

/// Collects what packages are made of.
fn collect(cache: &Cache, log: &Log) -> Result<()> {
    let dir = input(cache);
    remove(&dir)?;
    for name in ["bin", "man", "completions", "doc", "kmod"] {
        fs::create_dir_all(dir.join(name)).context("cannot make the packages' input")?;
    }
    let program = program(cache, log)?;
    fs::copy(&program, dir.join("bin/slabscope")).context("cannot copy the program")?;
    let print = |arguments: &[&str]| -> Result<Vec<u8>> {
        let output = Command::new(&program)
            .args(arguments)
            .env("HOME", cache.path("packages"))
            .stdin(Stdio::null())
            .output()
            .context("cannot run the program")?;
        ensure!(
            output.status.success(),
            "slabscope {} failed",
            arguments.join(" ")
        );
        Ok(output.stdout)
    };
    print(&["man", &dir.join("man").to_string_lossy()])?;
    for (shell, name) in [
        ("bash", "slabscope.bash"),
        ("zsh", "_slabscope"),
        ("fish", "slabscope.fish"),
    ] {
        fs::write(
            dir.join("completions").join(name),
            print(&["completions", shell])?,
        )
        .context("cannot write completions")?;
    }
    fs::write(
        dir.join("doc/config.toml"),
        print(&["config", "--print-default"])?,
    )
    .context("cannot write the configuration")?;
    for name in ["CHANGELOG.md", "README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(workspace().join(name), dir.join("doc").join(name))
            .with_context(|| format!("cannot copy {name}"))?;
    }
    for (name, content) in sources(SLABSCOPE)? {
        let path = dir.join("kmod").join(&name);
        fs::create_dir_all(path.parent().unwrap_or(&dir)).context("cannot make a directory")?;
        fs::write(&path, content).with_context(|| format!("cannot write {name}"))?;
    }
    Chroot::new(kernel::compilers_path(cache))
        .bind(dir.join("kmod"), "/module")
        .run("make -C /module object", &[], log)
}

/// The program, linked statically, with the list of what is in it; the same bits wherever it is built.
fn program(cache: &Cache, log: &Log) -> Result<PathBuf> {
    let tools = cache.path(format!("tools/cargo-auditable-{AUDITABLE}"));
    let cargo = || Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if !tools.join("bin/cargo-auditable").exists() {
        log.run(
            cargo()
                .args([
                    "install",
                    "--quiet",
                    "--locked",
                    "--version",
                    AUDITABLE,
                    "--root",
                ])
                .arg(&tools)
                .arg("--target-dir")
                .arg(tools.join("target"))
                .arg("cargo-auditable"),
        )?;
        remove(&tools.join("target"))?;
    }
    let target = cache.path("target-packages");
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let mut command = Command::new(tools.join("bin/cargo-auditable"));
    programs::isolate(&mut command);
    log.run(
        command
            .current_dir(workspace())
            .args(["auditable", "build", "--quiet", "--release", "--locked"])
            .args(["--package", "slabscope", "--bin", "slabscope"])
            .args(["--target", programs::TARGET, "--target-dir"])
            .arg(&target)
            .env(
                "RUSTFLAGS",
                format!(
                    "-C target-feature=+crt-static --remap-path-prefix={}=/slabscope \
                     --remap-path-prefix={}=/cargo --remap-path-prefix={}=/target",
                    workspace().display(),
                    home.display(),
                    target.display()
                ),
            )
            .env("CARGO_PROFILE_RELEASE_DEBUG", "none")
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
    )?;
    Ok(target.join(programs::TARGET).join("release/slabscope"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dkms_has_the_version_of_the_program() {
        let text = fs::read_to_string(workspace().join("kmod/dkms.conf")).unwrap();
        assert!(
            text.contains(&format!("PACKAGE_VERSION=\"{VERSION}\"")),
            "{text}"
        );
    }
}
