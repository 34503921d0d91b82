//! Directories of the user's files, by the XDG Base Directory Specification.

use std::ffi::OsString;
use std::path::PathBuf;

/// The directory in the environment's `name`, else `otherwise` in the home directory; None: neither
/// is known. `variable` looks up `name` and HOME. A relative path is ignored.
pub fn directory(
    variable: impl Fn(&str) -> Option<OsString>,
    name: &str,
    otherwise: &str,
) -> Option<PathBuf> {
    let absolute = |name| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    absolute(name).or_else(|| absolute("HOME").map(|home| home.join(otherwise)))
}
