//! The pages agree with the program: the keys with its table of keys, the commands with its
//! arguments, and each call on a page parses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory, Parser};
use slabscope::cli::Cli;
use slabscope::ui::keymap::{BINDINGS, Binding, Scope, label};

/// Text above the part of a page that a test writes.
const MARK: &str = "<!-- From here on written by tests/docs.rs. -->\n";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Compares the text below the mark, or writes it, as insta does its snapshots.
fn assert_page(name: &str, made: &str) {
    let path = workspace().join("docs/user").join(name);
    let page = fs::read_to_string(&path).unwrap();
    let (head, below) = page.split_once(MARK).unwrap();
    if below == made {
        return;
    }
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&path, format!("{head}{MARK}{made}")).unwrap();
        return;
    }
    let line = below
        .lines()
        .zip(made.lines())
        .find(|(is, to_be)| is != to_be);
    panic!(
        "docs/user/{name} is not what the program has, first at {line:?}: \
         INSTA_UPDATE=always cargo test -p slabscope --test docs"
    );
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn keys(binding: &Binding) -> String {
    let keys = binding.keys.iter().map(|&key| format!("`{}`", label(key)));
    cell(&keys.collect::<Vec<_>>().join(" "))
}

/// The bindings of a scope, except those without words.
fn key_table(page: &mut String, scope: Scope) {
    let worded = |b: &&Binding| b.scope == scope && !(b.help.is_empty() && b.hint.is_empty());
    let mut bindings = BINDINGS.iter().filter(worded).peekable();
    if bindings.peek().is_none() {
        return;
    }
    writeln!(page, "\n## {}\n", scope.words()).unwrap();
    writeln!(
        page,
        "| key | what it does | in config.toml |\n| --- | --- | --- |"
    )
    .unwrap();
    for binding in bindings {
        let what = match binding.help {
            "" => binding.hint,
            help => help,
        };
        let name = match binding.name {
            "" => String::new(),
            name => format!("`{name}`"),
        };
        writeln!(page, "| {} | {} | {name} |", keys(binding), cell(what)).unwrap();
    }
}

#[test]
fn keys_page_is_the_table_of_keys() {
    let mut page = String::new();
    let mut done = vec![];
    let first = [Scope::Everywhere, Scope::Lists];
    for scope in first.into_iter().chain(BINDINGS.iter().map(|b| b.scope)) {
        if !done.contains(&scope) {
            key_table(&mut page, scope);
            done.push(scope);
        }
    }
    assert_page("keys.md", &page);
}

/// An argument as an entry of a list.
fn argument(page: &mut String, arg: &Arg) {
    let short = arg.get_short().map(|short| format!("`-{short}`, "));
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    write!(page, "- {}`{arg}`: {help}", short.unwrap_or_default()).unwrap();
    let values = arg.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    if !arg.is_hide_default_value_set() && !values.is_empty() && arg.get_action().takes_values() {
        write!(page, " (default: `{}`)", values.join(" ")).unwrap();
    }
    page.push('\n');
    for value in arg
        .get_possible_values()
        .iter()
        .filter(|v| !v.is_hide_set())
    {
        if arg.get_action().takes_values() {
            let help = value.get_help().map(|help| format!(": {help}"));
            writeln!(
                page,
                "  - `{}`{}",
                value.get_name(),
                help.unwrap_or_default()
            )
            .unwrap();
        }
    }
}

/// A command, and those below it.
fn command(page: &mut String, command: &clap::Command, path: &str, top: bool) {
    let about = command.get_long_about().or(command.get_about()).unwrap();
    writeln!(page, "\n## {path}\n\n{about}\n").unwrap();
    let shown = |arg: &&Arg| {
        !arg.is_hide_set()
            && (top || !arg.is_global_set())
            && !["help", "version"].contains(&arg.get_id().as_str())
    };
    for arg in command.get_arguments().filter(shown) {
        argument(page, arg);
    }
    for below in command.get_subcommands() {
        if below.get_name() != "help" {
            self::command(page, below, &format!("{path} {}", below.get_name()), false);
        }
    }
}

#[test]
fn command_page_is_the_help() {
    let mut all = Cli::command();
    all.build();
    let mut page = String::new();
    command(&mut page, &all, "slabscope", true);
    assert_page("cli.md", &page);
}

/// Every page, README.md first.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![workspace().join("README.md")];
    let all = walkdir::WalkDir::new(workspace().join("docs")).sort_by_file_name();
    let found = all.into_iter().map(|entry| entry.unwrap().into_path());
    pages.extend(found.filter(|path| path.extension().is_some_and(|e| e == "md")));
    pages
}

/// The lines of a page that call the program, each as its arguments.
fn calls(page: &str) -> impl Iterator<Item = Vec<String>> {
    let code = page.lines().filter_map(|line| line.strip_prefix("    "));
    let said = code.map(|line| line.split(" #").next().unwrap_or_default());
    let lines = said.flat_map(|line| line.split("; ").map(str::to_owned).collect::<Vec<_>>());
    lines.filter_map(|line| {
        let line = line.trim().trim_start_matches("sudo ").to_owned();
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        words
            .first()
            .is_some_and(|word| word == "slabscope")
            .then_some(words)
    })
}

#[test]
fn every_call_on_a_page_is_understood() {
    let mut understood = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for words in calls(&page) {
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{}: {words:?}: {error}", path.display());
            }
            understood += 1;
        }
    }
    assert!(understood > 20, "{understood}");
}

#[test]
fn readme_is_short_and_shows_first_how_to_try_and_to_test() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 80);
    let mut commands = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let mut next = || commands.next().unwrap().split(" #").next().unwrap().trim();
    assert_eq!((next(), next()), ("cargo lab", "tests/run"));
}

/// Phrases that a reader has to guess at; docs/internals/glossary.md has the words instead.
const BANNED: [&str; 6] = [
    "so many",
    "whoever",
    "comes back",
    "comes-back",
    "let go",
    "told",
];

/// The first banned phrase in a text, as a word of its own.
fn banned(text: &str) -> Option<&'static str> {
    let words = text.to_lowercase();
    let words: Vec<_> = words
        .split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)))
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_end_matches('.'))
        .collect();
    let text = format!(" {} ", words.join(" "));
    let mut phrases = BANNED.into_iter();
    phrases.find(|phrase| text.contains(&format!(" {phrase} ")))
}

fn help(command: &mut clap::Command, each: &mut dyn FnMut(&str, String)) {
    let name = command.get_name().to_owned();
    each(&name, command.render_long_help().to_string());
    each(&name, command.render_help().to_string());
    for below in command.get_subcommands_mut() {
        help(below, each);
    }
}

#[test]
fn help_screens_and_pages_have_no_banned_phrase() {
    assert_eq!(banned("until it comes\n  back."), Some("comes back"));
    assert_eq!(banned("a.rs, told.rs"), None, "the name of a file");
    let mut all = Cli::command();
    all.build();
    help(&mut all, &mut |name, text| {
        assert_eq!(
            banned(&text),
            None,
            "{name}: do not write that, see glossary.md: {text}"
        )
    });
    let snapshots = walkdir::WalkDir::new(workspace().join("tests/snapshots"));
    let snapshots = snapshots
        .into_iter()
        .map(|entry| entry.unwrap().into_path());
    // CHANGELOG.md may name former words.
    let front = ["CONTRIBUTING.md", "SECURITY.md"].map(|name| workspace().join(name));
    let texts = snapshots.filter(|path| path.extension().is_some_and(|e| e == "snap"));
    for path in texts.chain(pages()).chain(front) {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.display();
        assert_eq!(
            banned(&text),
            None,
            "{path}: do not write that, see glossary.md"
        );
    }
}
