//! The cache directory: everything the lab makes is kept there, and appears there only when complete.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

/// The directory of everything that the lab has made.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Held while the cache is being changed; released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Cache {
    /// Opens the cache: `$SLABSCOPE_CACHE`, else `$XDG_CACHE_HOME/slabscope`, else `~/.cache/slabscope`.
    pub fn open() -> Result<Self> {
        let root = Self::locate()?;
        fs::create_dir_all(&root).with_context(|| {
            format!(
                "cannot make the cache directory {}: set SLABSCOPE_CACHE to one you can write",
                root.display()
            )
        })?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", root.display()))?;
        own(&root)?;
        Ok(Self { root })
    }

    fn locate() -> Result<PathBuf> {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(dir) = var("SLABSCOPE_CACHE") {
            return Ok(dir.into());
        }
        if let Some(dir) = var("XDG_CACHE_HOME") {
            return Ok(Path::new(&dir).join("slabscope"));
        }
        let home = var("HOME").ok_or_else(|| {
            anyhow!("neither SLABSCOPE_CACHE, XDG_CACHE_HOME nor HOME says where to keep the lab")
        })?;
        Ok(Path::new(&home).join(".cache/slabscope"))
    }

    /// A path inside the cache.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Waits until no other run changes the cache, then keeps others from doing so.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.path("lock");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            eprintln!(
                "waiting for another `cargo lab` that is setting up in {}",
                self.root.display()
            );
            flock(&file, FlockOperation::LockExclusive)
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Lock { _file: file })
    }

    /// Free bytes on the cache's filesystem.
    pub fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)
            .with_context(|| format!("cannot look at {}", self.root.display()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Makes `target` with `make`, which writes to a temporary name; only a complete result gets
    /// the target's name, so that an interrupted run leaves nothing that looks finished.
    pub fn publish(&self, target: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let mut partial = target.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        remove(&partial)?;
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        make(&partial)?;
        fs::rename(&partial, target)
            .with_context(|| format!("cannot rename {} to its final name", partial.display()))
    }
}

/// Fails where another user could change the cache: the lab runs programs out of it, as root.
fn own(root: &Path) -> Result<()> {
    let us = rustix::process::geteuid().as_raw();
    // A user of sudo may be root anyway.
    let sudo = std::env::var("SUDO_UID").ok().filter(|_| us == 0);
    let sudo = sudo.and_then(|uid| uid.parse().ok());
    for directory in root.ancestors() {
        let found = fs::metadata(directory)
            .with_context(|| format!("cannot look at {}", directory.display()))?;
        if let Some(why) = foreign([found.uid(), found.mode()], us, sudo) {
            bail!(
                "the lab's cache {} is not safe: {} {why}. Set SLABSCOPE_CACHE to a directory that only you can write.",
                root.display(),
                directory.display()
            );
        }
    }
    Ok(())
}

/// Why another user decides what is in a directory. A shared one is safe if it is sticky, as /tmp
/// is.
fn foreign([owner, mode]: [u32; 2], us: u32, sudo: Option<u32>) -> Option<String> {
    if owner != 0 && owner != us && Some(owner) != sudo {
        return Some(format!("belongs to user {owner}, not to {us}"));
    }
    let sticky = mode & 0o1000 != 0;
    // An ordinary user's group is their own, where the umask lets it write.
    let forbidden = if owner == 0 { 0o022 } else { 0o002 };
    (mode & forbidden != 0 && !sticky)
        .then(|| format!("is open to others, mode {:o}", mode & 0o7777))
}

/// Removes a file or a tree, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// A short key made of everything that a result depends on.
pub fn key<'a>(inputs: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update(input.len().to_le_bytes());
        hash.update(input.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The disk space that a file or a tree takes.
pub fn disk_usage(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    let below: u64 = match fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => entries
            .flatten()
            .map(|entry| disk_usage(&entry.path()))
            .sum(),
        _ => 0,
    };
    metadata.blocks() * 512 + below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        (dir, Cache { root })
    }

    #[test]
    fn failed_result_is_never_published_and_is_made_anew() {
        let (_dir, cache) = cache();
        let target = cache.path("a/b");
        let failed = cache.publish(&target, |partial| {
            fs::create_dir(partial)?;
            fs::write(partial.join("half"), "x")?;
            Err(anyhow!("interrupted"))
        });
        assert!(failed.is_err());
        assert!(!target.exists());
        cache
            .publish(&target, |partial| {
                assert!(!partial.exists());
                Ok(fs::write(partial, "whole")?)
            })
            .unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
    }

    #[test]
    fn cache_that_others_can_change_is_refused() {
        let of = |owner, mode, us, sudo| foreign([owner, mode], us, sudo);
        for (owner, us, sudo) in [
            (0, 0, None),
            (0, 1000, None),
            (1000, 1000, None),
            (1000, 0, Some(1000)),
        ] {
            assert_eq!(of(owner, 0o40_755, us, sudo), None, "{owner} {us}");
            let open = of(owner, 0o40_777, us, sudo).unwrap();
            assert_eq!(open, "is open to others, mode 777");
            assert_eq!(of(owner, 0o41_777, us, sudo), None, "{owner} {us}");
        }
        assert_eq!(of(1000, 0o40_775, 1000, None), None, "its own group");
        assert!(of(0, 0o40_775, 0, None).is_some());
        for (owner, us, sudo) in [(1000, 0, None), (1001, 0, Some(1000)), (1001, 1000, None)] {
            let why = of(owner, 0o40_700, us, sudo).unwrap();
            assert_eq!(why, format!("belongs to user {owner}, not to {us}"));
        }
    }

    #[test]
    fn directory_above_the_cache_counts() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, cache) = cache();
        fs::create_dir(cache.path("cache")).unwrap();
        own(&cache.path("cache")).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = own(&cache.path("cache")).unwrap_err().to_string();
        assert!(
            error.contains("is open to others, mode 777. Set SLABSCOPE_CACHE"),
            "{error}"
        );
    }

    #[test]
    fn keys_depend_on_where_one_input_ends() {
        assert_ne!(key(["ab", "c"]), key(["a", "bc"]));
        assert_eq!(key(["ab", "c"]), key(["ab", "c"]));
    }
}
