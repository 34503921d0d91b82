//! What can be reached by typing a part of its name: the actions of the screen shown, directories,
//! processes, cgroups and slab caches. Nothing is looked up to complete a path: what the program
//! has shown already completes it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::text::printable;
use crate::kernel::source::{Cache, CacheId};
use crate::ui::keymap::Action;
use crate::ui::keys_now::{is_offered, scopes_in};
use crate::ui::model::Model;

/// Where a line leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The action of a key.
    Act(Action),
    /// A directory, in the tree.
    Directory(PathBuf),
    /// The mounts of the process of this number.
    Process(u32),
    /// A cgroup, by its path below the hierarchy.
    Cgroup(PathBuf),
    /// A slab cache.
    Cache(CacheId),
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The text that completes what is typed.
    pub text: String,
    /// What it is, or does.
    pub words: String,
    /// The key that does the same; empty: there is none.
    pub key: String,
    /// Where it leads to.
    pub goal: Goal,
}

/// Lines of a kind that are kept: more are of no use before more is typed.
const MOST: usize = 100;

/// The lines for a text, the best match first.
pub fn choices(model: &Model, text: &str) -> Vec<Choice> {
    let typed = text.trim();
    let mut all = Vec::new();
    if let Ok(pid) = typed.parse() {
        all.push(choice(
            typed,
            "the mounts of this process",
            Goal::Process(pid),
        ));
    }
    if typed.starts_with('/') {
        all.extend(directories(model, typed));
    } else {
        all.extend(actions(model, typed));
    }
    if !typed.is_empty() {
        all.extend(caches(model, typed));
        all.extend(cgroups(model, typed));
    }
    all
}

fn choice(text: impl Into<String>, words: impl Into<String>, goal: Goal) -> Choice {
    Choice {
        text: text.into(),
        words: words.into(),
        key: String::new(),
        goal,
    }
}

/// Those with the text at the beginning first; without case.
fn ranked(typed: &str, mut all: Vec<Choice>) -> Vec<Choice> {
    let typed = typed.to_lowercase();
    let at = |choice: &Choice| choice.text.to_lowercase().find(&typed);
    let in_words = |choice: &Choice| choice.words.to_lowercase().contains(&typed);
    all.retain(|choice| at(choice).is_some() || in_words(choice));
    all.sort_by_key(|choice| match at(choice) {
        Some(0) => 0,
        Some(_) => 1,
        None => 2,
    });
    all.truncate(MOST);
    all
}

/// The actions that have a name on the screen shown; moving is not worth typing.
fn actions(model: &Model, typed: &str) -> Vec<Choice> {
    let mut all: Vec<Choice> = Vec::new();
    for &scope in scopes_in(model, &model.below()) {
        let bindings = model.keymap.all().filter(|b| b.scope == scope);
        let worth = bindings.filter(|b| !b.name.is_empty() && !b.help.is_empty());
        for binding in worth.filter(|binding| is_offered(model, binding)) {
            let action = binding.action;
            let goal = Goal::Act(action);
            let moves = matches!(action, Action::Move(_) | Action::Page(_) | Action::Palette);
            if moves || all.iter().any(|choice| choice.text == binding.name) {
                continue;
            }
            let key = binding.label();
            all.push(Choice {
                key,
                ..choice(binding.name, binding.help, goal)
            });
        }
    }
    ranked(typed, all)
}

/// The path as it is typed, and the directories that begin with it.
fn directories(model: &Model, typed: &str) -> Vec<Choice> {
    let mut known = BTreeSet::new();
    known.extend(model.tree.mounts().iter().map(|mount| mount.point.clone()));
    for place in &model.tree.stack {
        let rows = place.rows().iter().filter(|row| !row.name.is_empty());
        known.extend(rows.map(|row| place.path.join(&row.name)));
        known.insert(place.path.clone());
    }
    known.extend(model.hotspots.rows().iter().map(|row| row.path.clone()));
    let path = |text: String, path| choice(text, "directory, in the tree", Goal::Directory(path));
    let known = known.into_iter().map(|known| (printable(&known), known));
    let begins = known.filter(|(text, _)| text.starts_with(typed) && text != typed);
    let begins = begins.map(|(text, known)| path(text, known)).take(MOST);
    let own = path(typed.to_owned(), PathBuf::from(typed));
    std::iter::once(own).chain(begins).collect()
}

fn caches(model: &Model, typed: &str) -> Vec<Choice> {
    let shown = model.shown.as_ref();
    let caches = shown.and_then(|shown| shown.sample.caches.as_deref().ok());
    let caches = caches.unwrap_or_default().iter();
    let of = |cache: &Cache| {
        choice(
            printable(&cache.name),
            "slab cache",
            Goal::Cache(cache.id()),
        )
    };
    ranked(typed, caches.map(of).collect())
}

fn cgroups(model: &Model, typed: &str) -> Vec<Choice> {
    let rows = model.cgroups.rows.iter();
    let choices = rows.map(|row| {
        let cgroup = &row.cgroup;
        let goal = Goal::Cgroup(cgroup.path.clone());
        choice(printable(cgroup.full()), "cgroup", goal)
    });
    ranked(typed, choices.collect())
}
