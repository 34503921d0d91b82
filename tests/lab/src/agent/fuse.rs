//! A FUSE filesystem whose server answers requests until SIGUSR1. From then on it reads them and never answers: no signal
//! ends a process that waits for such an answer (fs/fuse/dev.c: `request_wait_answer()`, Linux 7.3).

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::mem::forget;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, LockOwner,
    MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, Request, SessionACL,
};
use signal_hook::consts::SIGUSR1;

/// Time that the kernel may use a name or attributes without a request. Short, so that those from
/// before the silence soon need a new request.
const VALID: Duration = Duration::from_secs(1);

/// The directory in its root, and the file in that.
const BELOW: (&str, u64) = ("below", 2);
const FILE: (&str, u64) = ("file", 3);

const CONTENT: &[u8] = b"slabscope";

/// Mounts it, and serves it until it is unmounted. SIGUSR1 makes it mute.
pub fn run(dir: &Path) -> Result<()> {
    let mute = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, Arc::clone(&mute))?;
    let mut config = Config::default();
    config.acl = SessionACL::All;
    config.mount_options = vec![MountOption::FSName("server:/".into())];
    let session = fuser::spawn_mount(Served { mute }, dir, &config)
        .with_context(|| format!("cannot mount on {}", dir.display()))?;
    println!("mounted");
    io::stdout().flush()?;
    session.join().context("it failed")
}

struct Served {
    mute: Arc<AtomicBool>,
}

impl Served {
    /// Whether the request is kept, and never answered. A dropped one would be answered.
    fn keeps<T>(&self, reply: T) -> Option<T> {
        if self.mute.load(Ordering::Relaxed) {
            forget(reply);
            return None;
        }
        Some(reply)
    }
}

fn attributes(number: u64) -> FileAttr {
    let is_file = number == FILE.1;
    FileAttr {
        ino: INodeNo(number),
        size: if is_file { CONTENT.len() as u64 } else { 0 },
        blocks: 1,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if is_file {
            FileType::RegularFile
        } else {
            FileType::Directory
        },
        perm: 0o755,
        nlink: if is_file { 1 } else { 2 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let Some(reply) = self.keeps(reply) else {
            return;
        };
        let number = match parent.0 {
            1 if name == BELOW.0 => BELOW.1,
            2 if name == FILE.0 => FILE.1,
            // An absent name is valid as long as an existing one.
            _ => 0,
        };
        reply.entry(&VALID, &attributes(number), Generation(0));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        if let Some(reply) = self.keeps(reply) {
            reply.attr(&VALID, &attributes(ino.0));
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        _: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if let Some(reply) = self.keeps(reply) {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            reply.data(CONTENT.get(from..).unwrap_or_default());
        }
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let Some(mut reply) = self.keeps(reply) else {
            return;
        };
        let (name, number) = match ino.0 {
            1 => BELOW,
            2 => FILE,
            _ => return reply.error(Errno::ENOENT),
        };
        if offset == 0 {
            let _ = reply.add(INodeNo(number), 1, attributes(number).kind, name);
        }
        reply.ok();
    }
}
