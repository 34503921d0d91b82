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
    /// Its path.
    pub path: PathBuf,
    /// What is cached below it, from a dry run. None: unknown.
    pub found: Option<Counters>,
}

/// The paths of an overlay's directory in its layers, the upper one first. Paths that a container's
/// engine gave relative to its own directory are left out.
pub fn paths(mount: &Mount, directory: &Path) -> Vec<PathBuf> {
    if &*mount.fs != "overlay" {
        return Vec::new();
    }
    let Ok(below) = directory.strip_prefix(&mount.point) else {
        return Vec::new();
    };
    // For a bind mount.
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

/// The same, with what a dry run counts below each. `mounts`: every mount.
pub fn layers(
    mount: &Mount,
    directory: &Path,
    mounts: &[Mount],
    progress: &mut dyn FnMut(&Counters) -> ControlFlow<()>,
) -> Vec<Layer> {
    let mut count = |path: &Path| match Target::open_cached(path) {
        Ok(target) => Some(PrunePlan::new(target, progress).ok()??.found),
        // On a disk nothing is cached below a name that is not.
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
    fn directory_of_an_overlay_is_found_in_its_layers() {
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
