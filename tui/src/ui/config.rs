//! The user's configuration: config.toml, for the screen. The other commands do not read it, so
//! that scripts do the same for every user; but `prune` follows its settings on acting, too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crossterm::event::KeyCode;
use serde::de::{Deserialize, Deserializer, Error};

use crate::base::trusted;
use crate::base::xdg;
use crate::reclaim::audit;
use crate::ui::columns::Column;
use crate::ui::keymap::{self, Keymap};
use crate::ui::look::Theme;

const DEFAULT: &str = r#"# slabscope reads this from $XDG_CONFIG_HOME/slabscope/config.toml, else from
# ~/.config/slabscope/config.toml. What stands here is what holds without it.

# Seconds between two samples, from 0.1 to 3600.
interval = 1.0

# "dark", "light", "high-contrast", "none", or "auto": follows NO_COLOR and TERM.
theme = "auto"

# Columns of the slab table, shown as far as there is room; none: the program's choice. There are
# "objects", "active", "use", "object-size", "objects-per-slab", "pages-per-slab", "active-slabs",
# "slabs", "size", "share", "idle", "change", "growth", "history", "since-mark", "bytes-since-mark".
columns = []

# The column that the slab table is sorted by at the start, and whether in reverse.
sort = "size"
reverse = false

# The mouse: a click selects and sorts; marking text in the terminal then needs Shift.
mouse = true

# Only look, as with --read-only: nothing is pruned or shrunk. `slabscope prune` obeys it too. With
# sudo root's file is read, usually /root/.config/slabscope/config.toml: set it there.
read-only = false

# Where a line of JSON is appended for each prune and each shrink, those of `slabscope prune` too:
# a file by its path from the root, "none", or "auto": $XDG_STATE_HOME/slabscope/audit.jsonl, else
# ~/.local/state/slabscope/audit.jsonl. What cannot be recorded does not run.
audit = "auto"

# Other keys than these: one, or a list, [] for none. A key is a character, "Ctrl-A" to "Ctrl-Z",
# "F1" to "F12", or as the help shows it. Esc, and the keys of a plan, stay as they are.
[keys]
"#;

/// The configuration that holds without a file, with every key explained.
pub fn default_text() -> String {
    let mut text = DEFAULT.to_owned();
    for binding in keymap::configurable() {
        let names: Vec<_> = binding.keys.iter().map(|&key| keymap::label(key)).collect();
        let keys = match &names[..] {
            [name] => format!("{name:?}"),
            names => format!("{names:?}"),
        };
        text += &format!("{:21} = {keys:23} # {}\n", binding.name, binding.help);
    }
    text
}

/// Bytes of the file: a hundred times the default's.
const MOST_BYTES: u64 = 1 << 20;

/// The keys of the file.
const KEYS: [&str; 9] = [
    "interval",
    "theme",
    "columns",
    "sort",
    "reverse",
    "mouse",
    "read-only",
    "audit",
    "keys",
];

/// A configuration.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Time between two samples.
    #[serde(deserialize_with = "interval")]
    pub interval: Duration,
    /// None: decided by the environment.
    #[serde(deserialize_with = "theme")]
    pub theme: Option<Theme>,
    /// None: as many as there is room for.
    #[serde(deserialize_with = "columns")]
    pub columns: Vec<Column>,
    /// Initial sort key of the slab table.
    #[serde(deserialize_with = "word")]
    pub sort: Column,
    /// The column's natural order is reversed.
    pub reverse: bool,
    /// Whether the program takes the mouse.
    pub mouse: bool,
    /// No action is allowed.
    #[serde(rename = "read-only")]
    pub read_only: bool,
    /// Destination of the record.
    #[serde(deserialize_with = "word")]
    pub audit: audit::Setting,
    /// Keys and their actions by scope.
    #[serde(deserialize_with = "keys")]
    pub keys: Keymap,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            theme: None,
            columns: Vec::new(),
            sort: Column::Size,
            reverse: false,
            mouse: true,
            read_only: false,
            audit: audit::Setting::Auto,
            keys: Keymap::default(),
        }
    }
}

/// What keys change of the configuration while the program runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Time between two samples.
    pub interval: Duration,
    /// The colours.
    pub theme: Theme,
    /// Columns of the slab table; empty: as many as there is room for.
    pub columns: Vec<Column>,
    /// Sort key of the slab table.
    pub sort: Column,
    /// The column's natural order is reversed.
    pub reverse: bool,
    /// Whether the program takes the mouse; None: the terminal has none.
    pub mouse: Option<bool>,
}

impl Kept {
    /// The keys of the file that differ from `before`, with their values there.
    pub fn changes(&self, before: &Self) -> Vec<(&'static str, String)> {
        let names: Vec<_> = self.columns.iter().map(Column::to_string).collect();
        let pairs = [
            (
                self.interval != before.interval,
                "interval",
                format!("{:?}", self.interval.as_secs_f64()),
            ),
            (
                self.theme != before.theme,
                "theme",
                format!("{:?}", self.theme.to_string()),
            ),
            (
                self.columns != before.columns,
                "columns",
                format!("{names:?}"),
            ),
            (
                self.sort != before.sort,
                "sort",
                format!("{:?}", self.sort.to_string()),
            ),
            (
                self.reverse != before.reverse,
                "reverse",
                self.reverse.to_string(),
            ),
            (
                self.mouse != before.mouse,
                "mouse",
                self.mouse.unwrap_or(true).to_string(),
            ),
        ];
        let changed = pairs.into_iter().filter(|(changed, ..)| *changed);
        changed.map(|(_, key, value)| (key, value)).collect()
    }
}

/// The text of a file with these values; all else in it stays, comments too. Fails if the text is
/// no configuration, before or after.
fn with(text: &str, changes: &[(&str, String)]) -> Result<String, String> {
    text.parse::<Config>()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, value) in changes {
        let tables = lines.iter().position(|line| line.starts_with('['));
        let top = tables.unwrap_or(lines.len());
        let of_key = |line: &String| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let line = format!("{key} = {value}");
        match lines[..top].iter().position(of_key) {
            Some(at) => lines[at] = line,
            None => lines.insert(top, line),
        }
    }
    let text = lines.join("\n") + "\n";
    // A value over several lines is not replaced line by line.
    let what = "a value stands on several lines: change the file by hand";
    text.parse::<Config>().map_err(|_| what.to_owned())?;
    Ok(text)
}

/// Writes the values into the file, which is made if need be; returns its path.
pub fn save(changes: &[(&str, String)]) -> Result<PathBuf, String> {
    let path = Config::path(|name| std::env::var_os(name));
    let path = path.ok_or("neither XDG_CONFIG_HOME nor HOME is set")?;
    let failed = |error: io::Error| {
        let path = crate::base::text::printable(&path);
        format!("{path}: {}", crate::base::text::reason(&error))
    };
    let text = match trusted::read(&path, MOST_BYTES) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "config.toml is not UTF-8".to_owned())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let text = with(&text, changes)?;
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("no file to write to".into());
    };
    let dir = trusted::directory(above, true).map_err(failed)?;
    let new = trusted::NewFile::create(dir, name).map_err(|errno| failed(errno.into()))?;
    (&new.file).write_all(text.as_bytes()).map_err(failed)?;
    new.file.sync_all().map_err(failed)?;
    new.replace(name).map_err(|errno| failed(errno.into()))?;
    Ok(path)
}

/// An invalid configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", crate::base::text::printable(path))]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line and what is wrong with it.
    pub what: String,
    /// The file exists, and the user may not read it.
    pub denied: bool,
}

impl Config {
    /// Path of the file: `variable` looks up XDG_CONFIG_HOME and HOME.
    pub fn path(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let directory = xdg::directory(variable, "XDG_CONFIG_HOME", ".config")?;
        Some(directory.join("slabscope/config.toml"))
    }

    /// The configuration of that file; without one, the default.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |what| ConfigError {
            path: path.into(),
            what,
            denied: false,
        };
        match trusted::read(path, MOST_BYTES) {
            Ok(bytes) => match str::from_utf8(&bytes) {
                Ok(text) => text.parse().map_err(failed),
                Err(error) => {
                    let before = &bytes[..error.valid_up_to()];
                    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
                    Err(failed(format!("line {line}: not UTF-8")))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            // It may forbid all actions, so it is not ignored.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(ConfigError {
                denied: true,
                ..failed(format!(
                    "{}: is HOME another user's? Set it, or use sudo",
                    crate::base::text::reason(&error)
                ))
            }),
            // A file that another user may have written is no configuration either.
            Err(error) => Err(failed(format!(
                "{}. It may set read-only, so it is not ignored: fix \
                 that, use sudo -H, or set XDG_CONFIG_HOME",
                crate::base::text::reason(&error)
            ))),
        }
    }

    /// The configuration by this process's environment.
    pub fn load() -> Result<Self, ConfigError> {
        match Self::path(|name| std::env::var_os(name)) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }
}

impl FromStr for Config {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let line = 1 + text[..span.start].matches('\n').count();
            let message = if error.message().starts_with("unknown field") {
                let key = crate::base::text::printable(&text[span]);
                let nearest = nearest(&key, KEYS);
                format!("no key is named {key}; the nearest is {nearest}")
            } else {
                error.message().to_owned()
            };
            format!("line {line}: {message}")
        })
    }
}

/// The name most similar to `name`.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> &'a str {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, name);
    names.into_iter().min_by_key(distance).unwrap_or_default()
}

fn word<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn columns<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Column>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let columns = names.iter().map(|name| name.parse());
    columns.collect::<Result<_, _>>().map_err(D::Error::custom)
}

fn theme<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Theme>, D::Error> {
    match String::deserialize(from)?.as_str() {
        "auto" => Ok(None),
        name => name.parse().map(Some).map_err(D::Error::custom),
    }
}

fn keys<'de, D: Deserializer<'de>>(from: D) -> Result<Keymap, D::Error> {
    let chosen = BTreeMap::<Name, Keys>::deserialize(from)?;
    let chosen = chosen.into_iter().map(|(name, keys)| (name.0, keys.0));
    Keymap::new(&chosen.collect()).map_err(D::Error::custom)
}

/// The name of a binding.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(&'static str);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut names = keymap::configurable().map(|binding| binding.name);
        names.find(|name| *name == text).map(Self).ok_or_else(|| {
            let names = keymap::configurable().map(|binding| binding.name);
            D::Error::custom(format!(
                "nothing with a key is named {}; the nearest is {}",
                crate::base::text::printable(&text),
                nearest(&text, names)
            ))
        })
    }
}

/// One key, or a list.
struct Keys(Vec<KeyCode>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let listed = match toml::Value::deserialize(from)? {
            toml::Value::Array(listed) => listed,
            one => vec![one],
        };
        let key = |value: toml::Value| match value.as_str() {
            Some(name) => keymap::key(name),
            None => Err(format!("{value} is not a key: a key stands in quotes")),
        };
        let keys = listed.into_iter().map(key).collect::<Result<_, _>>();
        keys.map(Self).map_err(D::Error::custom)
    }
}

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(from)?;
    crate::base::parse::interval(seconds).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_text_equals_the_defaults_without_a_file() {
        let text = default_text();
        assert_eq!(text.parse(), Ok(Config::default()));
        assert_eq!("".parse(), Ok(Config::default()));
        for key in KEYS {
            let there = [format!("\n{key} = "), format!("\n[{key}]\n")];
            assert!(there.iter().any(|line| text.contains(line)), "{key}");
        }
    }

    #[test]
    fn changed_settings_are_written_and_the_rest_of_the_file_stays() {
        let before = Kept {
            interval: Duration::from_secs(1),
            theme: Theme::Dark,
            columns: Vec::new(),
            sort: Column::Size,
            reverse: false,
            mouse: None,
        };
        assert_eq!(before.changes(&before), []);
        let now = Kept {
            interval: Duration::from_millis(500),
            theme: Theme::Light,
            columns: vec![Column::Size, Column::Use],
            ..before.clone()
        };
        let changes = now.changes(&before);
        let text = "# mine\ntheme = \"dark\" # by day\nmouse = false\n[keys]\nfreeze = \"F\"\n";
        let written = with(text, &changes).unwrap();
        assert_eq!(
            written,
            "# mine\ntheme = \"light\"\nmouse = false\ninterval = 0.5\n\
             columns = [\"size\", \"use\"]\n[keys]\nfreeze = \"F\"\n"
        );
        let config: Config = written.parse().unwrap();
        assert_eq!(config.interval, now.interval);
        assert_eq!(config.columns, now.columns);
        let all = with(&default_text(), &changes).unwrap();
        assert_eq!(all.parse::<Config>().unwrap().theme, Some(Theme::Light));
        assert!(with("", &changes).unwrap().parse::<Config>().is_ok());
        let several = with("columns = [\n\"size\",\n]\n", &changes).unwrap_err();
        assert!(several.contains("several lines"), "{several}");
        assert!(
            with("mouse = 1", &changes).is_err(),
            "it was no configuration"
        );
    }

    #[test]
    fn every_key_is_read() {
        let text = "interval = 2\ntheme = \"light\"\ncolumns = [\"size\", \"use\"]\nsort = \"growth\"\nreverse = true\nmouse = false\nread-only = true\naudit = \"/var/log/slabscope\"\n[keys]\nfreeze = \"F\"\nquit = [\"q\", \"Q\"]\nmark = []";
        let keys = [
            ("freeze", vec![KeyCode::Char('F')]),
            ("quit", vec![KeyCode::Char('q'), KeyCode::Char('Q')]),
            ("mark", vec![]),
        ];
        let config = Config {
            interval: Duration::from_secs(2),
            theme: Some(Theme::Light),
            columns: vec![Column::Size, Column::Use],
            sort: Column::Growth,
            reverse: true,
            mouse: false,
            read_only: true,
            audit: audit::Setting::File("/var/log/slabscope".into()),
            keys: Keymap::new(&keys.into()).unwrap(),
        };
        assert_eq!(text.parse(), Ok(config));
    }

    #[test]
    fn mistakes_are_reported_with_their_line() {
        for (text, what) in [
            (
                "\nintervall = 2",
                "line 2: no key is named intervall; the nearest is interval",
            ),
            (
                "mouse = true\ncolour = 1",
                "line 2: no key is named colour; the nearest is columns",
            ),
            (
                "[table]\na = 1",
                "line 1: no key is named table; the nearest is theme",
            ),
            (
                "[keys]\nup = \"k\"\nfreze = \"F\"",
                "line 3: nothing with a key is named freze; the nearest is freeze",
            ),
            (
                "[keys]\nprune = \"y\"",
                "line 2: nothing with a key is named prune; the nearest is tree",
            ),
            (
                "[keys]\nup = [\n\"K\",\n\"y\"]",
                "line 2: y carries out a plan, and can do nothing else",
            ),
            (
                "[keys]\nup = 1",
                "line 2: 1 is not a key: a key stands in quotes",
            ),
            (
                "mouse = true\n[keys]\nfreeze = \"m\"",
                "line 2: the key m has two meanings, mark and freeze, in: Slabs, with slabtop's sort keys",
            ),
            ("interval = 0", "line 1: not between 0.1 and 3600 seconds"),
            ("interval = nan", "line 1: not between 0.1 and 3600 seconds"),
        ] {
            assert_eq!(text.parse::<Config>(), Err(what.to_owned()), "{text}");
        }
        for (text, part) in [
            ("\n\nsort = \"x\"", "line 3: no column is named"),
            ("theme = \"pink\"", "line 1: "),
            ("columns = [\n\"x\"]", "line "),
            ("[keys]\nup = \"upp\"", "line 2: upp is not a key: "),
            ("[keys]\n\"\\u001b[2J\" = \"a\"", "line 2: nothing"),
            ("[keys]\nup = \"\\u001b\"", "line 2: "),
            ("mouse = 1", "line 1: invalid type"),
            ("mouse = ", "line 1: "),
            ("\u{1b}[2J = 1", "line 1: "),
        ] {
            let error = text.parse::<Config>().unwrap_err();
            assert!(
                error.starts_with(part) && !error.contains('\u{1b}'),
                "{error}"
            );
        }
    }

    #[test]
    fn path_follows_the_environment() {
        let path = |xdg: &str, home: &str| {
            Config::path(|name| match name {
                "XDG_CONFIG_HOME" if !xdg.is_empty() => Some(xdg.into()),
                "HOME" if !home.is_empty() => Some(home.into()),
                _ => None,
            })
        };
        assert_eq!(path("/c", "/h"), Some("/c/slabscope/config.toml".into()));
        assert_eq!(
            path("relative", "/h"),
            Some("/h/.config/slabscope/config.toml".into())
        );
        assert_eq!(path("", ""), None);
    }
}
