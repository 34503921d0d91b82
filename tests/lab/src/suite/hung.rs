//! Servers that no longer answer: a user who looks at their cache, or acts on it, can leave.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Case;
use super::fixture::Background;
use super::reading::SOON;
use crate::guest::{COMMAND_TIMEOUT, Guest};

/// With the module if there is one.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "hung::commands_beside_a_mute_server",
        run: |_, guest| with_module(guest, |guest| fuse(guest, "USR1", commands)),
    },
    Case {
        name: "hung::screen_beside_a_mute_server",
        run: |_, guest| fuse(guest, "USR1", screen),
    },
    // A request that its server has not read yet can be cancelled.
    Case {
        name: "hung::commands_beside_a_stopped_server",
        run: |_, guest| with_module(guest, |guest| fuse(guest, "STOP", commands)),
    },
];

/// knfsd of the guest's own kernel.
pub(super) const BY_NFS: &[Case] = &[Case {
    name: "hung::commands_beside_a_gone_nfs_server",
    run: |_, guest| with_module(guest, nfs),
}];

/// Its mount point.
const DIR: &str = "/mnt/second";

/// Commands that look at such a filesystem or act on it, by any path, or request uncached names.
const COMMANDS: &[&str] = &[
    "census DIR",
    "census --lookup DIR/below",
    "census DIR/none",
    "ls --lookup DIR/below",
    "hotspots",
    "hotspots --lookup",
    "doctor",
    "prune DIR --dry-run",
    "prune DIR --yes",
    "prune DIR --yes --any-filesystem --mode all",
    "prune DIR --yes --any-filesystem --mode pages --writeback",
    "prune DIR/below --yes --any-filesystem",
    "reclaim --superblock DIR --dry-run",
    "reclaim --superblock DIR --any-filesystem --yes",
    "reclaim --pages DIR --any-filesystem --dry-run",
    "reclaim --pages DIR --any-filesystem --yes",
    "reclaim --pages DIR/below --any-filesystem --yes",
    "reclaim --carousel DIR --force --yes",
    "--root DIR slabs",
    "--root DIR/below doctor",
    SYNC,
];

/// Last, as it drops caches. The server has nothing to write: it is not waited for.
const SYNC: &str = "reclaim --all 1 --sync --yes";

/// Runs a command; if it does not end by itself, it gets SIGINT as by Ctrl-C, and has to end. A
/// helper may be left in the kernel: nothing ends that.
const RUN: &str = r#"
run() {
    "$@" >/tmp/said 2>&1 </dev/null &
    pid=$!
    for _ in $(seq 20); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
    how=
    if kill -0 $pid 2>/dev/null; then
        how=" after an interrupt"
        kill -INT $pid
        for _ in $(seq 50); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
    fi
    if kill -0 $pid 2>/dev/null; then
        echo "stuck: $*"
        for task in /proc/[0-9]*/task/*; do
            case $(cat $task/comm) in slabscope|exe) echo "$task $(tr '\n' ' ' <$task/stack)" ;; esac
        done
        kill -KILL $pid
    else
        wait $pid
        echo "$?$how: $*: $(tail -n 1 /tmp/said)"
    fi
}
"#;

/// Each command ends, by itself or by Ctrl-C.
fn commands(guest: &Guest) -> Result<()> {
    let mut script = RUN.to_owned();
    for command in COMMANDS {
        script += &format!("run slabscope {}\n", command.replace("DIR", DIR));
    }
    let said = guest.sh_within(&script, Duration::from_secs(600))?;
    ensure!(!said.contains("stuck"), "{said}");
    ensure!(said.lines().count() == COMMANDS.len(), "{said}");
    // Each is a command of the program, and some did wait for the server.
    ensure!(!said.lines().any(|line| line.starts_with("2")), "{said}");
    ensure!(said.contains(" after an interrupt: "), "{said}");
    ensure!(said.contains(&format!("0: slabscope {SYNC}:")), "{said}");
    Ok(())
}

/// The tree enters the directory, and the program can be left.
fn screen(guest: &Guest) -> Result<()> {
    for args in ["", "--via readdir"] {
        let mut screen = guest.screen(&format!("exec slabscope {args} {DIR}"), 80, 24)?;
        screen.wait_for(DIR, SOON)?;
        // The rungs and their plans, a file's pages, the mounts, the hot spots.
        for key in ["p", "\u{1b}", "P", "\u{1b}", "C", "3", "2", "h", "2"] {
            screen.send(key)?;
            std::thread::sleep(Duration::from_millis(300));
        }
        screen.send("\u{3}")?;
        let status = screen.wait_exit(Duration::from_secs(10));
        ensure!(
            status.is_ok(),
            "with `{args}` it cannot be left: {}\n{}",
            screen.contents(),
            guest.sh("cat /proc/$(pgrep -n slabscope)/task/*/stack || :")?
        );
    }
    Ok(())
}

/// With a server that answers until it gets a signal.
fn fuse(guest: &Guest, signal: &str, then: fn(&Guest) -> Result<()>) -> Result<()> {
    let server = Background::start(guest, &format!("agent fuse {DIR}"), "mounted")?;
    // Names are cached; the kernel may use them for a second without a request.
    guest.sh(&format!(
        "cat {DIR}/below/file >/dev/null; ls {DIR} >/dev/null
         for name in a b c; do test ! -e {DIR}/$name || exit 1; done
         sleep 2; kill -{signal} {}",
        server.pid()
    ))?;
    let held = then(guest);
    // The kernel answers for a server that is gone.
    server.end()?;
    ended(guest, &format!("umount -l {DIR}"))?;
    held
}

/// With a server that answers, and then is stopped.
fn nfs(guest: &Guest) -> Result<()> {
    guest.fresh_ext4()?;
    guest.sh(&format!(
        "mkdir /mnt/ext4/below && echo x >/mnt/ext4/below/file
         ip link set lo up && modprobe nfsd && mount -t nfsd nfsd /proc/fs/nfsd
         exportfs -o rw,no_root_squash,fsid=0,insecure 127.0.0.1:/mnt/ext4
         rpc.mountd --no-nfs-version 3 --nfs-version 4 && rpc.nfsd -N 3 -V 4 --grace-time 1 --lease-time 10 1
         mount -t nfs -o vers=4.2,hard,acregmin=1,acregmax=1,acdirmin=1,acdirmax=1 127.0.0.1:/ {DIR}
         cat {DIR}/below/file >/dev/null; for name in a b c; do test ! -e {DIR}/$name || exit 1; done
         sleep 2; rpc.nfsd 0"
    ))
    .context("no NFS server")?;
    let held = commands(guest);
    guest.sh("rpc.nfsd -N 3 -V 4 1")?;
    ended(
        guest,
        &format!(
            "umount {DIR} && rpc.nfsd 0 && exportfs -au && pkill rpc.mountd; umount /proc/fs/nfsd; umount /mnt/ext4"
        ),
    )?;
    held
}

/// No process of the program is left once the server answers or is gone.
fn ended(guest: &Guest, clean: &str) -> Result<()> {
    let output = guest.exec(
        &format!(
            "for _ in $(seq 300); do pgrep -x 'slabscope|exe' >/dev/null || break; sleep 0.1; done
             if pgrep -lx 'slabscope|exe'; then exit 1; fi; {clean}"
        ),
        COMMAND_TIMEOUT,
    )?;
    ensure!(
        output.status == 0,
        "left, or not cleaned up: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn with_module(guest: &Guest, then: fn(&Guest) -> Result<()>) -> Result<()> {
    guest.load_module()?;
    then(guest)?;
    guest.unload_module()
}
