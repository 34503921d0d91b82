//! The part of a set-up that needs root, for an ordinary user: sudo runs only that part of this
//! program, so that what cargo builds, and all that changes from run to run, stays the user's.

use std::io::{ErrorKind, IsTerminal};
use std::os::unix::fs::lchown;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use slabscope::base::shell::quoted;
use walkdir::WalkDir;

use super::cache::Cache;
use super::command::in_path;

/// The parts of the cache that an ordinary user's runs write. Root makes the rest, which is only
/// read.
const USERS: [&str; 5] = ["accel", "lock", "logs", "runs", "target"];

/// Variables with paths, which sudo removes.
const KEPT: [&str; 8] = [
    "HOME",
    "PATH",
    "SLABSCOPE_CACHE",
    "SLABSCOPE_MIRROR",
    "XDG_CACHE_HOME",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Runs `cargo lab` with these arguments by sudo, and prints why.
pub fn run(why: &str, arguments: &[String]) -> Result<()> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let kept = KEPT
        .iter()
        .filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
    let mut words = vec!["env".to_owned()];
    words.extend(kept);
    words.push(this.display().to_string());
    words.extend_from_slice(arguments);
    if !in_path("sudo") {
        bail!("{why}, and there is no sudo here: install it, or run this as root");
    }
    let mut sudo = Command::new("sudo");
    if std::io::stdin().is_terminal() {
        eprintln!("{why}: sudo runs that part, and nothing else, as root");
    } else {
        // A password cannot be typed.
        sudo.arg("--non-interactive");
    }
    let status = sudo.args(&words).status().context("cannot run sudo")?;
    // sudo, or its command, has printed the error.
    ensure!(
        status.success(),
        "{why}, and this failed: {}",
        command(&words)
    );
    Ok(())
}

fn command(words: &[String]) -> String {
    let word = |word: &String| match word.split_once('=') {
        Some((name, value)) if !word.starts_with('-') => format!("{name}={}", quoted(value)),
        _ if word.starts_with('-') => word.clone(),
        _ => quoted(word),
    };
    let words: Vec<_> = words.iter().map(word).collect();
    format!("sudo {}", words.join(" "))
}

/// Runs the part that sudo called this program for. However it ends, the user gets what was made.
pub fn handing_over<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = run();
    let given = Cache::open().and_then(|cache| hand_over(&cache));
    done.and_then(|done| given.map(|()| done))
}

/// Gives the user who called sudo the files that their own runs write.
fn hand_over(cache: &Cache) -> Result<()> {
    let id = |name: &str| {
        let id = std::env::var(name).ok().and_then(|id| id.parse().ok());
        id.with_context(|| format!("{name} is not set: this is for sudo to call"))
    };
    let (uid, gid): (u32, u32) = (id("SUDO_UID")?, id("SUDO_GID")?);
    let give = |path: &Path| match lchown(path, Some(uid), Some(gid)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot give {} to its user", path.display()))
        }
        _ => Ok(()),
    };
    give(&cache.path(""))?;
    for name in USERS {
        // A link itself changes its owner; it is never followed.
        for entry in WalkDir::new(cache.path(name)).into_iter().flatten() {
            give(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_command_is_printed_for_copying() {
        let words = ["env", "HOME=/home/a b", "/x/lab", "setup", "--root-part"];
        let shown = command(&words.map(str::to_owned));
        assert_eq!(shown, "sudo env HOME='/home/a b' /x/lab setup --root-part");
    }
}
