//! Prunes of page cache, and that no prune ever loses dirty data.

use anyhow::{Context as _, Result, ensure};

use super::fixture::{Background, Fs, device, ends_with};
use super::inodes::{number, pruned, read, two_trees};
use super::{Case, Context};
use crate::agent::SCRATCH_DISK;
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ext4::pages",
        run: |_, guest| pages(guest, Fs::Ext4),
    },
    Case {
        name: "xfs::pages",
        run: |_, guest| pages(guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::pages",
        run: |_, guest| pages(guest, Fs::Btrfs),
    },
    Case {
        name: "ext4::pages_by_directory",
        run: |_, guest| by_directory(guest),
    },
    Case {
        name: "xfs::pages_in_pieces",
        run: |_, guest| in_pieces(guest),
    },
    Case {
        name: "ext4::pages_appended",
        run: |_, guest| appended(guest),
    },
    Case {
        name: "ext4::dirty",
        run: |context, guest| dirty(context, guest, Fs::Ext4),
    },
    Case {
        name: "xfs::dirty",
        run: |context, guest| dirty(context, guest, Fs::Xfs),
    },
    Case {
        name: "btrfs::dirty",
        run: |context, guest| dirty(context, guest, Fs::Btrfs),
    },
];

/// Read by cachestat(2), since Linux 6.5.
pub(super) const COUNTED: &[Case] = &[Case {
    name: "btrfs::pages_of_a_watched_file_stay",
    run: |_, guest| watched(guest),
}];

const FILES: u64 = 500;

/// Bytes of a tree in the page cache, by cachestat(2).
fn resident(guest: &Guest, top: &str) -> Result<u64> {
    Ok(guest.sh(&format!("agent resident {top}"))?.trim().parse()?)
}

/// No page of one tree stays, all of the other do; names and inodes of both stay.
fn pages(guest: &Guest, fs: Fs) -> Result<()> {
    guest.load_module()?;
    two_trees(guest, fs, FILES)?;
    let [one, other] = ["one", "other"].map(|tree| format!("{}/{tree}", fs.dir()));
    read(guest, &one)?;
    read(guest, &other)?;
    let [before, beside] = [resident(guest, &one)?, resident(guest, &other)?];
    ensure!(
        before >= FILES * 8192 && beside >= FILES * 8192,
        "{before} and {beside} bytes"
    );
    let census = |top: &str| -> Result<String> {
        let said = guest.sh(&format!(
            "agent device open begin:dir={top} count | sed 's/.*total: \\([0-9]*\\),.* inodes: \\([0-9]*\\),.*/\\1 \\2/'"
        ))?;
        Ok(said)
    };
    let names = census(&one)?;
    let done = pruned(guest, &format!("{one} --mode pages"))?;
    let freed = number(&done, "page_cache_freed_bytes")?;
    ensure!(freed == before, "{freed} of {before} bytes: {done}");
    ensure!(census(&one)? == names, "names or inodes went: {names}");
    let left = [resident(guest, &one)?, resident(guest, &other)?];
    ensure!(
        left == [0, beside],
        "bytes in memory: {left:?} of {before} and {beside}"
    );
    let [count, bytes, sectors] = read(guest, &one)?;
    ensure!(
        count == FILES && sectors * 512 >= bytes,
        "{count} files, of {bytes} bytes {sectors} sectors were read again"
    );
    fs.unmount(guest)?;
    fs.check(guest)?;
    guest.unload_module()
}

/// On btrfs, where any reference to an inode may be a write that has not reported its error yet.
fn watched(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    let dir = Fs::Btrfs.fresh(guest)?;
    guest.sh(&format!(
        "mkdir {dir}/top && cd {dir}/top && for name in one other; do head -c 65536 /dev/zero >$name; done
         sync -f . && sleep 1"
    ))?;
    let watch = Background::start(guest, &format!("agent watch {dir}/top/one"), "watching")?;
    let pages = |name: &str| -> Result<u64> {
        let said = guest.sh(&format!("agent pages {dir}/top/{name}"))?;
        Ok(said
            .split_whitespace()
            .nth(1)
            .context("no figure")?
            .parse()?)
    };
    pruned(guest, &format!("{dir}/top --mode pages"))?;
    let left = [pages("one")?, pages("other")?];
    ensure!(left == [65_536, 0], "bytes in memory: {left:?}");
    watch.end()?;
    pruned(guest, &format!("{dir}/top --mode pages"))?;
    ensure!(pages("one")? == 0, "it stays without a watch too");
    Fs::Btrfs.unmount(guest)?;
    guest.unload_module()
}

/// Handled files are counted in their own directory, not in one beside it.
fn by_directory(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh(
        "mkdir -p /mnt/ext4/top/a/b && cd /mnt/ext4/top/a && for i in $(seq 50); do echo $i >$i; done && \
         for i in $(seq 7); do echo $i >b/$i; done && sync -f .",
    )?;
    device(
        guest,
        &[
            ("open", "ok"),
            ("begin:dir=/mnt/ext4/top,mode=5,depth=9", "ok"),
            ("handled", "[7, 50]"),
        ],
    )?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// A file that is dropped in pieces, whose first cached page is at an odd place: no large folio
/// lies across two.
fn in_pieces(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    let dir = Fs::Xfs.fresh(guest)?;
    guest.sh(&format!(
        "mkdir {dir}/top && cd {dir}/top && dd if=/dev/zero of=file bs=1M count=200 status=none && sync -f . &&
         echo 3 >/proc/sys/vm/drop_caches && dd if=file of=/dev/null bs=4k skip=5 status=none"
    ))?;
    let top = format!("{dir}/top");
    let before = resident(guest, &top)?;
    ensure!(before >= 190 << 20, "{before} bytes were read");
    let done = pruned(guest, &format!("{top} --mode pages"))?;
    let left = resident(guest, &top)?;
    ensure!(left == 0, "{left} of {before} bytes stay: {done}");
    Fs::Xfs.unmount(guest)?;
    guest.unload_module()
}

/// A file that grows all the time is written up to its former end, and no further.
fn appended(guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh(
        "mkdir /mnt/ext4/top && dd if=/dev/zero of=/mnt/ext4/top/log bs=1M count=16 status=none",
    )?;
    let append = "sh -c 'echo appending; exec dd if=/dev/zero of=/mnt/ext4/top/log bs=1k oflag=append conv=notrunc status=none'";
    let append = Background::start(guest, append, "appending")?;
    for mode in ["pages", "inodes"] {
        // None waits until the growth ends.
        ends_with(
            guest,
            &format!("slabscope prune /mnt/ext4/top --mode {mode} --writeback --timeout 60 --yes"),
            0,
        )?;
    }
    append.end()?;
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// Files that were written and are not on the disk yet stay, or are written first on request; after
/// the next mount they have the written content.
fn dirty(_: &Context<'_>, guest: &Guest, fs: Fs) -> Result<()> {
    guest.load_module()?;
    let dir = fs.fresh(guest)?;
    let top = format!("{dir}/top");
    // Nothing else may write them in between. The kernel begins to as soon as a disk has more dirty pages than its
    // share, which is nothing on Linux 6.12 for one that has not been written to much.
    let share = format!("/sys/class/bdi/$(mountpoint -d {dir})/min_ratio");
    guest.sh(&format!(
        "cd /proc/sys/vm; cat dirty_writeback_centisecs dirty_expire_centisecs >/tmp/dirty
         echo 0 >dirty_writeback_centisecs; echo 360000 >dirty_expire_centisecs
         test ! -e {share} || echo 99 >{share}"
    ))?;
    let tried = stay_and_go(guest, &top);
    guest.sh(&format!(
        "cd /proc/sys/vm; {{ read -r a; read -r b; }} </tmp/dirty
         echo $a >dirty_writeback_centisecs; echo $b >dirty_expire_centisecs
         test ! -e {share} || echo 0 >{share}"
    ))?;
    tried?;
    fs.unmount(guest)?;
    fs.check(guest)?;
    guest.sh(&format!(
        "mount {SCRATCH_DISK} {dir} && cd {top} && sha256sum --quiet -c /tmp/sums && cd / && umount {dir}"
    ))?;
    guest.unload_module()
}

fn stay_and_go(guest: &Guest, top: &str) -> Result<()> {
    let write = |text: &str| {
        guest.sh(&format!(
            "mkdir -p {top}; cd {top}; for file in $(seq 200); do seq $file 1000{text} >$file; done
             find . -type f -exec sha256sum {{}} + >/tmp/sums"
        ))
    };
    // Something that may go, too: a prune without effect proves nothing.
    guest.sh(&format!("mkdir -p {top} && seq 1000 >{top}/clean && sync"))?;
    write("")?;
    for mode in ["pages", "inodes"] {
        let done = pruned(guest, &format!("{top} --mode {mode}"))?;
        let (stay, bytes) = (
            number(&done, "skipped_dirty")?,
            number(&done, "skipped_dirty_bytes")?,
        );
        ensure!(stay >= 200 && bytes >= 200 * 4096, "{mode}: {done}");
        ensure!(
            number(&done, "dirty_bytes")? == bytes,
            "the plan said otherwise: {done}"
        );
        // Names went with the inodes' dentries; the files are unchanged.
        guest.sh(&format!("cd {top} && sha256sum --quiet -c /tmp/sums"))?;
    }
    // btrfs holds a page for some time after it is written.
    for last in [false, false, true] {
        let done = pruned(guest, &format!("{top} --mode pages --writeback"))?;
        let left = resident(guest, top)?;
        ensure!(number(&done, "skipped_dirty")? == 0, "pages: {done}");
        ensure!(left == 0 || !last, "{left} bytes stay: {done}");
        if left == 0 {
            break;
        }
    }
    write("1")?;
    let done = pruned(guest, &format!("{top} --mode inodes --writeback"))?;
    let evicted = number(&done, "inodes_evicted")?;
    ensure!(evicted >= 198, "{evicted} of 200 inodes: {done}");
    Ok(())
}
