//! Messages and exit codes of the program for what it cannot do.

use anyhow::{Result, ensure};

use super::{Case, Context};
use crate::guest::payload::MODULE;
use crate::guest::{COMMAND_TIMEOUT, Guest};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "errors::command_line",
        run: command_line,
    },
    Case {
        name: "errors::command_line_without_module",
        run: without_module,
    },
];

/// Commands, their exit codes, and a part of their output.
type Expected<'a> = [(&'a str, i32, &'a str)];

fn expect(guest: &Guest, commands: &Expected<'_>) -> Result<()> {
    let mut wrong = Vec::new();
    for (command, status, sentence) in commands {
        let output = guest.exec(command, COMMAND_TIMEOUT)?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if output.status != *status || !said.contains(sentence) {
            let found = output.status;
            wrong.push(format!(
                "{command}\n  not {status} and `{sentence}`, but {found} and {said}"
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn command_line(_: &Context, guest: &Guest) -> Result<()> {
    guest.load_module()?;
    guest.fresh_ext4()?;
    guest.sh(
        "cd /mnt/ext4 && echo nonsense >file && mkdir dir $(printf 'no\\377utf8') && ln -s dir link && \
         agent lookups dir 1000 && mount -t tmpfs tmpfs /mnt/tmpfs && touch /mnt/tmpfs/file",
    )?;
    let long = "slabscope census /$(printf '%04095d' 0)";
    expect(
        guest,
        &[
            ("slabscope census /mnt/ext4/file", 1, "ot a directory"),
            ("slabscope prune /mnt/ext4/file --yes", 1, "ot a directory"),
            (
                "slabscope census /mnt/ext4/vanished",
                1,
                "/mnt/ext4/vanished: ",
            ),
            ("slabscope census /mnt/ext4/link", 1, "/mnt/ext4/link: "),
            (long, 1, "name too long"),
            ("slabscope census ''", 2, "a value is required"),
            (
                "slabscope census --json /mnt/ext4/no*",
                0,
                "\"path_base64\"",
            ),
            ("slabscope census /mnt/ext4/no*", 0, "no\\xffutf8"),
            ("slabscope ls /mnt/ext4/file", 1, "ot a directory"),
            (
                "cat /proc/1/status >/dev/null; slabscope prune /proc --mode dentries --yes",
                1,
                "is tested on",
            ),
            ("slabscope prune /mnt/ext4/dir </dev/null", 2, "--yes"),
            ("slabscope prune /mnt/ext4/dir --max 0 --yes", 2, "0"),
            (
                "slabscope prune /mnt/ext4/dir --max 10 --yes --json",
                5,
                "bound reached",
            ),
            (
                "fsfreeze -f /mnt/ext4; slabscope prune /mnt/ext4/dir --yes; status=$?; \
                 fsfreeze -u /mnt/ext4; exit $status",
                1,
                "frozen",
            ),
            (
                "slabscope prune /mnt/tmpfs --dry-run --mode dentries",
                0,
                "would go                   0",
            ),
            (
                "slabscope prune /mnt/tmpfs --mode dentries --yes",
                0,
                "lives in its dentries",
            ),
            (
                "slabscope module status",
                0,
                "ready; modes: census, list, negative, dentries, inodes, pages\n",
            ),
            ("slabscope module load /mnt/ext4/missing", 1, "missing"),
            (
                "slabscope module load /mnt/ext4/file",
                3,
                "not built for the running kernel",
            ),
            (
                &format!("slabscope module load {MODULE}"),
                1,
                "loaded already",
            ),
        ],
    )?;
    unprivileged(guest)?;
    guest.sh("umount /mnt/ext4 /mnt/tmpfs")?;
    guest.unload_module()
}

/// Root of a user namespace is nobody here.
fn unprivileged(guest: &Guest) -> Result<()> {
    for who in [
        "setpriv --reuid 65534 --regid 65534 --clear-groups",
        "unshare --user --map-root-user",
    ] {
        for command in [
            "census /mnt/ext4",
            "ls /mnt/ext4",
            "prune /mnt/ext4 --yes",
            "module status",
            "module unload",
        ] {
            expect(guest, &[(&format!("{who} slabscope {command}"), 4, "sudo")])?;
        }
    }
    Ok(())
}

fn without_module(_: &Context, guest: &Guest) -> Result<()> {
    expect(
        guest,
        &[
            ("slabscope --via module census /usr", 3, "not loaded"),
            ("slabscope --via module ls /usr", 3, "not loaded"),
            ("slabscope census /usr --json", 0, "\"reader\":\"bpf\""),
            ("slabscope prune /usr --dry-run", 0, "counted by bpf"),
            (
                "slabscope --via module prune /usr --dry-run",
                3,
                "not loaded",
            ),
            ("slabscope prune /usr --yes", 3, "module install"),
            ("slabscope module status", 3, "not loaded"),
            ("slabscope module status --json", 3, "\"loaded\":false"),
            ("slabscope module unload", 3, "not loaded"),
            (
                "slabscope module load --read-only && slabscope module status",
                0,
                "loaded with read_only=1",
            ),
            (
                "slabscope module unload && slabscope module load && slabscope module status",
                0,
                "ready;",
            ),
            ("slabscope module unload", 0, ""),
        ],
    )
}
