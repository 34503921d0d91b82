//! `slabscope hotspots`: the directories that directly hold the most, over all filesystems.

use std::io::Write;

use serde::Serialize;

use super::census::Figures;
use super::table::{Align, Table};
use super::walks::Interrupt;
use super::{Context, Exit, Failure, Run};
use crate::base::json::{self, Name};
use crate::base::shell::quoted;
use crate::base::text::{bytes, count, printable};
use crate::cache::hotspots::{Heat, Hotspots, HotspotsError, hotspots};
use crate::kernel::source::Kernel;
use crate::ui::model::Sizes;

/// Find the directories that directly hold the most negative dentries, on all filesystems
///
/// Each filesystem on disk is counted once, and one on a network if what is cached leads to it;
/// those in memory and the kernel's own are left out. Nothing in a filesystem is looked up; the path
/// to one on disk is, if it is not cached.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show at most this many directories
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Sort key
    #[arg(long, value_name = "KEY", default_value = "negative")]
    sort: Heat,

    /// Also look up uncached paths on network filesystems
    #[arg(long)]
    lookup: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    complete: bool,
    /// `module` or `bpf`.
    reader: &'static str,
    took_ns: u64,
    filesystems: Vec<Filesystem<'a>>,
    directories: Vec<Directory<'a>>,
}

#[derive(Serialize)]
struct Filesystem<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    #[serde(flatten)]
    kind: Name<'a>,
    complete: bool,
    /// None: not counted.
    dentries: Option<u64>,
    negative: Option<u64>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Directory<'a> {
    #[serde(flatten)]
    path: Name<'a>,
    /// Something else is mounted over it: the path does not lead to it.
    hidden: bool,
    /// Directory below which a prune includes this one.
    reached_by_pruning: Option<Name<'a>>,
    own: Figures,
    below: Figures,
}

impl From<HotspotsError> for Failure {
    fn from(error: HotspotsError) -> Self {
        match error {
            HotspotsError::Mounts(error) => Self::new(Exit::Failed, error),
            HotspotsError::Module(error) => error.into(),
        }
    }
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        context.live("hotspots")?;
        let interrupt = Interrupt::catch()?;
        let mut kernel = Kernel::new(&context.root);
        let mut found = hotspots(&mut kernel, self.lookup, &mut |_| interrupt.flow())?;
        found.sort(self.sort);
        let left_out = cut(&mut found, self.sort, self.limit);
        if self.json {
            json::write(out, "slabscope.hotspots/2", &document(&found))?;
        } else {
            tell(&found, out)?;
        }
        if left_out > 0 {
            // Of those that hold less than all these nothing is kept.
            super::left_out(format_args!("at least {left_out} directories"));
        }
        let ended = interrupt.flow().is_break() || !found.complete();
        Ok(if ended { Exit::Partial } else { Exit::Ok })
    }
}

/// Keeps the first `limit` of those that hold something, and counts the others that do.
fn cut(found: &mut Hotspots, sort: Heat, limit: usize) -> usize {
    found.rows.truncate(found.above_zero(sort));
    let left_out = found.rows.len().saturating_sub(limit);
    found.rows.truncate(limit);
    left_out
}

fn tell(found: &Hotspots, out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new(&[
        ("NEGATIVE", Align::Right),
        ("FREEABLE", Align::Right),
        ("NEG. SUBTREE", Align::Right),
        ("DIRECTORY", Align::Left),
    ]);
    for row in &found.rows {
        let back = found
            .dentry_size
            .map(|size| bytes(Heat::Freeable.of(&row.own, Some(size))));
        let hidden = row.hidden_below.as_ref().map_or_else(String::new, |above| {
            format!(
                " (hidden by a mount; reached by slabscope prune {})",
                quoted(above)
            )
        });
        table.row([
            count(row.own.negative),
            back.unwrap_or("-".into()),
            count(row.below.negative),
            printable(&row.path) + &hidden,
        ]);
    }
    table.write(out)?;
    for filesystem in &found.filesystems {
        let point = printable(&filesystem.mount.point);
        match filesystem.error() {
            None if filesystem.complete => {}
            None => writeln!(out, "{point}: counted in part")?,
            Some(error) => writeln!(out, "not counted: {error}")?,
        }
    }
    Ok(())
}

fn document(found: &Hotspots) -> Document<'_> {
    let sizes = Sizes {
        dentry: found.dentry_size,
        ..Sizes::default()
    };
    let filesystems = found.filesystems.iter().map(|filesystem| {
        let counted = filesystem.result.as_ref().ok();
        Filesystem {
            path: Name::keyed("path", &filesystem.mount.point),
            kind: Name::keyed("type", &*filesystem.mount.fs),
            complete: filesystem.complete,
            dentries: counted.map(|counters| counters.total),
            negative: counted.map(|counters| counters.negative),
            error: filesystem.error(),
        }
    });
    let directories = found.rows.iter().map(|row| Directory {
        path: Name::keyed("path", &row.path),
        hidden: row.hidden_below.is_some(),
        reached_by_pruning: row
            .hidden_below
            .as_ref()
            .map(|above| Name::keyed("path", above)),
        own: Figures::new(&row.own, sizes, found.reader),
        below: Figures::new(&row.below, sizes, found.reader),
    });
    Document {
        complete: found.complete(),
        reader: found.reader.name(),
        took_ns: u64::try_from(found.took.as_nanos()).unwrap_or(u64::MAX),
        filesystems: filesystems.collect(),
        directories: directories.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::hotspots::{Counted, Hotspot};
    use crate::kernel::session::{Counters, SessionError};
    use crate::kernel::source::Mount;
    use crate::kernel::target::LookError;

    fn found() -> Hotspots {
        let counters = |negative| Counters {
            total: negative + 1,
            negative,
            prunable: negative,
            ..Counters::default()
        };
        let row = |path: &str, own, below| Hotspot {
            path: path.into(),
            own: counters(own),
            below: counters(below),
            hidden_below: path.ends_with('h').then(|| "/a".into()),
        };
        let mount = |point: &str, fs: &str| Mount {
            point: point.into(),
            fs: fs.into(),
            ..Mount::default()
        };
        let rows = vec![
            row("/a", 1_000, 2_000_000),
            row("/a/h", 1_999_000, 1_999_000),
        ];
        let filesystems = vec![
            Counted {
                mount: mount("/", "ext4"),
                result: Ok(counters(2_000_000)),
                complete: true,
            },
            Counted {
                mount: mount("/net", "nfs"),
                result: Err(LookError::NoDirectory("/net".into())),
                complete: false,
            },
        ];
        Hotspots::new(rows, filesystems, Some(192), Duration::from_nanos(5))
    }

    #[test]
    fn table_is_printed() {
        let mut out = Vec::new();
        tell(&found(), &mut out).unwrap();
        let expected = "\x20NEGATIVE FREEABLE NEG. SUBTREE DIRECTORY
1,999,000  366 MiB    1,999,000 /a/h (hidden by a mount; reached by slabscope prune /a)
    1,000  188 KiB    2,000,000 /a
not counted: /net: not a directory
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn directories_beyond_the_limit_are_counted() {
        let cut = |limit| {
            let mut found = found();
            (cut(&mut found, Heat::Negative, limit), found.rows.len())
        };
        assert_eq!(cut(1), (1, 1));
        assert_eq!(cut(2), (0, 2));
    }

    #[test]
    fn error_names_its_filesystem_once_and_is_escaped_once() {
        let mut found = found();
        let failed = |found: &mut Hotspots, result| {
            found.filesystems[1].result = Err(result);
            let mut out = Vec::new();
            tell(found, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            text.lines().last().unwrap().to_owned()
        };
        let malformed = SessionError::Malformed("too short").into();
        assert_eq!(
            failed(&mut found, malformed),
            "not counted: /net: the module sent a record that is not of its ABI: too short"
        );
        let odd = LookError::NoDirectory("/n\u{1b}".into());
        assert_eq!(
            failed(&mut found, odd),
            "not counted: /n\\u{1b}: not a directory"
        );
    }

    #[test]
    fn document_is_complete() {
        let json = serde_json::to_value(document(&found())).unwrap();
        assert_eq!(json["complete"], false);
        assert_eq!(json["filesystems"][0]["dentries"], 2_000_001);
        assert_eq!(json["filesystems"][1]["type"], "nfs");
        assert_eq!(json["filesystems"][1]["dentries"], serde_json::Value::Null);
        assert_eq!(json["filesystems"][1]["error"], "/net: not a directory");
        let first = &json["directories"][0];
        assert_eq!(
            (&first["path"], &first["hidden"]),
            (&"/a/h".into(), &true.into())
        );
        assert_eq!(first["reached_by_pruning"]["path"], "/a");
        assert_eq!(first["own"]["negative"], 1_999_000);
        assert_eq!(first["own"]["freeable_bytes"], 1_999_000 * 192);
        assert_eq!(json["directories"][1]["below"]["negative"], 2_000_000);
    }
}
