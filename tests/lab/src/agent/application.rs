//! An application whose disk fails: it keeps files open and prints a word for each step that it
//! takes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;

use super::device::shell;
use super::raw;

/// Bytes of a file: more than a filesystem keeps in an inode, and a few pages.
const SIZE: usize = 64 << 10;

/// Time that data may need to reach the disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes the steps in their order, each on the file of the last `on`.
pub fn run(steps: &[String]) -> Result<()> {
    let mut files = HashMap::new();
    let mut path = PathBuf::new();
    for step in steps {
        let (name, value) = step.split_once(':').unwrap_or((step, ""));
        let word = match name {
            "on" => {
                path = value.into();
                "ok".to_owned()
            }
            "open" => word(open(&path).map(|file| {
                files.insert(path.clone(), file);
            })),
            "close" => {
                files.remove(&path);
                "ok".to_owned()
            }
            "sh" => shell(value)?,
            _ => {
                let at = || format!("{step} of {}", path.display());
                match files.get(&path) {
                    Some(file) => on_file(file, name, value).with_context(at)?,
                    None => "closed".to_owned(),
                }
            }
        };
        println!("{word}");
        io::stdout().flush().ok();
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

fn on_file(file: &File, step: &str, value: &str) -> Result<String> {
    Ok(match step {
        "write" => word(file.write_all_at(&[byte(value)?; SIZE], 0)),
        "fsync" => word(file.sync_all()),
        "flush" => word(flush(file)?),
        "reads" => {
            let mut found = vec![0; SIZE];
            match file.read_exact_at(&mut found, 0) {
                Ok(()) if found.iter().all(|&byte| byte == found[0]) => {
                    char::from(found[0]).to_string()
                }
                Ok(()) => "a mixture".to_owned(),
                Err(error) => name(&error),
            }
        }
        _ => bail!("no such step"),
    })
}

fn byte(value: &str) -> Result<u8> {
    let [byte] = value.as_bytes() else {
        bail!("`{value}` is not one byte");
    };
    Ok(*byte)
}

/// Has the data written and waits for that, without checking for errors: that would consume the
/// error of `fsync`.
fn flush(file: &File) -> Result<io::Result<()>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Err(error) = raw::begin_writing(file) {
            return Ok(Err(error));
        }
        let unwritten = match raw::cachestat(file) {
            Ok(cached) => cached.dirty + cached.writeback,
            Err(error) if error.raw_os_error() == Some(Errno::NOSYS.raw_os_error()) => {
                in_writeback()?
            }
            Err(error) => return Err(error.into()),
        };
        if unwritten == 0 {
            return Ok(Ok(()));
        }
        ensure!(
            Instant::now() < deadline,
            "{unwritten} pages are not written after {PATIENCE:?}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// Pages that are being written anywhere, where the kernel does not say it of one file (before Linux 6.5): what was
/// dirty of the file is among them once its writing has begun.
fn in_writeback() -> Result<u64> {
    let text = fs::read_to_string("/proc/vmstat").context("/proc/vmstat")?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("nr_writeback "));
    value
        .context("no nr_writeback")?
        .parse()
        .context("nr_writeback")
}

fn word(result: io::Result<()>) -> String {
    result.map_or_else(|error| name(&error), |()| "ok".to_owned())
}

fn name(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::IO) => "EIO".to_owned(),
        Some(Errno::ROFS) => "EROFS".to_owned(),
        _ => error.to_string(),
    }
}
