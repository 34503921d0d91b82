//! The directories of an overlay.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::unescape;

/// The directories of other filesystems that an overlay is made of. Kept as the kernel writes them: a container has
/// dozens, a node thousands of containers, and few of them are ever asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers(Option<Arc<str>>);

impl Layers {
    /// From the options of a superblock.
    pub(super) fn of(fs: &str, options: &Arc<str>) -> Self {
        let named = fs == "overlay" && options.contains("dir");
        Self(named.then(|| options.clone()))
    }

    /// From directories that are known; no comma and no colon may be in their names.
    pub fn known(directories: &[&str]) -> Self {
        let options: Vec<_> = directories
            .iter()
            .map(|dir| format!("lowerdir+={dir}"))
            .collect();
        Self((!options.is_empty()).then(|| options.join(",").into()))
    }

    /// No directory is known.
    pub fn is_empty(&self) -> bool {
        self.directories().is_empty()
    }

    /// The directories, the upper one first (fs/overlayfs/params.c: `ovl_show_options()`, Linux
    /// 7.3). A backslash marks a colon within a name; one without it separates names.
    pub fn directories(&self) -> Vec<PathBuf> {
        // Some options occur more than once.
        let options: Vec<_> = self.0.as_deref().unwrap_or_default().split(',').collect();
        let values = ["upperdir=", "lowerdir=", "lowerdir+="].into_iter();
        let values =
            values.flat_map(|key| options.iter().filter_map(move |all| all.strip_prefix(key)));
        let mut dirs = Vec::new();
        for value in values {
            let text = unescape(value).into_owned().into_vec();
            let mut dir = Vec::new();
            let mut bytes = text.into_iter();
            while let Some(byte) = bytes.next() {
                match byte {
                    b'\\' => dir.extend(bytes.next()),
                    b':' => dirs.push(std::mem::take(&mut dir)),
                    byte => dir.push(byte),
                }
            }
            dirs.push(dir);
        }
        let paths = dirs.into_iter().filter(|dir| !dir.is_empty());
        paths.map(|dir| OsString::from_vec(dir).into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::kernel::source::mounts::parse;

    #[test]
    fn overlay_lists_its_directories() {
        let text =
            b"1 0 0:1 / /m rw - overlay o rw,lowerdir=/a\\134:b:/c,upperdir=/u\\040p,workdir=/w\n";
        let made_of = &parse(text).unwrap()[0].made_of;
        let paths = made_of.directories();
        let paths: Vec<_> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/u p", "/a:b", "/c"]);
        let text =
            b"1 0 0:1 / /m rw - overlay o rw,lowerdir+=/a,lowerdir+=/b,datadir+=/d,upperdir=/u\n";
        let made_of = &parse(text).unwrap()[0].made_of;
        let paths = made_of.directories();
        let paths: Vec<_> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/u", "/a", "/b"]);
    }
}
