//! `slabscope module status`: which module, whether it fits this kernel, whether the kernel accepts it.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::super::{Exit, Failure};
use super::{NAME, programs, secure_boot};
use crate::abi;
use crate::base::json;
use crate::base::text::printable;
use crate::kernel::session::{Device, MODES, SessionError};
use crate::kernel::source::lockdown;

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    loaded: bool,
    usable: bool,
    problem: Option<String>,
    abi_version: Option<u32>,
    read_only: Option<bool>,
    modes: Vec<&'static str>,
    max_depth: Option<u32>,
    /// `rust` or `plain`.
    front: Option<&'static str>,
    /// Letters by which the kernel marks itself for this module; none is an empty string.
    taint: Option<String>,
    file: Option<String>,
    built_for: Option<String>,
    fits: Option<bool>,
    signer: Option<String>,
    secure_boot: Option<bool>,
    lockdown: Option<String>,
}

/// What modprobe would load.
#[derive(Debug, Default, PartialEq, Eq)]
struct Installed {
    file: String,
    built_for: String,
    signer: Option<String>,
}

pub(super) fn show(json: bool, out: &mut dyn Write) -> Result<Exit, Failure> {
    let info = Device::open().and_then(|device| device.info());
    let installed = installed();
    let release = release();
    let fits = installed
        .as_ref()
        .map(|installed| installed.built_for == release);
    let document = Document {
        loaded: !matches!(info, Err(SessionError::NoModule(_))),
        usable: info.is_ok(),
        problem: info.as_ref().err().map(ToString::to_string),
        abi_version: info.as_ref().ok().map(|info| info.version),
        read_only: info
            .as_ref()
            .ok()
            .map(|info| info.flags & abi::INFO_READ_ONLY != 0),
        modes: info
            .as_ref()
            .map_or_else(|_| Vec::new(), |info| modes(info.modes)),
        max_depth: info.as_ref().ok().map(|info| info.max_depth),
        front: info.as_ref().ok().map(|info| front(info.flags)),
        taint: taint(Path::new("/sys/module")),
        file: installed.as_ref().map(|installed| installed.file.clone()),
        built_for: installed
            .as_ref()
            .map(|installed| installed.built_for.clone()),
        fits,
        signer: installed
            .as_ref()
            .and_then(|installed| installed.signer.clone()),
        secure_boot: secure_boot::state(),
        lockdown: lockdown(Path::new("/")),
    };
    if json {
        json::write(out, "slabscope.module/2", &document)?;
    } else {
        if let Ok(info) = &info {
            let prunes = match document.read_only {
                Some(true) => "loaded with read_only=1: it refuses every prune",
                _ => "ready",
            };
            let modes = document.modes.join(", ");
            writeln!(
                out,
                "slabscope module, ABI {}: {prunes}; modes: {modes}",
                info.version
            )?;
        }
        for (name, text) in lines(&document, installed.as_ref(), &release) {
            writeln!(out, "  {name:<12} {text}")?;
        }
    }
    match info {
        Ok(_) => Ok(Exit::Ok),
        Err(error) => Err(error.into()),
    }
}

fn lines(
    document: &Document,
    installed: Option<&Installed>,
    release: &str,
) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(front) = document.front {
        let what = match front {
            "plain" => "plain: its device is C, for kernels that are built without Rust",
            _ => "rust: on the kernel's own Rust crate",
        };
        lines.push(("front", what.into()));
    }
    match installed {
        Some(installed) => {
            lines.push(("installed", printable(&installed.file)));
            let built_for = printable(&installed.built_for);
            lines.push((
                "fits",
                match document.fits {
                    Some(true) => format!("yes: built for {built_for}"),
                    _ => format!(
                        "no: built for {built_for}, and this is {}: `slabscope module install`",
                        printable(release)
                    ),
                },
            ));
            let signed = installed.signer.as_ref().map(printable);
            lines.push((
                "signed",
                signed.map_or("no".into(), |by| format!("by {by}")),
            ));
        }
        None => lines.push((
            "installed",
            "no: `slabscope module install` builds it and keeps it over reboots".into(),
        )),
    }
    if let Some(taint) = &document.taint {
        lines.push(("taint", explained(taint)));
    }
    lines.push((
        "Secure Boot",
        match document.secure_boot {
            Some(true) => format!(
                "on: the kernel asks for a key that it trusts; {}",
                secure_boot::enrol()
            ),
            Some(false) => "off".into(),
            None => "-".into(),
        },
    ));
    lines.push(("lockdown", document.lockdown.clone().unwrap_or("-".into())));
    lines
}

fn front(flags: u32) -> &'static str {
    match flags & abi::INFO_PLAIN {
        0 => "rust",
        _ => "plain",
    }
}

fn modes(bits: u32) -> Vec<&'static str> {
    let walks = [(abi::MODE_CENSUS, "census"), (abi::MODE_LIST, "list")];
    let prunes = MODES.map(|mode| (mode as u32, mode.name()));
    walks
        .into_iter()
        .chain(prunes)
        .filter(|(mode, _)| bits & (1 << mode) != 0)
        .map(|(_, name)| name)
        .collect()
}

/// `uname -r`
pub(super) fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// What modinfo(8) says of it: compressed or not, wherever it lies.
fn installed() -> Option<Installed> {
    let output = programs::command(&["modinfo", NAME])?.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| of_modinfo(&text))
}

fn of_modinfo(text: &str) -> Installed {
    let value = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(value.trim().to_owned())
    };
    let version_magic = value("vermagic:").unwrap_or_default();
    Installed {
        file: value("filename:").unwrap_or_default(),
        built_for: version_magic
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        signer: value("signer:").filter(|signer| !signer.is_empty()),
    }
}

/// Letters of Documentation/admin-guide/tainted-kernels.rst.
fn taint(modules: &Path) -> Option<String> {
    let text = fs::read_to_string(modules.join(NAME).join("taint")).ok()?;
    Some(text.trim().to_owned())
}

fn explained(taint: &str) -> String {
    let one = |letter| match letter {
        'O' => Some("O: not from the kernel's own tree"),
        'E' => Some("E: not signed by a key of this kernel"),
        _ => None,
    };
    let known: Vec<&str> = taint.chars().filter_map(one).collect();
    match known.is_empty() {
        true => format!("{taint}: see the kernel's admin guide, tainted kernels"),
        false => format!(
            "{}. The kernel works as before; reports of bugs show it",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modinfo_says_what_it_was_built_for_and_who_signed_it() {
        let text = "filename:       /lib/modules/6.12.1/updates/dkms/slabscope.ko.xz\n\
                    license:        GPL\n\
                    vermagic:       6.12.1 SMP preempt mod_unload modversions \n\
                    sig_id:         PKCS#7\n\
                    signer:         DKMS module signing key\n";
        assert_eq!(
            of_modinfo(text),
            Installed {
                file: "/lib/modules/6.12.1/updates/dkms/slabscope.ko.xz".into(),
                built_for: "6.12.1".into(),
                signer: Some("DKMS module signing key".into()),
            }
        );
        assert_eq!(of_modinfo("vermagic: 6.1.0\n").signer, None);
    }

    #[test]
    fn taint_is_explained() {
        assert_eq!(
            explained("OE"),
            "O: not from the kernel's own tree, E: not signed by a key of this kernel. \
             The kernel works as before; reports of bugs show it"
        );
    }
}
