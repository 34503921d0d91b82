//! Copying to the terminal's clipboard.

use super::Effect;
use crate::base::text::printable;
use crate::reclaim::prune;
use crate::ui::model::{Confirm, InputMode, Model};

/// Bytes that terminals take in one sequence.
const MOST: usize = 64 << 10;

/// Copies the command of the plan on the screen, or the path or name of the selected row.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    // The terminals without a mouse are those without a clipboard.
    if model.mouse.is_none() {
        model.notice = Some("this terminal has no clipboard".into());
        return Vec::new();
    }
    let text = match &model.mode {
        InputMode::Confirm(confirm) => Some(command(confirm)),
        InputMode::ConfirmRung(confirm) => Some(confirm.plan.rung.command()),
        _ => model.row_to_copy(),
    };
    match text {
        None => model.notice = Some("there is nothing to copy here".into()),
        Some(text) if text.len() > MOST => {
            model.notice = Some("too long to copy: terminals take 64 KiB".into());
        }
        Some(text) => {
            model.notice = Some(format!(
                "sent to the terminal's clipboard: {}",
                printable(&text)
            ));
            return vec![Effect::Copy(text)];
        }
    }
    Vec::new()
}

/// The commands that do the same without this screen.
fn command(confirm: &Confirm) -> String {
    let writeback = confirm.writeback && confirm.mode.may_write();
    let tasks = confirm.tasks.iter();
    let commands =
        tasks.map(|task| prune::command(&task.plan.target.path, confirm.mode, writeback));
    commands.collect::<Vec<_>>().join("; ")
}
