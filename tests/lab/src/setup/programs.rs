//! The programs of the guest: linked statically, as the guest's C library may differ from the
//! host's.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::alive::Alive;
use super::cache::Cache;
use super::workspace;

/// Cargo's name of what the programs run on.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Programs for the guest.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The program.
    pub slabscope: PathBuf,
    /// The lab's hand in the guest.
    pub agent: PathBuf,
}

/// Settings of cargo for its sources; all others concern the build that runs this one.
const KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// Time after which a quiet build is mentioned.
const PATIENCE: Duration = Duration::from_secs(3);

/// Paths of cargo's output.
pub fn paths(cache: &Cache) -> Programs {
    let dir = cache.path("target").join(TARGET).join("release");
    Programs {
        slabscope: dir.join("slabscope"),
        agent: dir.join("agent"),
    }
}

/// Removes variables that concern the build which runs this one.
pub(super) fn isolate(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO") && !KEPT.iter().any(|kept| text.starts_with(kept)) {
            command.env_remove(&name);
        }
    }
}

/// Cargo, for the guest's programs.
fn cargo(cache: &Cache, what: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    isolate(&mut command);
    command
        .current_dir(workspace())
        .args([what, "--release", "--locked", "--target", TARGET])
        .arg("--target-dir")
        .arg(cache.path("target"));
    command
}

/// In a shared cache, cargo distinguishes the packages of two checkouts only by the times of their
/// files: the programs of one would pass for the other's.
fn forget_another_checkout(cache: &Cache) -> Result<()> {
    let stamp = cache.path("target").join("checkout");
    let here = workspace().as_os_str().as_bytes().to_vec();
    if fs::read(&stamp).ok().as_ref() == Some(&here) {
        return Ok(());
    }
    fs::create_dir_all(cache.path("target")).context("cannot make the directory to build in")?;
    let mut command = cargo(cache, "clean");
    command.args([
        "--quiet",
        "--package",
        "slabscope",
        "--package",
        "slabscope-lab",
    ]);
    let status = command.status().context("cannot run cargo")?;
    ensure!(
        status.success(),
        "forgetting another checkout's programs failed: {status}"
    );
    fs::write(&stamp, here).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Builds what has changed of them; quiet unless `verbose`, or when something fails.
pub fn build(cache: &Cache, verbose: bool) -> Result<()> {
    forget_another_checkout(cache)?;
    let mut command = cargo(cache, "build");
    command
        .args([
            "--package",
            "slabscope",
            "--bin",
            "slabscope",
            "--package",
            "slabscope-lab",
            "--bin",
            "agent",
        ])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "none")
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .stdin(Stdio::null());
    if !verbose {
        command.arg("--quiet");
    }
    let mut child = command.spawn().context("cannot run cargo")?;
    let started = Instant::now();
    let mut alive = None;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for cargo")? {
            break status;
        }
        if !verbose && started.elapsed() > PATIENCE {
            let line = "building the guest's programs, as they have changed ... ";
            alive.get_or_insert_with(|| Alive::new(line.into()));
        }
        sleep(Duration::from_millis(20));
    };
    if alive.is_some() {
        drop(alive);
        eprintln!("{:.0} s", started.elapsed().as_secs_f64());
    }
    if !status.success() {
        bail!("building the programs for the guest failed: {status}");
    }
    Ok(())
}
