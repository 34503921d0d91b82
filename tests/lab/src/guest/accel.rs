//! Whether KVM works: proven by a real boot, as /dev/kvm may exist and yet not run a stock kernel.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Guest, qemu::Machine};
use crate::setup::Lab;
use crate::setup::cache::key;
use crate::setup::command::system_path;

/// How the guest's processor is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// By the host's.
    Kvm,
    /// By emulation: slower, and with other ratios between costs.
    Tcg,
    /// By emulation, one processor after the other, with a clock that counts instructions: other
    /// load of the host has no influence.
    Counted,
}

/// A stock kernel boots in about two seconds with KVM.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);

impl Accel {
    /// The emulator's arguments.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-accel", "kvm", "-cpu", "host"],
            // RDRAND seeds the kernel's random numbers before the other processors start. Without
            // it that happens seconds into the tests, and rewrites a branch of get_random_u32()
            // while other processors run it: an emulated one may stop at the temporary breakpoint,
            // which ended a guest.
            Self::Tcg => &["-accel", "tcg,thread=multi", "-cpu", "qemu64,+rdrand"],
            // An instruction takes two nanoseconds.
            Self::Counted => &[
                "-accel",
                "tcg,thread=single",
                "-cpu",
                "qemu64,+rdrand",
                "-icount",
                "shift=1",
            ],
        }
    }

    /// Upper bound on the time until a guest is ready.
    pub fn boot_timeout(self) -> Duration {
        match self {
            Self::Kvm => Duration::from_secs(60),
            Self::Tcg | Self::Counted => Duration::from_secs(120),
        }
    }

    /// Chooses, by a real boot the first time on a machine, and remembers the answer.
    pub fn choose(lab: &Lab) -> Result<Self> {
        if File::options()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_err()
        {
            return Ok(Self::Tcg);
        }
        let answer = lab
            .cache
            .path(format!("accel/{}", key([machine(lab).as_str()])));
        match fs::read_to_string(&answer).as_deref() {
            Ok("kvm") => return Ok(Self::Kvm),
            Ok("tcg") => return Ok(Self::Tcg),
            _ => {}
        }
        eprintln!(
            "trying whether a guest boots with KVM here (once, up to {} s)",
            PROBE_TIMEOUT.as_secs()
        );
        let booted = Guest::boot_with(lab, Machine::default(), Self::Kvm, PROBE_TIMEOUT);
        let accel = if booted.is_ok() { Self::Kvm } else { Self::Tcg };
        let text = if accel == Self::Kvm { "kvm" } else { "tcg" };
        eprintln!(
            "{}",
            if accel == Self::Kvm {
                "it does"
            } else {
                "it does not: emulating (TCG)"
            }
        );
        lab.cache.publish(&answer, |partial| {
            fs::write(partial, text).with_context(|| format!("cannot write {}", partial.display()))
        })?;
        Ok(accel)
    }
}

/// Everything that the answer depends on.
fn machine(lab: &Lab) -> String {
    let qemu = Command::new("qemu-system-x86_64")
        .arg("--version")
        .env("PATH", system_path())
        .output();
    let qemu = qemu.map(|output| output.stdout).unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find(|line| line.starts_with("model name"))
        .unwrap_or_default();
    let host = rustix::system::uname();
    format!(
        "{}\n{processor}\n{}\n{}",
        String::from_utf8_lossy(&qemu),
        host.release().to_string_lossy(),
        lab.kernel.release
    )
}
