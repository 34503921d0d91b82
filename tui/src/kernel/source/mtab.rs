//! /proc/mounts, where a capture has that instead of mountinfo.

use std::io;
use std::path::Path;

use super::files::{Files, TABLE};
use super::lines::lines;

/// Where it is in captures: /proc/mounts is a link, which some follow and others copy.
const PLACES: [&str; 2] = ["proc/self/mounts", "proc/mounts"];

/// The mounts as mountinfo has them, if that was not captured; `error`: there is neither.
pub(super) fn instead(files: &Files, path: &Path, error: io::Error) -> io::Result<Vec<u8>> {
    let wanted = path == Path::new("proc/self/mountinfo");
    if !wanted || error.kind() != io::ErrorKind::NotFound || !files.captured() {
        return Err(error);
    }
    let found = PLACES
        .iter()
        .find_map(|place| files.read(place, TABLE).ok());
    found.map(|text| mountinfo(&text)).ok_or(error)
}

/// `/dev/sda1 / ext4 rw 0 0` is a line of mountinfo without the numbers. A device stands for its
/// superblock; a source without one is one of its own. A line of another form stays as it is, for
/// the parser of mountinfo to report.
fn mountinfo(text: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut before = 0;
    for (at, line) in lines(text) {
        // So that lines keep their numbers.
        all.resize(all.len() + (at - 1).saturating_sub(before), b'\n');
        before = at;
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        match fields[..] {
            [device, point, fs, options, _, _] => {
                let number = at.to_string().into_bytes();
                let anonymous = [b"0:", number.as_slice()].concat();
                let superblock = match device.starts_with(b"/dev/") {
                    true => device,
                    false => &anonymous,
                };
                let line: [&[u8]; 9] = [
                    &number, b"0", superblock, b"/", point, b"rw", b"-", fs, device,
                ];
                all.extend(line.join(&b' '));
                all.push(b' ');
                all.extend(options);
            }
            _ => all.extend(line),
        }
        all.push(b'\n');
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::mounts;
    use super::*;

    #[test]
    fn mounts_are_read_with_their_devices_and_odd_lines_reported() {
        let text = b"/dev/sda1 / ext4 rw,noatime 0 0\r\n\nodd\n\
            /dev/sda1 /b\\040c ext4 rw 0 0\nsrv:/x /net nfs4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        let read = mounts::read(&mountinfo(text)).unwrap();
        let first = read.skipped.first.unwrap().to_string();
        assert_eq!(first, "line 3: not a line of mountinfo");
        let all: Vec<_> = read.value.iter().map(|of| &of.mount).collect();
        let points: Vec<_> = all.iter().map(|mount| mount.point.to_str()).collect();
        let expected = ["/", "/b c", "/net", "/tmp"].map(Some);
        assert_eq!(points, expected);
        let remote: Vec<_> = all.iter().map(|mount| mount.is_remote()).collect();
        assert_eq!(remote, [false, false, true, false]);
        assert_eq!(all[0].superblock, all[1].superblock);
        assert!(read.value[0].options.has("noatime"));
    }
}
