//! Sessions that are disturbed, end early, or stand in the way.

use anyhow::{Result, ensure};

use super::fixture::{Background, device, ends_with};
use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "errors::interrupted",
        run: interrupted,
    },
    Case {
        name: "errors::busy",
        run: busy,
    },
    Case {
        name: "errors::bounds",
        run: bounds,
    },
    Case {
        name: "errors::moved_away",
        run: moved_away,
    },
];

/// A signal interrupts a read, and the next read continues there; so does the same read if the
/// signal's handler restarts it, or no handler is called.
fn interrupted(_: &Context, guest: &Guest) -> Result<()> {
    const NAMES: u64 = 100_000;
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.failed_lookups("/mnt/ext4", NAMES, "name_")?;
    let all = format!("interrupted status 0 total {NAMES}");
    let undisturbed = format!("undisturbed status 0 total {NAMES}");
    device(
        guest,
        &[
            ("open", "ok"),
            ("begin:dir=/mnt/ext4,batch=1", "ok"),
            ("interrupted", &all),
            ("begin:dir=/mnt/ext4,batch=1", "ok"),
            ("stopped", &undisturbed),
            ("begin:dir=/mnt/ext4,batch=1", "ok"),
            ("restarted", &undisturbed),
            ("begin:dir=/mnt/ext4,mode=2,batch=1", "ok"),
            ("interrupted", &all),
        ],
    )?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// While a session is open, module and filesystem stay; an idle one keeps the module, too.
fn busy(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh("mkdir -p /mnt/ext4/1/2; agent lookups /mnt/ext4/1/2 10")?;
    let idle = Background::start(guest, "agent device open wait", "waiting")?;
    let said = ends_with(guest, "slabscope module unload", 1)?;
    ensure!(
        said.contains("a session is open, or its file in debugfs"),
        "{said}"
    );
    guest.sh("umount /mnt/ext4 && mount /dev/lab-scratch /mnt/ext4")?;
    idle.end()?;
    let session = "agent device open begin:dir=/mnt/ext4,mode=3 wait";
    let session = Background::start(guest, session, "waiting")?;
    let said = ends_with(guest, "umount /mnt/ext4", 32)?;
    ensure!(said.contains("busy"), "umount: {said}");
    ends_with(guest, "rmmod slabscope", 1)?;
    session.end()?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// Walks end at their bounds and report which; directories beyond the module's depth are left out.
fn bounds(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.failed_lookups("/mnt/ext4", 20_000, "name_")?;
    let deep = |levels: usize| "d/".repeat(levels);
    guest.sh(&format!(
        "mkdir -p /mnt/ext4/fits/{} /mnt/ext4/deep/{}",
        deep(256),
        deep(257)
    ))?;
    device(
        guest,
        &[
            ("open", "ok"),
            ("begin:dir=/mnt/ext4,max_dentries=100,batch=10", "ok"),
            ("drain", "status 2"),
            ("begin:dir=/mnt/ext4,mode=2,max_dentries=100", "ok"),
            ("drain", "status 2"),
            ("begin:dir=/mnt/ext4,max_ns=1", "ok"),
            ("drain", "status 3"),
            ("begin:dir=/mnt/ext4,mode=2,max_ns=1", "ok"),
            ("drain", "status 3"),
            ("begin:dir=/mnt/ext4,mode=1", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/mnt/ext4/fits,depth=999", "ok"),
            ("drain", "status 0"),
            ("begin:dir=/mnt/ext4/deep,depth=999", "ok"),
            ("drain", "status 4"),
            ("begin:dir=/mnt/ext4/deep,mode=3", "ok"),
            ("drain", "status 4"),
        ],
    )?;
    let said = guest.sh("agent device open begin:dir=/mnt/ext4,max_dentries=100,batch=10 count")?;
    let total = said.split_once("total: ").and_then(|(_, rest)| {
        let (total, _) = rest.split_once(',')?;
        total.parse::<u64>().ok()
    });
    ensure!(
        total.is_some_and(|total| (100..110).contains(&total)),
        "exceeded by a batch: {said}"
    );
    let bottom = guest.sh(&format!("slabscope ls /mnt/ext4/deep/{}", deep(256)))?;
    ensure!(bottom.contains('d'), "what is too deep is gone");
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// A prune leaves what was moved out of its directory during the walk.
fn moved_away(_: &Context, guest: &Guest) -> Result<()> {
    const DIRS: u32 = 400;
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh(&format!(
        "mkdir -p /mnt/ext4/top/sub && cd /mnt/ext4/top/sub && \
         mkdir $(seq {DIRS}) && for i in $(seq {DIRS}); do test ! -e $i/absent || exit; done"
    ))?;
    // The records of this number of directories take more than one read.
    device(
        guest,
        &[
            ("open", "ok"),
            ("begin:dir=/mnt/ext4/top,mode=3,depth=9,batch=1", "ok"),
            ("read", "some"),
            ("sh:mv /mnt/ext4/top/sub /mnt/ext4/elsewhere", "ok"),
            ("rest", "end"),
        ],
    )?;
    let log = guest.sh("dmesg | grep 'slabscope: .* pruned' | tail -n 1")?;
    ensure!(
        log.contains("all but directories that were moved out"),
        "the log: {log}"
    );
    let left: u32 = guest
        .sh("slabscope ls /mnt/ext4/elsewhere | wc -l")?
        .trim()
        .parse()?;
    ensure!(
        (DIRS / 4..DIRS).contains(&left),
        "{left} of {DIRS} directories are left where they were moved"
    );
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}
