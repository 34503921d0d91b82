//! Running other programs: their output goes to a log, whose end is shown when they fail.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A log file that collects the output of one step's programs.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// Starts an empty log.
    pub fn create(path: PathBuf) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path })
    }

    fn append(&self) -> Result<File> {
        OpenOptions::new()
            .append(true)
            .open(&self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Runs a program to its end; its failure is an error that shows the log's last lines and a remedy.
    pub fn run(&self, command: &mut Command) -> Result<()> {
        let mut file = self.append()?;
        let name = command.get_program().to_string_lossy().into_owned();
        writeln!(file, "+ {command:?}").context("cannot write the log")?;
        let start = file.metadata().map_or(0, |metadata| metadata.len());
        let status = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("cannot share the log")?)
            .stderr(file)
            .status()
            .with_context(|| format!("cannot run {name}"))?;
        if status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&fs::read(&self.path).unwrap_or_default())
            .get(usize::try_from(start).unwrap_or(0)..)
            .unwrap_or_default()
            .to_owned();
        bail!(
            "{status}\n{}\n{}(the whole log: {})",
            last_lines(&text, 25),
            remedy(&text),
            self.path.display()
        )
    }

    /// Like [`Log::run`], with the program's standard output returned instead of logged.
    pub fn output(&self, command: &mut Command) -> Result<String> {
        let mut file = self.append()?;
        let name = command.get_program().to_string_lossy().into_owned();
        writeln!(file, "+ {command:?}").context("cannot write the log")?;
        let output = command
            .stdin(Stdio::null())
            .stderr(file)
            .output()
            .with_context(|| format!("cannot run {name}"))?;
        if !output.status.success() {
            let text = fs::read_to_string(&self.path).unwrap_or_default();
            bail!("{}\n{}", output.status, last_lines(&text, 25));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The end of a text, a number of lines long.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The remedy for a failure, by the programs' error messages.
fn remedy(text: &str) -> &'static str {
    const NETWORK: [&str; 8] = [
        "Failed getting release file",
        "Could not resolve",
        "Temporary failure",
        "Could not connect",
        "Cannot initiate the connection",
        "Network is unreachable",
        "Connection timed out",
        "Couldn't download",
    ];
    if text.contains("No space left on device") {
        "The disk is full: free some space, or set SLABSCOPE_CACHE to a directory with 6 GiB free; then run it again.\n"
    } else if NETWORK.iter().any(|sign| text.contains(sign)) {
        "No way to the Debian archive: look at the network (a proxy goes into http_proxy, a mirror into SLABSCOPE_MIRROR); \
         then run it again, it goes on from here.\n"
    } else if text.contains("Hash Sum mismatch") || text.contains("File has unexpected size") {
        "The archive changed during the download: run it again.\n"
    } else {
        ""
    }
}

/// Whether a program is found in PATH.
pub fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(
            ["/usr/sbin", "/sbin"]
                .iter()
                .map(|dir| Path::new(dir).to_owned()),
        )
        .any(|dir| dir.join(program).is_file())
}

/// PATH with the system's directories in it: a user's PATH may lack those that hold debootstrap and mke2fs.
pub fn system_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_shows_the_end_of_its_output_and_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::create(dir.path().join("logs/x.log")).unwrap();
        log.run(Command::new("echo").arg("earlier")).unwrap();
        let error = log
            .run(Command::new("sh").args(["-c", "echo No space left on device >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("SLABSCOPE_CACHE"), "{error}");
        assert!(!error.contains("earlier"), "{error}");
    }
}
