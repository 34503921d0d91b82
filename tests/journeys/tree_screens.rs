//! The tree screen in its states, as snapshots.

use crate::support::{App, census, counters, mounts, row};
use crate::tree_counting::{failed, failure, half_counted};
use slabscope::cache::census::Census;
use slabscope::kernel::target::LookError;
use slabscope::ui::look::Look;
use slabscope::ui::update::{Effect, Msg};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// In /mnt/ext4, with this counted.
fn counted(columns: u16, rows: u16, census: Census) -> App {
    let mut app = App::on_tree(columns, rows);
    app.keys("j<Enter>");
    app.counted(census);
    app
}

fn cancelled(columns: u16, rows: u16) -> App {
    let mut app = half_counted(columns, rows);
    app.keys("<Esc>");
    app.counted(Census {
        here: counters(201_000, 1, 6),
        rows: vec![row("other", counters(1_000, 0, 0))],
        partial: true,
        ..Census::default()
    });
    app
}

fn failed_halfway(columns: u16, rows: u16) -> App {
    let mut app = half_counted(columns, rows);
    failed(&mut app, failure());
    app
}

fn hostile(columns: u16, rows: u16) -> App {
    let names = [
        &b"\x1b[31mred\x07"[..],
        b"two\nlines",
        b"\xff\xfe",
        "invoice\u{202e}fdp.exe".as_bytes(),
        b"a\\b",
    ];
    let rows_of = names.map(|name| row(OsStr::from_bytes(name), counters(9, 0, 1)));
    counted(
        columns,
        rows,
        Census {
            here: counters(60, 0, 10),
            rows: rows_of.into(),
            ..Census::default()
        },
    )
}

fn tmpfs(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    let tmpfs = mounts().iter().position(|mount| &*mount.fs == "tmpfs");
    app.keys(&"j".repeat(tmpfs.unwrap()));
    app.keys("<Enter>");
    app.counted(Census {
        here: counters(0, 40, 0),
        rows: vec![row("run", counters(0, 39, 0))],
        ..Census::default()
    });
    app
}

fn filtered(columns: u16, rows: u16) -> App {
    let mut app = App::in_ext4(columns, rows);
    app.keys("/oth");
    app
}

fn changed(columns: u16, rows: u16) -> App {
    let mut app = App::in_ext4(columns, rows);
    app.keys("R");
    app.counted(Census {
        here: counters(1_501_005, 1, 6),
        rows: vec![
            row("1", counters(1_500_000, 1, 2)),
            row("new", counters(1_000, 0, 0)),
        ],
        ..census()
    });
    app
}

fn not_cached(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    app.keys("omnt/ext4/cold/deep<Enter>");
    let path = "/mnt/ext4/cold/deep".into();
    failed(&mut app, LookError::NotCached { path, names: 2 });
    app
}

fn typing(columns: u16, rows: u16) -> App {
    let mut app = App::in_ext4(columns, rows);
    app.keys("o1/2");
    app
}

fn counted_mounts(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    app.effects();
    app.keys("a");
    for effect in app.effects() {
        if let Effect::Census { job, path, .. } = effect {
            let mut census = census();
            census.here.total += path.as_os_str().len() as u64;
            let (at, result) = (Duration::from_secs(2), Ok(census));
            app.msg(Msg::Counted { job, at, result });
        }
    }
    app
}

type Screens = [(&'static str, fn(u16, u16) -> App); 13];
const SCREENS: Screens = [
    ("tree_counting", half_counted),
    ("tree_cancelled", cancelled),
    ("tree_failed", failed_halfway),
    ("tree_hostile", hostile),
    ("tree_empty", |columns, rows| {
        counted(columns, rows, Census::default())
    }),
    ("tree_tmpfs", tmpfs),
    ("tree_filtered", filtered),
    ("tree_changed", changed),
    ("tree_not_cached", not_cached),
    ("tree_typing", typing),
    ("mounts_counted", counted_mounts),
    ("browse", crate::browse::browsing),
    ("browse_pages", crate::browse::asked),
];

#[test]
fn tree_states_match_their_snapshots() {
    crate::snapshots(|columns, rows| SCREENS.map(|(name, app)| (name, app(columns, rows))).into());
}

#[test]
fn each_state_is_drawn_in_each_size_without_unicode_and_colour() {
    for (name, app) in SCREENS {
        for (columns, rows) in [(1, 1), (2, 3), (10, 4), (40, 12), (300, 80)] {
            app(columns, rows).screen();
        }
        let mut plain = app(80, 24);
        plain.model.look = Look::new(false, false);
        let buffer = plain.buffer();
        let coloured = |cell: &ratatui::buffer::Cell| cell.fg != ratatui::style::Color::Reset;
        assert!(!buffer.content.iter().any(coloured), "{name}");
        let screen = plain.screen();
        assert!(screen.is_ascii(), "{name}: {screen}");
    }
}

#[test]
fn census_by_bpf_says_so_and_that_it_changed_meanwhile() {
    let bpf = |changed| Census {
        reader: slabscope::kernel::reader::Kind::Bpf { flags: true },
        changed,
        ..census()
    };
    let mut app = counted(100, 24, bpf(false));
    assert!(app.line("counted").contains("counted by BPF 0"));
    let mut app = counted(100, 24, bpf(true));
    assert!(
        app.line("counted")
            .contains("counted by BPF, changed meanwhile, 0")
    );
}
