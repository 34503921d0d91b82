//! What an overlay is made of. It has names of its own, and each name that it looks up is cached in the
//! layers too, absent ones as well (fs/overlayfs/namei.c: `ovl_lookup()` looks in one layer after the
//! other, Linux 7.3): a prune of the merged directory leaves those where they are.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::PrunePlan;
use crate::kernel::session::Counters;
use crate::kernel::source::Mount;
use crate::kernel::target::{LookError, Target};

/// A directory of a layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Where it is.
    pub path: PathBuf,
    /// What is cached below it, from a dry run. None: that is not known.
    pub found: Option<Counters>,
}

/// Where the layers of an overlay have a directory of it, the upper one first. What a container's
/// engine names relative to the directory that it mounted from is left out.
pub fn paths(mount: &Mount, directory: &Path) -> Vec<PathBuf> {
    if &*mount.fs != "overlay" {
        return Vec::new();
    }
    let Ok(below) = directory.strip_prefix(&mount.point) else {
        return Vec::new();
    };
    // Of a bind mount.
    let root = mount.root.strip_prefix("/").unwrap_or(Path::new(""));
    let absolute = mount
        .made_of
        .directories()
        .into_iter()
        .filter(|layer| layer.is_absolute());
    let inside = absolute.map(|layer| layer.join(root).join(below));
    // Joining an empty path leaves a slash at the end.
    inside.map(|path| path.components().collect()).collect()
}

/// The same, with what a dry run counts below each. `mounts` are all that there are.
pub fn layers(
    mount: &Mount,
    directory: &Path,
    mounts: &[Mount],
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Vec<Layer> {
    let mut count = |path: &Path| match Target::open_cached(path) {
        Ok(target) => Some(PrunePlan::new(target, progress).ok()??.found),
        // On a disk nothing can be cached below what is not.
        Err(LookError::NotCached { .. }) => {
            let local = Mount::of(mounts, path).is_some_and(|mount| !mount.is_remote());
            local.then(Counters::default)
        }
        // Not each layer has each directory.
        Err(error) if error.is_missing() => Some(Counters::default()),
        Err(_) => None,
    };
    let layer = |path: PathBuf| Layer {
        found: count(&path),
        path,
    };
    paths(mount, directory).into_iter().map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_an_overlay_is_found_in_its_layers() {
        let mount = Mount {
            fs: "overlay".into(),
            point: "/m".into(),
            root: Path::new("/").into(),
            made_of: crate::kernel::source::mounts::Layers::known(&["/up", "l/RELATIVE", "/low"]),
            ..Mount::default()
        };
        let found = |mount: &Mount, path: &str| paths(mount, Path::new(path));
        assert_eq!(
            found(&mount, "/m/app"),
            [Path::new("/up/app"), Path::new("/low/app")]
        );
        assert_eq!(found(&mount, "/m"), [Path::new("/up"), Path::new("/low")]);
        assert!(found(&mount, "/elsewhere").is_empty());
        let bound = Mount {
            root: Path::new("/app").into(),
            ..mount.clone()
        };
        assert_eq!(found(&bound, "/m/vendor")[1], Path::new("/low/app/vendor"));
        let other = Mount {
            fs: "ext4".into(),
            ..mount
        };
        assert!(found(&other, "/m/app").is_empty());
    }
}
