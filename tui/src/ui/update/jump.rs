//! Going to a path, or to the mounts of a process, by typing it.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::{Effect, counting};
use crate::base::text::printable;
use crate::kernel::paths::{pid_of_root, root_of_process};
use crate::kernel::source::{Mount, SourceError};
use crate::kernel::target::LookError;
use crate::ui::keymap::Action;
use crate::ui::model::{InputMode, Left, Model, Namespace, Place, Screen, State};

/// The proposal is the path shown: most paths begin with it.
pub(super) fn begin(model: &mut Model) {
    let text = match model.tree.place().and_then(|place| place.path.to_str()) {
        Some("/") | None => "/".into(),
        // A path that cannot be typed cannot be edited either.
        Some(path) if path.chars().any(char::is_control) => "/".into(),
        Some(path) => format!("{path}/"),
    };
    model.mode = InputMode::Jump {
        text,
        offered: true,
    };
}

/// Erases the last character; edits the proposal.
pub(super) fn erase(model: &mut Model) {
    if let InputMode::Jump { text, offered } = &mut model.mode {
        *offered = false;
        text.pop();
    }
}

/// Keeps the proposal, to type on.
pub(super) fn keep(model: &mut Model) {
    if let InputMode::Jump { offered, .. } = &mut model.mode {
        *offered = false;
    }
}

/// Enter: digits are a process, anything else is a path.
pub(super) fn go(model: &mut Model) -> Vec<Effect> {
    let InputMode::Jump { text, .. } = std::mem::replace(&mut model.mode, InputMode::Browse) else {
        return Vec::new();
    };
    if let Ok(pid) = text.parse() {
        let mut effects = counting::stop(model);
        effects.push(Effect::ReadMountsOf { pid });
        return effects;
    }
    if text.is_empty() {
        model.notice = Some("enter an absolute path or a PID".into());
        return Vec::new();
    }
    // Below the directory shown, unless it begins with a slash.
    let path = match model.tree.place() {
        Some(place) => place.path.join(&text),
        None => Path::new("/").join(&text),
    };
    to(model, &path)
}

/// Shows a directory that was typed.
pub(super) fn to(model: &mut Model, path: &Path) -> Vec<Effect> {
    if path.components().any(|name| name == Component::ParentDir) {
        model.notice = Some("enter the path without ..".into());
        return Vec::new();
    }
    // Without slashes at the end or doubled ones.
    let mut effects = counting::stop(model);
    effects.extend(open(model, path.components().collect()));
    effects
}

/// Shows a directory as if entered from its mount down. It is reached by what is cached alone.
pub(super) fn open(model: &mut Model, path: PathBuf) -> Vec<Effect> {
    model.screen = Screen::Tree;
    if let Some(why) = super::off(model, Action::Recount) {
        model.notice = Some(why);
        return vec![Effect::ReadMounts];
    }
    let pid = root_of_process(&path).and_then(|(root, _)| pid_of_root(root));
    let listed = model.tree.namespace.as_ref().map(|of| of.pid);
    if model.tree.mounts.is_none() || pid != listed {
        model.tree.opening = Some(path);
        return vec![match pid {
            Some(pid) => Effect::ReadMountsOf { pid },
            None => Effect::ReadMounts,
        }];
    }
    let Some(mount) = Mount::of(model.tree.mounts(), &path).cloned() else {
        return Vec::new();
    };
    let mut above: Vec<&Path> = path
        .ancestors()
        .take_while(|above| above.starts_with(&mount.point))
        .collect();
    above.reverse();
    let places = above.into_iter();
    let stack = places.map(|path| Place::new(path.into(), mount.clone()));
    let stack = std::mem::replace(&mut model.tree.stack, stack.collect());
    model.tree.left = Some(Left {
        stack,
        mount: model.tree.mount.replace(mount.point),
        to: path,
    });
    counting::recount(model)
}

/// Shows the mounts of a process; if there are none, the view stays.
pub(super) fn to_process(
    model: &mut Model,
    pid: u32,
    result: Result<(String, Vec<Mount>), SourceError>,
) -> Vec<Effect> {
    match result {
        Ok((name, mounts)) => {
            let fresh = model.tree.namespace.as_ref().map(|of| of.pid) != Some(pid);
            model.tree.namespace = Some(Namespace { pid, name });
            model.tree.mounts = Some(Ok(mounts.into()));
            if fresh {
                model.tree.stack.clear();
                model.tree.mount = None;
            }
            opening(model)
        }
        Err(error) => {
            model.tree.opening = None;
            model.notice = Some(format!("no mounts of process {pid}: {error}"));
            match model.tree.mounts {
                None => vec![Effect::ReadMounts],
                Some(_) => Vec::new(),
            }
        }
    }
}

/// Enters the directory that waited for the mounts.
pub(super) fn opening(model: &mut Model) -> Vec<Effect> {
    match model.tree.opening.take() {
        Some(path) => open(model, path),
        None => Vec::new(),
    }
}

/// If the path of a jump is no directory: shows the former view again, with the reason.
pub(super) fn refused(model: &mut Model, error: &LookError) -> Option<Vec<Effect>> {
    let missing = match error {
        LookError::Open { source, .. } => source.kind() == ErrorKind::NotFound,
        LookError::NoDirectory(_) | LookError::Link(..) => true,
        _ => false,
    };
    let shown = model.tree.place()?.path.clone();
    let left = model
        .tree
        .left
        .take_if(|left| missing && left.to == shown)?;
    (model.tree.stack, model.tree.mount) = (left.stack, left.mount);
    model.notice = Some(match error {
        LookError::Open { path, .. } => {
            format!("{}: no such directory", printable(path))
        }
        error => error.to_string(),
    });
    let unfinished =
        |place: &&Place| matches!(place.state, State::Counting { .. } | State::Uncounted);
    match model.tree.place().filter(unfinished) {
        Some(_) => Some(counting::recount(model)),
        None => Some(Vec::new()),
    }
}
