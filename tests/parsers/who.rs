//! Histograms of the kernel's tracing: the counts are parsed back, whatever names hold.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use proptest::prelude::*;
use slabscope::cache::who::histogram::{Entry, Histogram, parse};

/// As the kernel writes it (kernel/trace/trace_events_hist.c: `hist_trigger_show()`, Linux 7.3).
fn text(histogram: &Histogram) -> Vec<u8> {
    let mut text =
        b"# event histogram\n#\n# trigger info: hist:keys=x:size=2048 [active]\n#\n\n".to_vec();
    for entry in &histogram.entries {
        text.extend(b"{ ");
        if entry.dir.is_none() {
            text.extend(b"common_pid: ");
            text.extend(padded(&entry.comm, 16));
            text.extend(format!("[{:10}], ", entry.tid).into_bytes());
        }
        let [dev, ino] = [entry.dev, entry.ino].map(Option::unwrap_or_default);
        text.extend(format!("dev: {dev:10}, ino: {ino:10}").into_bytes());
        if let Some(dir) = &entry.dir {
            text.extend(b", dir: ");
            text.extend(padded(dir, 50));
        }
        text.extend(format!(" }} hitcount: {:10}", entry.hits).into_bytes());
        let sums = [("there", entry.there), ("gen", entry.generations)];
        for (name, sum) in sums.iter().filter_map(|(name, sum)| Some((name, (*sum)?))) {
            text.extend(format!("  {name}: {sum:10}").into_bytes());
        }
        text.push(b'\n');
    }
    let Histogram {
        entries,
        hits,
        dropped,
    } = histogram;
    let entries = entries.len();
    text.extend(
        format!("\nTotals:\n    Hits: {hits}\n    Entries: {entries}\n    Dropped: {dropped}\n")
            .into_bytes(),
    );
    text
}

fn padded(name: &OsStr, width: usize) -> Vec<u8> {
    let mut padded = name.as_bytes().to_vec();
    padded.resize(padded.len().max(width), b' ');
    padded
}

/// Any bytes but NUL and blanks at the end, which look like padding.
fn name(most: usize) -> impl Strategy<Value = OsString> {
    let bytes = prop::collection::vec(1..=255_u8, 0..=most);
    bytes.prop_map(|mut bytes| {
        while bytes.pop_if(|byte| byte.is_ascii_whitespace()).is_some() {}
        OsString::from_vec(bytes)
    })
}

fn counted() -> impl Strategy<Value = Entry> {
    let sums = (any::<Option<u64>>(), any::<Option<u64>>(), any::<u64>());
    (name(15), any::<u32>(), any::<[u64; 2]>(), sums).prop_map(|(comm, tid, [dev, ino], sums)| {
        Entry {
            comm,
            tid,
            dev: Some(dev),
            ino: Some(ino),
            there: sums.0,
            generations: sums.1,
            hits: sums.2,
            ..Entry::default()
        }
    })
}

fn named() -> impl Strategy<Value = Entry> {
    (name(255), any::<[u64; 3]>()).prop_map(|(dir, [dev, ino, hits])| Entry {
        dev: Some(dev),
        ino: Some(ino),
        dir: Some(dir),
        hits,
        ..Entry::default()
    })
}

fn histogram(entry: impl Strategy<Value = Entry>) -> impl Strategy<Value = Histogram> {
    (prop::collection::vec(entry, 0..20), any::<[u64; 2]>()).prop_map(
        |(entries, [hits, dropped])| Histogram {
            entries,
            hits,
            dropped,
        },
    )
}

/// Output of Linux 7.3.4, with processes and directories with names of all kinds.
fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/histograms/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

#[test]
fn output_of_a_kernel_is_read() {
    let made = parse(&fixture("made")).unwrap();
    assert_eq!(
        (made.entries.len(), made.hits, made.dropped),
        (23, 6_349, 0)
    );
    assert_eq!(
        made.entries.iter().map(|entry| entry.hits).sum::<u64>(),
        made.hits
    );
    let hostile = made.entries.iter().find(|entry| entry.tid == 152).unwrap();
    assert_eq!(
        (hostile.comm.to_str(), hostile.ino),
        (Some("}, {\n: [1],"), Some(131_073))
    );
    assert_eq!((hostile.hits, hostile.there), (7, Some(0)));
    let agent = made.entries.iter().find(|entry| entry.tid == 146).unwrap();
    assert_eq!(
        agent.generation(),
        hostile.generation(),
        "it is one directory"
    );
    assert_eq!(agent.generation(), Some(1_574_833_274));
    let kmalloc = parse(&fixture("kmalloc")).unwrap();
    let most = kmalloc.entries.last().unwrap();
    assert_eq!(
        (most.comm.to_str(), most.bytes),
        (Some("sh"), 20_002 * 512),
        "before its program was loaded"
    );
    assert_eq!(parse(&fixture("empty")), Ok(Histogram::default()));
    let forged = parse(&fixture("names_forged")).unwrap_err().to_string();
    assert_eq!(
        forged,
        "12 entries where the kernel counts 11: a name imitates them"
    );
}

proptest! {
    #[test]
    fn counts_by_process_are_read_as_they_were_written(histogram in histogram(counted())) {
        prop_assert_eq!(parse(&text(&histogram)), Ok(histogram));
    }

    #[test]
    fn counts_by_name_are_read_as_they_were_written(histogram in histogram(named())) {
        prop_assert_eq!(parse(&text(&histogram)), Ok(histogram));
    }

    #[test]
    fn process_may_have_any_name(
        hostile in prop::sample::select(vec!["}, { dev: 1", "\n{ common_pid:", " } hitcount: 9", "[         7], "]),
        mut histogram in histogram(counted()),
    ) {
        for entry in &mut histogram.entries {
            entry.comm = OsString::from(hostile.trim_end().get(..15).unwrap_or(hostile.trim_end()));
        }
        prop_assert_eq!(parse(&text(&histogram)), Ok(histogram));
    }

    /// A name that holds a whole entry is detected: none is believed.
    #[test]
    fn directory_named_like_an_entry_makes_no_entry(
        before in name(30),
        hits in any::<u32>(),
        mut histogram in histogram(named()),
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!histogram.entries.is_empty());
        let mut dir = before.into_vec();
        dir.extend(format!(" }} hitcount: {hits:10}\n{{ dev:          7, ino:          2, dir: forged").into_bytes());
        let at = at.index(histogram.entries.len());
        histogram.entries[at].dir = Some(OsString::from_vec(dir));
        prop_assert!(parse(&text(&histogram)).is_err());
    }

    #[test]
    fn text_with_one_byte_changed_is_understood_or_refused(
        histogram in histogram(counted()),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut text = text(&histogram);
        let at = at.index(text.len());
        text[at] = byte;
        let _ = parse(&text);
    }

    #[test]
    fn any_text_is_understood_or_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&text);
    }
}
