//! Every error of docs/internals/abi.md, provoked on the device itself.

use anyhow::{Result, ensure};
use slabscope::abi::{INFO_PLAIN, INFO_READ_ONLY};

use super::fixture::{Fs, device, ends_with, expect_as};
use super::{Case, Context};
use crate::guest::Guest;
use crate::guest::payload::MODULE;
use crate::setup::suite::Front;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "errors::requests",
        run: requests,
    },
    Case {
        name: "errors::reads",
        run: reads,
    },
    Case {
        name: "errors::permission",
        run: permission,
    },
    Case {
        name: "errors::read_only",
        run: read_only,
    },
    Case {
        name: "errors::filesystems",
        run: filesystems,
    },
    Case {
        name: "errors::frozen",
        run: frozen,
    },
    Case {
        name: "errors::memory",
        run: memory,
    },
];

/// The answer to INFO, with the flags of the module's front.
fn info(context: &Context, flags: u32) -> String {
    let front = match context.lab.kernel.front() {
        Front::Plain => INFO_PLAIN,
        Front::Rust => 0,
    };
    format!("24/3/63/{}/256/0", flags | front)
}

/// A malformed request is refused, and harms neither the session nor the walk.
fn requests(context: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("touch /mnt/ext4/file")?;
    let dir = |fields: &str| format!("begin:dir=/mnt/ext4{fields}");
    let info = info(context, 0);
    let mut steps = vec![
        ("open".to_owned(), "ok"),
        ("info".to_owned(), &*info),
        ("nowhere:info".to_owned(), "EFAULT"),
        ("nowhere:begin".to_owned(), "EFAULT"),
        // An unknown number, a known one with another size, and another driver's (TCGETS).
        ("nowhere:dc04".to_owned(), "ENOTTY"),
        ("nowhere:8008dc01".to_owned(), "ENOTTY"),
        ("nowhere:5401".to_owned(), "ENOTTY"),
        ("begin:fd=-1".to_owned(), "EBADF"),
        ("begin:fd=999".to_owned(), "EBADF"),
        ("begin:path=/mnt/ext4/file".to_owned(), "ENOTDIR"),
        ("begin:file=/mnt/ext4/file".to_owned(), "ENOTDIR"),
        ("begin:pipe=1".to_owned(), "ENOTDIR"),
    ];
    for fields in [
        ",size=0",
        ",size=47",
        ",size=49",
        ",version=0",
        ",version=2",
        ",version=4",
        ",mode=6",
        ",mode=32",
        ",mode=4294967295",
        // Flags for prunes alone, and an undefined one.
        ",mode=0,flags=1",
        ",mode=0,flags=2",
        ",mode=1,flags=1",
        ",mode=0,flags=4",
        ",mode=2,flags=4",
        ",mode=3,flags=4",
        ",mode=4,flags=8",
        ",mode=3,flags=2147483649",
        ",reserved=1",
    ] {
        steps.push((dir(fields), "EINVAL"));
    }
    // A request of a 32-bit process, and then the good one, after all that.
    steps.push(("begin-32:dir=/mnt/ext4,version=2".to_owned(), "EINVAL"));
    steps.push(("begin-32:dir=/mnt/ext4".to_owned(), "ok"));
    steps.push(("drain".to_owned(), "status 0"));
    steps.push((
        dir(",mode=3,flags=3,batch=4294967295,depth=4294967295"),
        "ok",
    ));
    steps.push(("drain".to_owned(), "status 0"));
    let steps: Vec<_> = steps.iter().map(|(step, word)| (&**step, *word)).collect();
    device(guest, &steps)?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// Reads at the wrong time, too short, to nowhere; a second BEGIN; STOP. The walk goes on after each.
fn reads(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir /mnt/ext4/d; agent files /mnt/ext4/d 1000")?;
    let begin = "begin:dir=/mnt/ext4,depth=9";
    device(
        guest,
        &[
            ("open", "ok"),
            ("read", "EINVAL"),
            ("stop", "EINVAL"),
            (begin, "ok"),
            (begin, "EBUSY"),
            ("read:4095", "EINVAL"),
            ("read:1", "EINVAL"),
            ("read-nowhere", "EFAULT"),
            ("drain:4096", "status 0"),
            ("read", "end"),
            ("stop", "ok"),
            ("read", "end"),
            (begin, "ok"),
            ("read-nowhere", "EFAULT"),
            ("stop", "ok"),
            ("stop", "ok"),
            (begin, "EBUSY"),
            ("drain", "status 0"),
            ("begin:dir=/mnt/ext4,mode=1", "ok"),
            ("stop", "ok"),
            ("drain", "status 1"),
        ],
    )?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// Only an administrator of the machine itself, even with a descriptor that such a user opened.
fn permission(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    let root_elsewhere = "unshare --user --map-root-user";
    let root_without = "setpriv --bounding-set -sys_admin --inh-caps -sys_admin";
    expect_as(guest, NOBODY, &[("open", "EACCES")])?;
    expect_as(guest, root_elsewhere, &[("open", "EPERM")])?;
    expect_as(guest, root_without, &[("open", "EPERM")])?;
    // Even with permissive file modes.
    guest.sh("chmod 666 /dev/slabscope")?;
    expect_as(guest, NOBODY, &[("open", "EPERM")])?;
    guest.sh("chmod 600 /dev/slabscope")?;
    for who in [NOBODY, root_elsewhere, root_without] {
        expect_as(
            guest,
            &format!("exec </dev/slabscope; {who}"),
            &[
                ("inherited", "ok"),
                ("info", "EPERM"),
                ("begin:dir=/", "EPERM"),
                ("stop", "EPERM"),
                ("read", "EPERM"),
                ("nowhere:5401", "EPERM"),
            ],
        )?;
    }
    let control = "/sys/kernel/debug/slabscope/shrink_dcache";
    let said = ends_with(guest, &format!("echo / | {root_without} tee {control}"), 1)?;
    ensure!(said.contains("not permitted"), "debugfs: {said}");
    guest.unload_module()
}

/// Reads and predicts, and refuses to prune in any way.
fn read_only(context: &Context, guest: &Guest) -> Result<()> {
    guest.sh(&format!("slabscope module load --read-only {MODULE}"))?;
    let dir = Fs::Ext4.fresh(guest)?;
    guest.failed_lookups(dir, 100, "name_")?;
    device(
        guest,
        &[
            ("open", "ok"),
            ("info", &info(context, INFO_READ_ONLY)),
            ("begin:dir=/mnt/ext4,mode=2", "EROFS"),
            ("begin:dir=/mnt/ext4,mode=3", "EROFS"),
            ("begin:dir=/mnt/ext4,mode=3,flags=2", "EROFS"),
            ("begin:dir=/mnt/ext4,mode=4", "EROFS"),
            ("begin:dir=/mnt/ext4,mode=5,flags=4", "EROFS"),
            ("begin:dir=/mnt/ext4,mode=4,flags=5", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/mnt/ext4,mode=3,flags=1", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/mnt/ext4", "ok"),
            ("drain", "status 0"),
        ],
    )?;
    let said = ends_with(
        guest,
        "echo /mnt/ext4 | tee /sys/kernel/debug/slabscope/shrink_dcache",
        1,
    )?;
    ensure!(said.contains("Read-only"), "debugfs: {said}");
    let said = ends_with(guest, "slabscope prune /mnt/ext4 --yes", 1)?;
    ensure!(said.contains("read_only=1"), "the program: {said}");
    let left = guest.sh("slabscope ls --negative --json /mnt/ext4 | wc -l")?;
    ensure!(left.trim() == "100", "{left} names are left of 100");
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// By default a prune keeps to the tested types; it never acts on the kernel's own.
fn filesystems(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.sh("mount -t ramfs ramfs /mnt/second")?;
    device(
        guest,
        &[
            ("open", "ok"),
            ("begin:dir=/sys/kernel/debug", "EINVAL"),
            ("begin:dir=/proc,mode=2", "EOPNOTSUPP"),
            ("begin:dir=/mnt/second,mode=2", "EOPNOTSUPP"),
            ("begin:dir=/mnt/second,mode=3", "EOPNOTSUPP"),
            ("begin:dir=/mnt/second,mode=4", "EOPNOTSUPP"),
            ("begin:dir=/mnt/second,mode=5", "EOPNOTSUPP"),
            ("begin:dir=/mnt/second,mode=3,flags=2", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/proc,mode=3,flags=2", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/mnt/second", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/sys", "ok"),
            ("drain", "status 0"),
        ],
    )?;
    guest.sh("umount /mnt/second")?;
    guest.unload_module()
}

/// A prune neither begins on a frozen filesystem nor continues; it continues after the thaw.
fn frozen(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.failed_lookups("/mnt/ext4", 20_000, "name_")?;
    guest.sh("agent files /mnt/ext4/tree 3000; sync")?;
    device(
        guest,
        &[
            ("open", "ok"),
            ("sh:fsfreeze -f /mnt/ext4", "ok"),
            ("begin:dir=/mnt/ext4,mode=4", "EBUSY"),
            ("begin:dir=/mnt/ext4,mode=5,flags=4", "EBUSY"),
            ("begin:dir=/mnt/ext4,mode=4,flags=1", "ok"),
            ("drain", "status 0"),
            ("sh:fsfreeze -u /mnt/ext4", "ok"),
            // It stands still with all that it holds, and continues.
            ("begin:dir=/mnt/ext4/tree,mode=4", "ok"),
            ("read:4096", "some"),
            ("sh:fsfreeze -f /mnt/ext4", "ok"),
            ("read", "EBUSY"),
            ("sh:fsfreeze -u /mnt/ext4", "ok"),
            ("drain", "status 0"),
            ("sh:fsfreeze -f /mnt/ext4", "ok"),
            ("begin:dir=/mnt/ext4,mode=2", "EBUSY"),
            ("begin:dir=/mnt/ext4,mode=2,flags=1", "ok"),
            ("drain", "status 0"),
            ("sh:fsfreeze -u /mnt/ext4", "ok"),
            ("begin:dir=/mnt/ext4,mode=2", "ok"),
            ("sh:fsfreeze -f /mnt/ext4", "ok"),
            ("read", "EBUSY"),
            ("sh:fsfreeze -u /mnt/ext4", "ok"),
            ("drain", "status 0"),
        ],
    )?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// A session's memory is charged to the caller: if its cgroup is full, the session is refused.
fn memory(_: &Context, guest: &Guest) -> Result<()> {
    const TIGHT: &str = "/sys/fs/cgroup/tight";
    const ALL: &str = "/sys/module/printk/parameters/ignore_loglevel";
    guest.load_module()?;
    guest.fresh_ext4()?;
    // The kernel reports a failed allocation with a call trace: that is no complaint here.
    guest.sh(&format!(
        "echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir -p {TIGHT}; dmesg -C; \
         dmesg -n 1; echo N >{ALL}"
    ))?;
    device(
        guest,
        &[
            ("open", "ok"),
            ("begin:dir=/mnt/ext4,size=0", "EINVAL"),
            (&format!("cgroup:{TIGHT}"), "ok"),
            ("limit:49152", "ok"),
            ("begin:dir=/mnt/ext4", "ENOMEM"),
            ("limit:max", "ok"),
            ("begin:dir=/mnt/ext4", "ok"),
            ("drain", "status 0"),
        ],
    )?;
    let said = guest.sh(&format!(
        "echo Y >{ALL}; rmdir {TIGHT}; umount /mnt/ext4; dmesg"
    ))?;
    ensure!(
        said.contains("invoked oom-killer"),
        "not for memory: {said}"
    );
    let complaint = ["BUG:", "WARNING:", "Oops"]
        .iter()
        .find(|word| said.contains(**word));
    ensure!(complaint.is_none(), "the kernel complained: {said}");
    guest.unload_module()
}
