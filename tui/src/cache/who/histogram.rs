//! The text of an event's `hist` file (kernel/trace/trace_events_hist.c: `hist_trigger_show()`,
//! Linux 7.3).
//!
//! Names in it are as the process or the directory has them, unescaped, and may hold newlines and
//! braces: a process's name has a fixed width, and a directory's ends where a whole entry follows.
//! A directory can be named so that it holds such an entry itself: then there are more of them than
//! the kernel counts, and the names are not believed. (The counts of who made what use no names of
//! directories: see `who::events`.)

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The keys of an event, and how often it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name of the thread when it was first counted.
    pub comm: OsString,
    /// Number of the thread.
    pub tid: u32,
    /// Device number of the superblock, in the kernel's encoding.
    pub dev: Option<u64>,
    /// Inode number of the directory, as the kernel keeps it.
    pub ino: Option<u64>,
    /// Sum of that inode's generation over the events.
    pub generations: Option<u64>,
    /// Events of names that have a file.
    pub there: Option<u64>,
    /// Name of the directory.
    pub dir: Option<OsString>,
    /// Events.
    pub hits: u64,
    /// Bytes that they allocated.
    pub bytes: u64,
}

impl Entry {
    /// The generation of the directory's inode. While events go on, the sum may be of a few more of
    /// them than the count (kernel/trace/trace_events_hist.c: `hist_trigger_elt_update()`).
    pub fn generation(&self) -> Option<u64> {
        const MORE: u64 = 16;
        let sum = self.generations?;
        let events =
            (self.hits..self.hits + MORE).find(|events| sum.is_multiple_of((*events).max(1)));
        Some(sum / events?.max(1))
    }
}

/// All entries of a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// In the kernel's order.
    pub entries: Vec<Entry>,
    /// Events that are counted.
    pub hits: u64,
    /// Events that are not: there was no room for another entry.
    pub dropped: u64,
}

/// Text that is not as the kernel writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// In an entry.
    #[error("entry {0}: {1}")]
    Entry(usize, &'static str),
    /// The figures at the end are missing.
    #[error("it has no totals")]
    Totals,
    /// There are more entries, or fewer, than the kernel counts.
    #[error("{found} entries where the kernel counts {counted}: a name imitates them")]
    Entries {
        /// In the text.
        found: usize,
        /// By the kernel.
        counted: u64,
    },
}

const TOTALS: &[u8] = b"\nTotals:\n";
const BEGIN: &[u8] = b"{ ";

/// Text to entries. What stands before the first of them is a comment.
pub fn parse(text: &[u8]) -> Result<Histogram, Malformed> {
    let end = rfind(text, TOTALS).ok_or(Malformed::Totals)?;
    let (mut rest, totals) = text.split_at(end);
    let [hits, counted, dropped] = figures(&totals[TOTALS.len()..]).ok_or(Malformed::Totals)?;
    // The comment ends with an empty line; of no entries there is nothing behind it.
    rest = match find(rest, b"#\n\n") {
        Some(at) => &rest[at + 3..],
        None => rest,
    };
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (entry, tail) = entry(rest).map_err(|what| Malformed::Entry(entries.len(), what))?;
        entries.push(entry);
        rest = tail;
    }
    if entries.len() as u64 != counted {
        let found = entries.len();
        return Err(Malformed::Entries { found, counted });
    }
    Ok(Histogram {
        entries,
        hits,
        dropped,
    })
}

/// Hits, Entries, Dropped.
fn figures(text: &[u8]) -> Option<[u64; 3]> {
    let mut lines = str::from_utf8(text).ok()?.lines();
    let mut figure = |label: &str| {
        lines
            .next()?
            .trim()
            .strip_prefix(label)?
            .trim()
            .parse()
            .ok()
    };
    Some([figure("Hits:")?, figure("Entries:")?, figure("Dropped:")?])
}

type Parsed<'a, T> = Result<(T, &'a [u8]), &'static str>;

fn entry(text: &[u8]) -> Parsed<'_, Entry> {
    let mut rest = text.strip_prefix(BEGIN).ok_or("it does not begin")?;
    let mut entry = Entry::default();
    loop {
        let colon = find(rest, b": ").ok_or("a key has no value")?;
        let (key, value) = (&rest[..colon], &rest[colon + 2..]);
        rest = match key {
            b"common_pid" => {
                let (comm, tid, rest) = thread(value).ok_or("no thread")?;
                (entry.comm, entry.tid) = (comm, tid);
                rest
            }
            b"dir" => return named(entry, value).ok_or("a name has no end"),
            key => {
                let (number, rest) = number(value).ok_or("a key is no number")?;
                match key {
                    b"dev" => entry.dev = Some(number),
                    b"ino" => entry.ino = Some(number),
                    _ => return Err("an unknown key"),
                }
                rest
            }
        };
        match rest.strip_prefix(b", ") {
            Some(next) => rest = next,
            None => return values(entry, rest).ok_or("it has no values"),
        }
    }
}

/// `%-16s[%10llu]`: a thread's name has 15 bytes at most, whatever they are.
fn thread(text: &[u8]) -> Option<(OsString, u32, &[u8])> {
    let (comm, rest) = text.split_at_checked(16)?;
    let (tid, rest) = number(rest.strip_prefix(b"[")?)?;
    let rest = rest.strip_prefix(b"]")?;
    let comm = OsString::from_vec(comm.trim_ascii_end().to_vec());
    Some((comm, u32::try_from(tid).ok()?, rest))
}

/// A name is padded to this.
const PADDED: usize = 50;

/// `%-50s }` and the values: the name ends where what follows is the end of an entry.
fn named(entry: Entry, text: &[u8]) -> Option<(Entry, &[u8])> {
    let mut from = 0;
    loop {
        let at = from + find(&text[from..], b" } hitcount: ")?;
        if let Some((mut entry, rest)) = values(entry.clone(), &text[at..])
            && (rest.is_empty() || rest.starts_with(BEGIN))
        {
            let name = &text[..at];
            let name = if name.len() > PADDED {
                name
            } else {
                name.trim_ascii_end()
            };
            entry.dir = Some(OsString::from_vec(name.to_vec()));
            return Some((entry, rest));
        }
        from = at + 1;
    }
}

/// ` } hitcount: %10llu`, maybe other sums as `  gen: %10llu`, and the end of the line.
fn values(mut entry: Entry, text: &[u8]) -> Option<(Entry, &[u8])> {
    let (hits, mut rest) = number(text.strip_prefix(b" } hitcount: ")?)?;
    entry.hits = hits;
    while let Some(value) = rest.strip_prefix(b"  ") {
        let colon = find(value, b": ")?;
        let (sum, tail) = number(&value[colon + 2..])?;
        match &value[..colon] {
            b"bytes_alloc" => entry.bytes = sum,
            b"there" => entry.there = Some(sum),
            b"gen" => entry.generations = Some(sum),
            _ => return None,
        }
        rest = tail;
    }
    Some((entry, rest.strip_prefix(b"\n")?))
}

/// `%10llu`
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn rfind(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).rposition(|window| window == what)
}
