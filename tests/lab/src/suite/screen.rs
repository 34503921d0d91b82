//! The program on the guest's screen.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Case, Context};
use crate::guest::Guest;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "screen_size",
        run: screen_size,
    },
    Case {
        name: "screen_shrinks_a_cache",
        run: shrinks_a_cache,
    },
];

pub(super) const WITH_MODULE: &[Case] = &[Case {
    name: "ext4::screen",
    run: screen,
}];

const SOON: Duration = Duration::from_secs(30);

/// The screen has the given size, notices another one, and input arrives.
fn screen_size(_: &Context<'_>, guest: &Guest) -> Result<()> {
    let script = "trap 'echo now $(stty size)' WINCH; echo first $(stty size) $TERM; \
                  while ! read -r line; do :; done; echo read $line; exit 7";
    let mut screen = guest.screen(script, 100, 30)?;
    screen.wait_for("first 30 100 xterm-256color", SOON)?;
    screen.resize(132, 43)?;
    // The size and input use different channels: neither waits for the other.
    screen.wait_for("now 43 132", SOON)?;
    screen.send("h\u{e9}llo\r")?;
    screen.wait_for("read h\u{e9}llo", SOON)?;
    let status = screen.wait_exit(SOON)?;
    ensure!(status == 7, "the script ended with {status}");
    Ok(())
}

/// The program shows the kernel's figures on the smallest usual terminal, and quits on `q`.
fn screen(_: &Context<'_>, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    let mut screen = guest.screen("exec slabscope", 80, 24)?;
    screen.wait_for("SReclaimable", SOON)?;
    screen.wait_for("dentr", SOON)?;
    screen.send("q")?;
    let status = screen.wait_exit(SOON)?;
    ensure!(status == 0, "slabscope ended with {status}");
    drop(screen);
    guest.sh("umount /mnt/ext4")?;
    guest.unload_module()
}

/// Shrinking a cache asks first and measures: in the guest, since it affects the whole machine.
fn shrinks_a_cache(_: &Context<'_>, guest: &Guest) -> Result<()> {
    let mut screen = guest.screen("exec slabscope", 80, 24)?;
    screen.wait_for("caches by cache size", SOON)?;
    screen.send("/~^buffer_head$\r")?;
    screen.wait_for("1 cache by", SOON)?;
    screen.send("K")?;
    screen.wait_for("type y to reclaim", SOON)?;
    screen.wait_for("echo 1 > /sys/kernel/slab/buffer_head/shrink", SOON)?;
    screen.send("\r")?;
    screen.wait_for("nothing is reclaimed before you type y", SOON)?;
    screen.send("y")?;
    screen.wait_for("Reclaimed: the slab cache buffer_head", SOON)?;
    screen.wait_for("partly used", SOON)?;
    screen.send("\x1b")?;
    screen.wait_for("1 cache by", SOON)?;
    screen.send("q")?;
    let status = screen.wait_exit(SOON)?;
    ensure!(status == 0, "slabscope ended with {status}");
    let recorded = guest.sh("tail -n 1 ~/.local/state/slabscope/audit.jsonl")?;
    ensure!(recorded.contains("\"action\":\"shrink\""), "{recorded}");
    Ok(())
}
