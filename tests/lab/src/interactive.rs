//! The lab at a terminal: the program on its scene, a shell, one command.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::agent::protocol::Stream;
use crate::guest::Guest;
use crate::guest::accel::Accel;
use crate::relay::{self, End};
use crate::setup::Lab;

/// Upper bound on the time to prepare the scene.
const SCENE_TIMEOUT: Duration = Duration::from_secs(300);

pub(crate) fn boot(lab: &Lab) -> Result<Guest> {
    let started = Instant::now();
    eprint!("booting Linux {} ... ", lab.kernel.release);
    std::io::stderr().flush().ok();
    let guest = Guest::boot(lab)?;
    let how = match guest.accel() {
        Accel::Kvm => "with KVM",
        Accel::Tcg | Accel::Counted => "emulated: times mislead",
    };
    eprintln!("{:.0} s, {how}", started.elapsed().as_secs_f64());
    Ok(guest)
}

/// Boots a guest and loads the module.
fn boot_ready(lab: &Lab) -> Result<Guest> {
    let guest = boot(lab)?;
    guest.load_module()?;
    Ok(guest)
}

/// Prepares the scene and opens the program on it.
pub fn main_job(lab: &Lab) -> Result<End> {
    let guest = boot_ready(lab)?;
    let status = guest.stream("agent scene", &[], SCENE_TIMEOUT, |_, bytes| {
        std::io::stderr().write_all(bytes).ok();
    })?;
    ensure!(
        status == 0,
        "the scene could not be prepared: status {status}"
    );
    eprintln!("opening slabscope; q quits it, Ctrl-A X ends the lab");
    relay::run(&guest, "exec slabscope")
}

/// Opens a shell.
pub fn shell(lab: &Lab) -> Result<End> {
    let guest = boot_ready(lab)?;
    eprintln!("a root shell in the guest; `agent scene` prepares the scene, Ctrl-A X ends the lab");
    relay::run(&guest, "exec bash")
}

/// Runs one command and passes on its output; returns its status.
pub fn run_command(lab: &Lab, words: &[String], timeout: Duration) -> Result<i32> {
    let guest = Guest::boot(lab)?;
    guest.load_module()?;
    let command = words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ");
    let status = guest.stream(&command, &[], timeout, |stream, bytes| {
        match stream {
            Stream::Stdout => std::io::stdout()
                .write_all(bytes)
                .and_then(|()| std::io::stdout().flush()),
            Stream::Stderr => std::io::stderr().write_all(bytes),
        }
        .ok();
    })?;
    guest.poweroff()?;
    Ok(status)
}

/// A word quoted for the shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_guest_as_they_are() {
        assert_eq!(quoted("a'b $c"), r"'a'\''b $c'");
    }
}
