//! What a machine has that modules are built with, and what brings the rest.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Exit, Failure};
use super::{NAME, programs, status};

/// What is where on this machine.
pub struct Machine {
    /// `uname -r`
    pub release: String,
    /// Whether DKMS is installed.
    pub dkms: bool,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        Self {
            release: status::release(),
            dkms: programs::find("dkms").is_some(),
        }
    }

    /// What the module is built from.
    pub fn build_tree(&self) -> PathBuf {
        Path::new("/lib/modules").join(&self.release).join("build")
    }

    /// Where the module goes without DKMS.
    pub fn module(&self) -> PathBuf {
        let dir = Path::new("/lib/modules").join(&self.release);
        dir.join("updates").join(format!("{NAME}.ko"))
    }

    /// What stands in the way, with the command that removes it.
    pub fn lacks(&self) -> Result<(), Failure> {
        let mut packages = Vec::new();
        for (program, package) in [("make", "make"), ("gcc", "gcc")] {
            if programs::find(program).is_none() {
                packages.push(package.to_owned());
            }
        }
        let like = distribution();
        if !self.build_tree().join("Makefile").exists() {
            let release = &self.release;
            packages.push(match like {
                Distribution::Debian => format!("linux-headers-{release}"),
                Distribution::Fedora => format!("kernel-devel-{release}"),
                Distribution::Arch => "linux-headers".to_owned(),
                Distribution::Other => format!("the headers of the kernel {release}"),
            });
        }
        if packages.is_empty() {
            return Ok(());
        }
        let packages = packages.join(" ");
        let remedy = match like {
            Distribution::Debian => format!("apt install {packages}"),
            Distribution::Fedora => format!("dnf install {packages}"),
            Distribution::Arch => format!("pacman -S {packages}"),
            Distribution::Other => format!("install {packages}"),
        };
        Err(Failure::new(
            Exit::Missing,
            format!("nothing was done: building the module takes {packages}: {remedy}"),
        ))
    }
}

/// Names of packages, and the command that installs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distribution {
    Debian,
    Fedora,
    Arch,
    Other,
}

fn distribution() -> Distribution {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    of_os_release(&text)
}

/// os-release(5): ID is what it is, ID_LIKE what it is made from.
fn of_os_release(text: &str) -> Distribution {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let names = [value("ID="), value("ID_LIKE=")];
    let mut names = names
        .into_iter()
        .flatten()
        .flat_map(|names| names.trim_matches('"').split(' '));
    names
        .find_map(|name| match name {
            "debian" | "ubuntu" => Some(Distribution::Debian),
            "fedora" | "rhel" | "centos" => Some(Distribution::Fedora),
            "arch" => Some(Distribution::Arch),
            _ => None,
        })
        .unwrap_or(Distribution::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_is_what_it_is_or_what_it_is_made_from() {
        for (text, distribution) in [
            ("NAME=\"x\"\nID=debian\n", Distribution::Debian),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Distribution::Debian,
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                Distribution::Fedora,
            ),
            ("ID=arch\n", Distribution::Arch),
            ("ID=alpine\n", Distribution::Other),
            ("", Distribution::Other),
        ] {
            assert_eq!(of_os_release(text), distribution, "{text}");
        }
    }
}
