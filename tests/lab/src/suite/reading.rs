//! Reading the screen as a user does, and moving on it.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::guest::Guest;
use crate::guest::screen::Screen;

/// A drawing is complete when no output arrives for this long: the program draws once a second.
pub(super) const STILL: Duration = Duration::from_millis(300);

/// A figure may be a thousandth off, or 200: the machine runs on while it is read.
pub(super) fn close(shown: f64, kernel: f64, what: &str) -> Result<()> {
    let allowed = (kernel / 1000.0).max(200.0);
    ensure!(
        (shown - kernel).abs() <= allowed,
        "{what}: the screen shows {shown}, the kernel says {kernel}"
    );
    Ok(())
}

/// Time that a user waits for the screen to follow.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// Starts the program and waits for its first screen: earlier input is lost.
pub(super) fn start(guest: &Guest) -> Result<Screen<'_>> {
    let mut screen = guest.screen("exec slabscope", 80, 24)?;
    screen.wait_for("SReclaimable", SOON)?;
    Ok(screen)
}

/// From any screen into the filesystem that is mounted on /mnt/ext4, counted.
pub(super) fn walk_into_ext4(screen: &mut Screen<'_>) -> Result<()> {
    screen.send("2")?;
    screen.wait_for("/mnt/ext4", SOON)?;
    select(screen, |row| {
        row.split_whitespace().nth(2) == Some("/mnt/ext4")
    })?;
    screen.send("\r")?;
    // Rows are shown while they are counted: their figures are right at the end.
    screen.wait_for(" below: ", SOON)
}

/// Selects the row of a directory in the tree.
pub(super) fn select_directory(screen: &mut Screen<'_>, name: &str) -> Result<()> {
    let end = format!(" {name}/");
    select(screen, |row| row.trim_end().ends_with(&end))
}

/// Quits the program, which has to end well.
/// From any screen: `q` leads one step back, and asks with a trace on.
pub(super) fn quit(mut screen: Screen<'_>) -> Result<()> {
    screen.send("\u{3}")?;
    let status = screen.wait_exit(SOON)?;
    ensure!(status == 0, "slabscope ended with {status}");
    Ok(())
}

/// Moves the selection down to a row.
pub(super) fn select(screen: &mut Screen<'_>, wanted: impl Fn(&str) -> bool) -> Result<()> {
    screen.send("g")?;
    // Otherwise the row that was selected before could pass for the target of the first step.
    thread::sleep(STILL);
    screen.wait_still(STILL, Duration::from_secs(5))?;
    for _ in 0..30 {
        let row = selected(&screen.snapshot());
        if wanted(&row) {
            return Ok(());
        }
        screen.send("j")?;
        // The last row stays selected: then the loop ends in the error below.
        let moved = |screen: &vt100::Screen| selected(screen) != row;
        if screen
            .wait_until("the selection to move", Duration::from_secs(5), moved)
            .is_err()
        {
            break;
        }
    }
    Err(screen.error("the row is not to be found"))
}

/// The text of the row that is shown inverse.
fn selected(screen: &vt100::Screen) -> String {
    let (rows, cols) = screen.size();
    let inverse = |row: u16, col: u16| {
        screen
            .cell(row, col)
            .is_some_and(|cell| cell.inverse() && cell.has_contents())
    };
    (1..rows.get())
        .find(|&row| (0..20).any(|col| inverse(row, col)))
        .and_then(|row| screen.rows(0, cols.get()).nth(row.into()))
        .unwrap_or_default()
}

/// The first row that `wanted` accepts.
pub(super) fn row_of(screen: &Screen<'_>, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let found = screen.rows().into_iter().find(|row| wanted(row));
    found.ok_or_else(|| screen.error("a row is missing"))
}

/// The row of a ledger that begins with a label; the screen behind may have that word, too.
pub(super) fn ledger_row(screen: &Screen<'_>, label: &str) -> Result<String> {
    row_of(screen, |row| {
        let row = row.split_once('│').map_or(row, |(_, row)| row);
        row.trim_start().starts_with(label)
    })
}

/// The numbers in the first row that `wanted` accepts.
pub(super) fn numbers_of(screen: &Screen<'_>, wanted: impl Fn(&str) -> bool) -> Result<Vec<f64>> {
    row_of(screen, wanted).map(|row| numbers(&row))
}

/// The text behind a label in its row.
pub(super) fn text_behind(screen: &Screen<'_>, label: &str) -> Result<String> {
    let row = row_of(screen, |row| row.contains(label))?;
    Ok(row
        .split_once(label)
        .map_or_else(String::new, |(_, rest)| rest.to_owned()))
}

/// The numbers in a text, without their separators.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace()
        .filter_map(|word| word.replace(',', "").parse().ok())
        .collect()
}
