//! Going to a path, or to the mounts of a process, by typing it.

use std::path::{Component, Path, PathBuf};

use super::{Effect, tree};
use crate::keymap::Action;
use crate::model::{Mode, Model, Place, Screen};
use crate::prune::{pid_of_root, root_of_process};
use crate::source::Mount;

/// The path shown is the beginning of most paths that are typed.
pub(super) fn begin(model: &mut Model) {
    let text = match model.tree.place().and_then(|place| place.path.to_str()) {
        Some("/") | None => "/".into(),
        // What cannot be typed cannot be changed either.
        Some(path) if path.chars().any(char::is_control) => "/".into(),
        Some(path) => format!("{path}/"),
    };
    model.mode = Mode::Jump { text };
}

pub(super) fn typed(model: &mut Model, c: char) {
    if let Mode::Jump { text } = &mut model.mode {
        text.push(c);
    }
}

pub(super) fn erase(model: &mut Model, all: bool) {
    if let Mode::Jump { text } = &mut model.mode {
        if all {
            text.clear();
        }
        text.pop();
    }
}

/// Enter: digits are a process, all else is a path.
pub(super) fn go(model: &mut Model) -> Vec<Effect> {
    let Mode::Jump { text } = std::mem::replace(&mut model.mode, Mode::Browse) else {
        return Vec::new();
    };
    if let Ok(pid) = text.parse() {
        let mut effects = tree::stop(model);
        effects.push(Effect::ReadMountsOf { pid });
        return effects;
    }
    let path = PathBuf::from(&text);
    if !path.is_absolute() {
        model.notice = Some("a path from / on, or the number of a process".into());
        return Vec::new();
    }
    if path.components().any(|name| name == Component::ParentDir) {
        model.notice = Some("name the directory without ..".into());
        return Vec::new();
    }
    // Without a slash at the end or twice.
    let mut effects = tree::stop(model);
    effects.extend(open(model, path.components().collect()));
    effects
}

/// Shows a directory as if walked into from its mount down. It is reached by what is cached alone.
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
    model.tree.mount = Some(mount.point.clone());
    model.tree.stack = above
        .into_iter()
        .map(|path| Place::new(path.into(), mount.clone()))
        .collect();
    tree::recount(model)
}
