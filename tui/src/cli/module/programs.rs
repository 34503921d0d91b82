//! Programs that administrators run, as they are run here: as root, so that PATH and other variables do not count.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The path of a program.
pub fn find(program: &str) -> Option<PathBuf> {
    DIRECTORIES
        .iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.is_file())
}

/// A program at a path, with nothing in its environment but where it finds others.
pub fn at(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("PATH", DIRECTORIES.join(":"))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// A program with its arguments; None: there is none of that name.
pub fn command(words: &[impl AsRef<str>]) -> Option<Command> {
    let (program, arguments) = words.split_first()?;
    let mut command = at(&find(program.as_ref())?);
    command.args(arguments.iter().map(AsRef::as_ref));
    Some(command)
}
