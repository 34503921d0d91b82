//! The ladder: what can be reclaimed for a directory, the least blast radius first. Each rung has
//! what it affects, whether it applies here, and the command that climbs it.

use std::path::{Path, PathBuf};

use crate::base::shell::quoted;
use crate::kernel::reader;
use crate::kernel::session::PruneMode;
use crate::kernel::source::{Hierarchy, Kernel, Mount};
use crate::reclaim::prune;
use crate::reclaim::{carousel, pages, superblock};

/// A rung, by what it reclaims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Negative dentries: names cached as absent, below a directory.
    Negative,
    /// All unused dentries below it.
    Dentries,
    /// Those, and the inodes that then have no user.
    Inodes,
    /// Page cache of the files below it.
    Pages,
    /// All unused dentries of its filesystem.
    Superblock,
    /// Page cache and slabs of a memory cgroup.
    Cgroup,
    /// Slabs of a cache that hold no object.
    Cache,
    /// What the whole machine can spare.
    Everybody,
    /// Negative dentries: names cached as absent in a directory, by writing to it: narrow, and yet the last resort.
    Carousel,
}

impl Rung {
    /// From the narrowest to the widest, then the last resort.
    pub const ALL: [Self; 9] = [
        Self::Negative,
        Self::Dentries,
        Self::Inodes,
        Self::Pages,
        Self::Superblock,
        Self::Cgroup,
        Self::Cache,
        Self::Everybody,
        Self::Carousel,
    ];

    /// Its name in the record and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Dentries => "dentries",
            Self::Inodes => "inodes",
            Self::Pages => "pages",
            Self::Superblock => "superblock",
            Self::Cgroup => "cgroup",
            Self::Cache => "cache",
            Self::Everybody => "everybody",
            Self::Carousel => "carousel",
        }
    }

    /// The name on the screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::Everybody => "system",
            _ => self.name(),
        }
    }

    /// The mode of a prune below the directory; None: it reaches wider.
    pub fn mode(self) -> Option<PruneMode> {
        match self {
            Self::Negative => Some(PruneMode::Negative),
            Self::Dentries => Some(PruneMode::Dentries),
            Self::Inodes => Some(PruneMode::Inodes),
            Self::Pages => Some(PruneMode::Pages),
            Self::Superblock | Self::Cgroup | Self::Cache | Self::Everybody | Self::Carousel => {
                None
            }
        }
    }

    /// What it affects and what goes.
    pub fn reach(self) -> &'static str {
        match self {
            Self::Negative => "this directory: negative dentries",
            Self::Dentries => "this directory: all unused dentries",
            Self::Inodes => "this directory: unused dentries, inodes, their pages",
            Self::Pages => "this directory: page cache of its files",
            Self::Superblock => "the whole filesystem: all unused dentries",
            Self::Cgroup => "one memory cgroup: page cache and slabs",
            Self::Cache => "one slab cache: slabs without objects",
            Self::Everybody => "the whole system: dentries, inodes, page cache",
            Self::Carousel => "this directory: negative dentries, by writing to it",
        }
    }
}

/// The facts that decide whether a rung applies.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The directory that it is for; None: any.
    pub path: Option<PathBuf>,
    /// Its filesystem.
    pub mount: Option<Mount>,
    /// Why the module does not answer; None: it does.
    pub no_module: Option<String>,
    /// Why no reader lists the names in a directory; None: one does, or none was tried yet, and the
    /// rung's own plan will report it. Loading the BPF program may take seconds.
    pub no_reader: Option<String>,
    /// Where cgroups (v2) are mounted, if their memory is counted.
    pub cgroups: Option<PathBuf>,
    /// The kernel shows slab caches in sysfs.
    pub slabs: bool,
}

impl Place {
    /// Reads the current state.
    pub fn read(kernel: &Kernel, path: Option<&Path>) -> Self {
        let mounts = kernel.mounts().unwrap_or_default();
        let root = kernel.root();
        Self {
            path: path.map(Path::to_owned),
            mount: path.and_then(|path| Mount::of(&mounts, path)).cloned(),
            no_module: reader::module().err().map(|error| error.to_string()),
            no_reader: reader::refused().map(|error| error.to_string()),
            cgroups: Hierarchy::unified(root).ok().map(|found| found.point),
            slabs: kernel.files().is_directory("sys/kernel/slab"),
        }
    }
}

/// A rung at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rung.
    pub rung: Rung,
    /// Why it does not apply; None: it does.
    pub why_not: Option<String>,
    /// The command that climbs it. Placeholders are in capitals.
    pub command: String,
}

/// All rungs for a place, the narrowest first.
pub fn ladder(place: &Place) -> Vec<Step> {
    let step = |rung| Step {
        rung,
        why_not: why_not(rung, place),
        command: command(rung, place),
    };
    Rung::ALL.map(step).into()
}

fn why_not(rung: Rung, place: &Place) -> Option<String> {
    let in_memory = || {
        let memory = place.mount.as_ref().filter(|mount| mount.is_memory())?;
        let fs = crate::base::text::printable(&*memory.fs);
        Some(format!(
            "on {fs} every dentry is in use while its file exists"
        ))
    };
    let untested = || {
        let why = prune::untested(place.mount.as_ref()?)?;
        Some(format!("{why}: --any-filesystem"))
    };
    match rung {
        Rung::Negative | Rung::Dentries | Rung::Inodes => in_memory()
            .or_else(|| place.no_module.clone())
            .or_else(untested),
        Rung::Pages => {
            let unfit = pages::unfit(place.mount.as_ref()?, false);
            unfit.or_else(|| untested().filter(|_| place.no_module.is_none()))
        }
        Rung::Superblock => superblock::unfit(place.mount.as_ref()?, false),
        Rung::Cgroup => place
            .cgroups
            .is_none()
            .then(|| "cgroup v2 is not mounted, or without its memory controller".into()),
        Rung::Cache => (!place.slabs).then(|| "this kernel shows no slab caches in /sys".into()),
        Rung::Everybody => None,
        Rung::Carousel => {
            let unfit = |mount| carousel::unfit::filesystem(mount, false);
            place.mount.as_ref().and_then(unfit).or_else(|| {
                let command = command(rung, place);
                place.no_reader.as_ref().map(|_| {
                    format!("no reader lists the names here; with a list of them: {command} --names FILE")
                })
            })
        }
    }
}

fn command(rung: Rung, place: &Place) -> String {
    let path = place.path.as_ref().map_or("DIR".into(), quoted);
    match rung {
        Rung::Pages if place.no_module.is_some() => format!("slabscope reclaim --pages {path}"),
        Rung::Negative | Rung::Dentries | Rung::Inodes | Rung::Pages => {
            format!("slabscope prune {path} --mode {}", rung.name())
        }
        // As far as it is said to reach: inodes are an option of its plan.
        Rung::Superblock => format!("slabscope reclaim --superblock {path}"),
        Rung::Cgroup => {
            let cgroups = place
                .cgroups
                .as_deref()
                .unwrap_or(Path::new("/sys/fs/cgroup"));
            let cgroup = quoted(cgroups);
            format!("slabscope reclaim --cgroup {cgroup}/NAME --amount SIZE")
        }
        Rung::Cache => "slabscope reclaim --cache dentry".into(),
        Rung::Everybody => "slabscope reclaim --all 2".into(),
        Rung::Carousel => format!("slabscope reclaim --carousel {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(fs: &str) -> Place {
        Place {
            path: Some("/srv/a b".into()),
            mount: Some(Mount {
                point: "/srv".into(),
                fs: fs.into(),
                ..Mount::default()
            }),
            cgroups: Some("/sys/fs/cgroup".into()),
            slabs: true,
            ..Place::default()
        }
    }

    fn applies(place: &Place) -> Vec<&'static str> {
        let steps = ladder(place);
        assert!(steps.is_sorted_by_key(|step| step.rung));
        let all = steps.iter().filter(|step| step.why_not.is_none());
        all.map(|step| step.rung.name()).collect()
    }

    #[test]
    fn each_rung_says_why_it_does_not_apply() {
        let all = Rung::ALL.map(Rung::name);
        assert_eq!(applies(&place("ext4")), all);
        let without = Place {
            no_module: Some("the module is not loaded".into()),
            no_reader: Some("BPF is refused".into()),
            ..place("ext4")
        };
        assert_eq!(applies(&without), all[3..8]);
        let carousel = ladder(&without)[8].why_not.clone().unwrap();
        assert!(
            carousel.ends_with("slabscope reclaim --carousel '/srv/a b' --names FILE"),
            "{carousel}"
        );
        assert_eq!(
            ladder(&without)[3].command,
            "slabscope reclaim --pages '/srv/a b'"
        );
        assert_eq!(applies(&place("tmpfs")), ["cgroup", "cache", "everybody"]);
        // Nothing that is refused without --any-filesystem is offered.
        assert_eq!(applies(&place("nfs4")), ["cgroup", "cache", "everybody"]);
        let bare = Place {
            cgroups: None,
            slabs: false,
            ..place("vfat")
        };
        let steps = ladder(&bare);
        let why = |rung: Rung| steps.iter().find(|step| step.rung == rung)?.why_not.clone();
        assert!(why(Rung::Superblock).unwrap().contains("not tested"));
        assert!(why(Rung::Cgroup).is_some() && why(Rung::Cache).is_some());
    }

    #[test]
    fn commands_name_the_exact_directory() {
        let steps = ladder(&place("ext4"));
        let commands: Vec<_> = steps.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(commands[0], "slabscope prune '/srv/a b' --mode negative");
        assert_eq!(commands[4], "slabscope reclaim --superblock '/srv/a b'");
        assert_eq!(
            commands[5],
            "slabscope reclaim --cgroup /sys/fs/cgroup/NAME --amount SIZE"
        );
    }
}
