//! The scene for the program: a directory of useless cached names, and beside it what must stay.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{SCRATCH_DISK, lookups, tools};

const TOP: &str = "/mnt/ext4";

/// Makes the filesystem, mounts it, and fills the caches.
pub fn prepare(count: u64, files: u64) -> Result<()> {
    say(&format!("an ext4 on {TOP}"));
    run(
        "mke2fs",
        &["-q", "-F", "-t", "ext4", "-E", "nodiscard", SCRATCH_DISK],
    )?;
    run("mount", &["-o", "noinit_itable", SCRATCH_DISK, TOP])?;
    let top = Path::new(TOP);
    for dir in ["1/2/3", "other"] {
        let path = top.join(dir);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
    }
    say(&format!(
        "{files} files that have been read in {TOP}/data, some of them held open"
    ));
    let data = top.join("data");
    tools::make_files(&data, files)?;
    hold(&data, files)?;
    say(&format!("1000 failed lookups in {TOP}/other"));
    lookups::run(&top.join("other"), 1000, "conf_", false)?;
    say(&format!("{count} failed lookups in {TOP}/1/2/3"));
    lookups::run(&top.join("1/2/3"), count, "sess_", true)
}

fn say(what: &str) {
    println!("scene: {what}");
    std::io::stdout().flush().ok();
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

/// Starts a process that holds every 500th file open.
fn hold(data: &Path, files: u64) -> Result<()> {
    let held: Vec<_> = (0..files)
        .step_by(500)
        .map(|index| tools::file(data, index))
        .collect();
    if held.is_empty() {
        return Ok(());
    }
    let agent = std::env::current_exe().context("cannot find this program")?;
    let mut child = Command::new("setsid")
        .arg(agent)
        .arg("hold")
        .args(&held)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the process that holds files open")?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("cannot hear the process that holds files open")?;
    }
    ensure!(
        line.starts_with("holding"),
        "the process that should hold files open has not said that it does"
    );
    Ok(())
}
