//! The kernel's settings: shown, and changed by `y` alone. For a changed one, a key proposes the
//! former value.

use std::time::Duration;

use super::Effect;
use crate::cache::history::Marker;
use crate::reclaim::ReclaimError;
use crate::reclaim::audit::Action;
use crate::reclaim::tune::{SETTINGS, TuneReport};
use crate::ui::keymap::SettingsAction;
use crate::ui::model::{InputMode, Model, Setting, Settings};

/// News of the kernel's settings.
#[derive(Debug)]
pub enum SettingsMsg {
    /// They were read.
    Read(Vec<Setting>),
    /// One was changed, or the change failed.
    Changed {
        /// Time since the start of the program.
        at: Duration,
        /// The report; None: it had that value already.
        result: Result<Option<Box<TuneReport>>, ReclaimError>,
    },
}

pub(super) fn act(model: &mut Model, action: SettingsAction) -> Vec<Effect> {
    match action {
        SettingsAction::Open => {
            model.mode = InputMode::Settings(Box::default());
            return vec![Effect::ReadSettings];
        }
        SettingsAction::Adjust(up) => {
            if let InputMode::Settings(settings) = &mut model.mode {
                settings.adjust(up);
            }
        }
        SettingsAction::Change => {
            // Taken: a second y before the answer does not repeat the change.
            if let InputMode::Settings(settings) = &mut model.mode
                && let Some(to) = settings.proposed.take()
            {
                let which = settings.at;
                return vec![Effect::Change { which, to }];
            }
            model.notice = Some("nothing would change".into());
        }
        SettingsAction::Back => back(model),
    }
    Vec::new()
}

/// Proposes the selected one's value before its last change.
fn back(model: &mut Model) {
    let InputMode::Settings(settings) = &model.mode else {
        return;
    };
    let former = model.former(settings, settings.at);
    let former = former.filter(|&to| settings.value() != Some(to));
    match &mut model.mode {
        InputMode::Settings(settings) if former.is_some() => settings.proposed = former,
        _ => model.notice = Some("no earlier change of it is recorded".into()),
    }
}

pub(super) fn moved(settings: &mut Settings, steps: i64) {
    settings.at = super::stepped(settings.at, steps, SETTINGS.len());
    settings.proposed = None;
}

pub(super) fn happened(model: &mut Model, msg: SettingsMsg) -> Vec<Effect> {
    match msg {
        SettingsMsg::Read(now) => {
            if let InputMode::Settings(settings) = &mut model.mode {
                settings.now = now;
            }
            return Vec::new();
        }
        SettingsMsg::Changed { at, result } => {
            model.now = model.now.max(at);
            match result {
                Ok(Some(done)) => changed(model, at, *done),
                Ok(None) => model.notice = Some("already set: nothing was changed".into()),
                Err(error) => model.notice = Some(told(&error)),
            }
        }
    }
    if let InputMode::Settings(settings) = &mut model.mode {
        settings.proposed = None;
        return vec![Effect::ReadSettings];
    }
    Vec::new()
}

fn changed(model: &mut Model, at: Duration, done: TuneReport) {
    let record = done.record;
    debug_assert_eq!(record.action, Action::Tune);
    if let (Some(name), Some([was, now])) = (record.mode, record.setting) {
        model.notice = Some(match done.result {
            Ok(()) => {
                let label = format!("{name} {now}");
                model.history.markers.push(Marker { at, label });
                format!("{name} is {now} now; it was {was}")
            }
            Err(error) => told(&error),
        });
    }
    let failed = done.recorded.err().map(|error| error.to_string());
    if let Some(error) = &failed {
        model.notice = Some(format!("not recorded: {error}"));
    }
    model.journal.push(record, failed);
}

/// An error with its remedy, on one line. Its text is escaped already.
fn told(error: &ReclaimError) -> String {
    let text = format!("{error}\n{}", error.remedy());
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}
