use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use super::*;

#[test]
fn points_are_unescaped_to_their_very_bytes() {
    let mounts = parse(b"36 35 98:0 / /mnt/a\\040b\\134c\xff rw - ext4 /dev/v\\040a rw\n").unwrap();
    assert_eq!(mounts[0].point.as_os_str().as_bytes(), b"/mnt/a b\\c\xff");
    assert_eq!(&*mounts[0].device, "/dev/v a");
}

#[test]
fn paths_compare_component_by_component() {
    for pair in [
        ["/a", "/a/b"],
        ["/a/b", "/a-b"],
        ["/", "/a"],
        ["/a/b", "/a/c"],
    ] {
        let [a, b] = pair.map(Path::new);
        assert!(by_path(a) < by_path(b) && a < b, "{pair:?}");
    }
}

#[test]
fn open_file_is_on_its_mount_whichever_path_led_to_it() {
    let all = parse_all(&std::fs::read("/proc/self/mountinfo").unwrap()).unwrap();
    let file = std::fs::File::open("/proc/self/root/proc").unwrap();
    assert_eq!(Mounted::of(&all, &file).unwrap().point, Path::new("/proc"));
    assert_eq!(Mounted::of(&[], &file), None);
}

#[test]
fn last_of_mounts_over_one_another_counts() {
    let text = b"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / / rw shared:1 - xfs /dev/b rw\n";
    let mounts = parse(text).unwrap();
    assert_eq!(mounts.len(), 1);
    assert_eq!(&*mounts[0].fs, "xfs");
}

#[test]
fn each_mount_has_the_options_of_its_superblock() {
    let text = b"36 35 98:0 /srv /mnt/a rw,noatime shared:7 - ext4 /dev/v ro,errors=remount-ro\n\
        37 35 98:0 / /mnt/a rw - ext4 /dev/v ro,errors=remount-ro\n";
    let mounts = parse_all(text).unwrap();
    assert_eq!((mounts[0].id, mounts[1].id), (36, 37));
    let options = [("errors", Some("remount-ro")), ("ro", None)];
    assert_eq!(mounts[0].options.by_key(), BTreeMap::from(options));
    assert_eq!(mounts[0].options, mounts[1].options);
}

#[test]
fn filesystem_that_has_given_up_writing_is_recognized() {
    let given_up = |fs: &str, mount: &str, superblock: &str, other: &str| {
        let text = format!(
            "36 35 98:0 / /mnt/a {mount} - {fs} /dev/v {superblock}\n37 35 98:0 / /mnt/b {other} - {fs} /dev/v {superblock}\n"
        );
        let all = parse_all(text.as_bytes()).unwrap();
        all[0].given_up(&all).is_some()
    };
    assert!(given_up("btrfs", "rw", "ro,space_cache=v2", "rw"));
    assert!(given_up("ext4", "rw", "ro,errors=remount-ro", "rw"));
    assert!(given_up("ext4", "rw", "rw,emergency_ro", "rw"));
    // Made so by its administrator, through this mount or another one; or of a kind that is never written.
    assert!(!given_up("btrfs", "ro", "ro", "rw"));
    assert!(!given_up("btrfs", "rw", "ro", "ro"));
    assert!(!given_up("ext4", "ro", "rw", "rw"));
    assert!(!given_up("squashfs", "rw", "ro", "rw"));
}

#[test]
fn kernel_filesystems_are_last_and_the_longest_point_wins() {
    let text = b"1 0 0:1 / /proc rw - proc proc rw\n2 1 0:2 / /a rw - tmpfs t rw\n3 1 8:1 / / rw - ext4 /dev/a rw\n";
    let mounts = parse(text).unwrap();
    let points: Vec<_> = mounts.iter().map(|mount| &*mount.fs).collect();
    assert_eq!(points, ["ext4", "tmpfs", "proc"]);
    let at = |path| &*Mount::of(&mounts, Path::new(path)).unwrap().fs;
    assert_eq!(at("/a/b"), "tmpfs");
    assert_eq!(at("/ab"), "ext4");
}

#[test]
fn each_filesystem_is_worth_counting_once() {
    let text = b"1 0 8:1 / / rw - ext4 /dev/a rw\n\
        2 1 8:1 /srv /bind rw - ext4 /dev/a rw\n\
        3 1 8:2 /@home /home rw - btrfs /dev/b rw\n\
        4 1 8:2 /@home /data rw - btrfs /dev/b rw\n\
        5 1 8:2 /@ /other rw - btrfs /dev/b rw\n\
        6 1 0:9 / /tmp rw - tmpfs t rw\n\
        7 1 0:5 / /proc rw - proc p rw\n\
        8 1 0:7 / /net rw - fuse.sshfs s rw\n";
    let mounts = parse(text).unwrap();
    let worth = Mount::worth_counting(&mounts);
    let points: Vec<_> = worth.iter().map(|mount| mount.point.to_str()).collect();
    assert_eq!(
        points,
        [Some("/"), Some("/data"), Some("/net"), Some("/other")]
    );
    let remote: Vec<_> = worth.iter().map(Mount::is_remote).collect();
    assert_eq!(remote, [false, false, true, false]);
}

#[test]
fn mounts_that_reach_all_are_those_that_no_other_reaches() {
    let inside = |a: &Mount, b: &Mount| {
        let same = a.superblock == b.superblock && a.root.starts_with(&b.root);
        same && (a.root != b.root || b.point < a.point)
    };
    // Every set of four of these, on one superblock or two.
    let roots = ["/", "/a", "/a/b", "/ab"];
    for set in 0..4_usize.pow(4) * 16 {
        let mount = |at: usize| Mount {
            point: format!("/{}", (b'a' + (at * 7 % 4) as u8) as char).into(),
            fs: "ext4".into(),
            superblock: format!("8:{}", set >> at & 1).into(),
            root: Path::new(roots[set / 16 / 4_usize.pow(at as u32) % 4]).into(),
            ..Mount::default()
        };
        let mounts: Vec<Mount> = (0..4).map(mount).collect();
        let outside = mounts
            .iter()
            .filter(|a| !mounts.iter().any(|b| inside(a, b)));
        let expected: Vec<_> = outside.map(|mount| mount.point.clone()).collect();
        assert_eq!(Mount::reaching_all(mounts.iter()), expected, "{mounts:?}");
    }
}

#[test]
fn unknown_type_without_block_device_counts_as_remote() {
    let is_remote = |fs: &str, superblock: &str| {
        let mount = Mount {
            fs: fs.into(),
            superblock: superblock.into(),
            ..Mount::default()
        };
        mount.is_remote()
    };
    for fs in [
        "nfs4",
        "fuse.sshfs",
        "lustre",
        "beegfs",
        "vboxsf",
        "gpfs",
        "glusterfs",
        "orangefs",
        "coda",
        "prl_fs",
        "vmhgfs",
        "made-up-next-year",
    ] {
        assert!(is_remote(fs, "0:52"), "{fs}");
    }
    for fs in ["ocfs2", "gfs2", "fuseblk"] {
        assert!(is_remote(fs, "8:17"), "{fs}");
    }
    for fs in ["ext4", "made-up-next-year"] {
        assert!(!is_remote(fs, "8:17"), "{fs}");
    }
    for fs in ["btrfs", "zfs", "overlay", "tmpfs", "proc", "selinuxfs"] {
        assert!(!is_remote(fs, "0:52"), "{fs}");
    }
}

#[test]
fn removed_directory_that_is_still_mounted_is_recognized() {
    let text = b"81 22 8:1 /tmp/gone//deleted /run/netns/x rw shared:1 - ext4 /dev/sda1 rw\n\
        82 22 8:1 /tmp/deleted /run/netns/y rw - ext4 /dev/sda1 rw\n";
    let removed: Vec<_> = parse(text).unwrap().iter().map(Mount::is_removed).collect();
    assert_eq!(removed, [true, false]);
}

#[test]
fn malformed_line_costs_no_other() {
    let text = b"\xef\xbb\xbf1 0 8:1 / / rw - ext4 /dev/a rw\r\n\r\n\
        odd line\n2 1 0:2 / /b rw - tmpfs t rw\n3 1 0:3 / /cut rw - xf";
    let read = read(text).unwrap();
    let points: Vec<_> = read
        .value
        .iter()
        .map(|of| of.mount.point.to_str())
        .collect();
    assert_eq!(points, [Some("/"), Some("/b")]);
    assert_eq!(read.skipped.lines, 2);
    let first = read.skipped.first.unwrap().to_string();
    assert_eq!(first, "line 3: not a line of mountinfo");
}

#[test]
fn malformed_text_is_refused() {
    for text in [
        &b"1"[..],
        b"\xff\xff",
        b"1 2 3 4 5 6",
        b"x x x x x x - x x x",
    ] {
        assert_eq!(parse(text).unwrap_err().line, 1);
    }
}
