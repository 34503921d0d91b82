//! Asking whether a plan is to be carried out.

use std::io::{self, BufRead, IsTerminal, Write};

use super::{Exit, Failure};

/// Shows the plan and reads the answer: anything but `yes` is a no.
pub(super) fn ask(
    plan: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    verb: &str,
) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        let message = "nobody is there to confirm: look with --dry-run, then use --yes";
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut text = Vec::new();
    plan(&mut text)?;
    let mut terminal = io::stderr();
    terminal.write_all(&text)?;
    write!(terminal, "type yes to {verb}: ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
