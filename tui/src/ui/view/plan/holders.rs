//! The holders of what stays: lines of the plan.

use ratatui::style::Style;

use crate::base::text::{count, printable};
use crate::cache::holders::{Holder, Holders, Uses};
use crate::ui::model::{Confirm, Held, Model};

/// Holders that are named: more are of no use in a plan.
const SHOWN: usize = 8;

/// The lines; each has to be cut.
pub(super) fn lines(model: &Model, confirm: &Confirm) -> Vec<(String, Style)> {
    let look = model.look;
    let found = match &confirm.held {
        Held::Unasked if !confirm.has_holders() => return Vec::new(),
        Held::Unasked => {
            let key = model
                .keymap
                .bindings()
                .find(|b| b.action == crate::ui::keymap::Action::Holders);
            let key = key.map_or_else(String::new, crate::ui::keymap::Binding::label);
            let words = "lists processes, from /proc (adds dentries there)";
            return vec![(format!("Held by  {key} {words}"), look.dim())];
        }
        Held::Looking(_) => {
            return vec![(
                "Held by  looking in /proc ... Esc stops it".into(),
                look.accent(),
            )];
        }
        Held::Failed(error) => {
            let words = format!("Held by  /proc cannot be read: {}", printable(error));
            return vec![(words, look.warn())];
        }
        Held::Found(found) => found,
    };
    let mut words: Vec<_> = found.found.iter().take(SHOWN).map(holder).collect();
    if let Some(more @ 1..) = found.found.len().checked_sub(SHOWN) {
        words.push(format!("and {} more", count(more as u64)));
    }
    if found.found.is_empty() {
        words.push("no process found: mounts, watches, swap or loop devices hold them".into());
    }
    words.push(seen(found));
    let mut label = "Held by";
    let line = |words: String| {
        let label = std::mem::take(&mut label);
        (format!("{label:<8} {words}"), Style::new())
    };
    words.into_iter().map(line).collect()
}

/// `nginx[812] working directory, 3 open files: /srv/app/run`.
fn holder(holder: &Holder) -> String {
    let Uses {
        cwd,
        root,
        exe,
        files,
        maps,
    } = holder.uses;
    let mut uses = Vec::new();
    for (held, words) in [
        (cwd, "working directory"),
        (root, "root directory"),
        (exe, "program"),
    ] {
        if held {
            uses.push(words.to_owned());
        }
    }
    for (n, words) in [(files, "open"), (maps, "mapped")] {
        if n > 0 {
            uses.push(format!("{} {words}", count(n)));
        }
    }
    let name = printable(&holder.comm);
    let uses = uses.join(", ");
    format!(
        "{name}[{}] {uses}: {}",
        holder.pid,
        printable(&holder.example)
    )
}

fn seen(found: &Holders) -> String {
    let processes = count(found.processes);
    let partial = if found.partial { ", then stopped" } else { "" };
    match found.unseen {
        0 => format!("{processes} processes checked{partial}"),
        n => format!(
            "{processes} processes checked, {} in part{partial}",
            count(n)
        ),
    }
}
