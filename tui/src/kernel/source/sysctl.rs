//! What `sysctl -a` printed, where a capture has that instead of /proc/sys: reports of sos do
//! (<https://github.com/sosreport/sos>, plugin kernel).

use std::io;
use std::path::Path;

use super::files::{FIGURES, Files};
use super::lines::lines;

/// Path of that output below the root.
const PRINTED: &str = "sos_commands/kernel/sysctl_-a";

/// The text of a file of /proc/sys that was not captured; `error`: there is none of it either.
pub(super) fn instead(files: &Files, path: &Path, error: io::Error) -> io::Result<Vec<u8>> {
    let below = path.strip_prefix("proc/sys").ok().and_then(Path::to_str);
    match below {
        Some(below) if error.kind() == io::ErrorKind::NotFound && files.captured() => {
            let text = files.read(PRINTED, FIGURES);
            let value = text.ok().and_then(|text| value(&text, below));
            value.ok_or(error)
        }
        _ => Err(error),
    }
}

/// `fs.dentry-state = 1\t2\t45\t0\t3\t0`, for `fs/dentry-state`.
fn value(text: &[u8], path: &str) -> Option<Vec<u8>> {
    let key = path.replace('/', ".").into_bytes();
    lines(text).find_map(|(_, line)| {
        let value = line.strip_prefix(key.as_slice())?.trim_ascii_start();
        Some(value.strip_prefix(b"=")?.trim_ascii().to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_found_by_its_whole_key() {
        let text =
            b"fs.dentry-state-x = 7\nfs.dentry-state = 1\t2\t45\t0\t3\t0\nfs.inode-nr= 9\t1\r\n";
        assert_eq!(
            value(text, "fs/dentry-state").unwrap(),
            b"1\t2\t45\t0\t3\t0"
        );
        assert_eq!(value(text, "fs/inode-nr").unwrap(), b"9\t1");
        assert_eq!(value(text, "fs/inode"), None);
    }
}
