//! The way from the plan to the ledger in its states, as snapshots.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::support::{App, counters, row, sample_with};
use slabscope::abi::Counters;
use slabscope::cache::census::Census;
use slabscope::cache::holders::{Holder, Holders, Uses};
use slabscope::kernel::session::{SessionError, Status};
use slabscope::kernel::target::LookError;
use slabscope::reclaim::audit::Log;
use slabscope::reclaim::prune::PruneError;
use slabscope::ui::look::Look;
use slabscope::ui::model::Inert;
use slabscope::ui::update::{Effect, Msg};

fn read_only(columns: u16, rows: u16) -> App {
    let mut app = App::in_ext4(columns, rows);
    app.model.inert = Some(Inert::ReadOnly);
    app.keys("p");
    app
}

fn urged(columns: u16, rows: u16) -> App {
    let mut app = App::planned(columns, rows);
    app.keys("2<Enter>");
    app
}

fn held(columns: u16, rows: u16) -> App {
    let mut app = App::planned(columns, rows);
    app.keys("w");
    let job = app.model.last_job;
    let holder = |pid, comm: &str, uses| Holder {
        pid,
        comm: comm.into(),
        uses,
        example: "/mnt/ext4/1/cache/spool".into(),
    };
    let cwd = Uses {
        cwd: true,
        files: 3,
        ..Uses::default()
    };
    let mapped = Uses {
        exe: true,
        maps: 2,
        ..Uses::default()
    };
    let result = Ok(Holders {
        found: vec![holder(812, "nginx", cwd), holder(90, "app", mapped)],
        processes: 412,
        unseen: 3,
        partial: false,
    });
    app.msg(Msg::Held { job, result });
    app
}

fn hostile(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    app.keys("j<Enter>");
    let name = OsStr::from_bytes(b"\x1b[2J two\nlines \xff\xe2\x80\xae it's");
    app.counted(Census {
        here: counters(9, 0, 0),
        rows: vec![row(name, counters(9, 0, 0))],
        ..Census::default()
    });
    app.keys("p");
    app.plan(counters(9, 0, 0));
    app
}

fn stopping(columns: u16, rows: u16) -> App {
    let mut app = App::planned_marked(columns, rows);
    app.keys("y");
    app.prune_began();
    let (job, at) = (app.model.last_job, Duration::from_secs(61));
    let so_far = Box::new(Counters {
        moved: 310_000,
        ..Default::default()
    });
    app.msg(Msg::Progress { job, at, so_far });
    app.keys("<Esc>");
    app
}

fn stopped(columns: u16, rows: u16) -> App {
    let mut app = stopping(columns, rows);
    app.part_pruned(Ok(App::outcome(Status::Stopped, 320_000)), 731_000, true);
    app
}

fn replaced(columns: u16, rows: u16) -> App {
    let mut app = App::pruning(columns, rows);
    let replaced = PruneError::Replaced("/mnt/ext4/1".into());
    app.part_pruned(Err(replaced), 1_050_000, true);
    app
}

fn vanished(columns: u16, rows: u16) -> App {
    let mut app = App::in_ext4(columns, rows);
    app.keys("p");
    let job = app.model.last_job;
    let result = Err(LookError::Open {
        path: "/mnt/ext4/1".into(),
        source: std::io::ErrorKind::NotFound.into(),
    });
    app.msg(Msg::Planned { job, result });
    app
}

fn refilled(columns: u16, rows: u16) -> App {
    let mut app = App::pruning(columns, rows);
    app.pruned(Status::Complete, 999_900);
    app.effects();
    app.sample(103, sample_with(850_000, 800_000));
    let asked = app.effects();
    let job = asked.iter().find_map(|effect| match effect {
        Effect::Recount { job, .. } => Some(*job),
        _ => None,
    });
    let (job, at) = (job.unwrap(), Duration::from_secs(103));
    let result = Ok(Some(800_100));
    app.msg(Msg::Recounted { job, at, result });
    app
}

fn logged(columns: u16, rows: u16) -> App {
    let mut app = App::pruned_marked(columns, rows);
    app.model.journal.file = Log::File("/root/.local/state/slabscope/audit.jsonl".into());
    app.keys("<Esc>");
    app.counted(crate::support::census());
    app.keys("gp");
    app.plan(crate::support::census().rows[0].below);
    app.keys("y");
    app.prune_began();
    let unloaded = SessionError::NoModule("/dev/slabscope".into());
    app.part_pruned(Err(unloaded.into()), 50_000, true);
    app.keys("<Esc>5");
    app
}

type Screen = (&'static str, fn(u16, u16) -> App);

const SCREENS: [Screen; 10] = [
    ("read_only", read_only),
    ("plan_urged", urged),
    ("plan_held", held),
    ("plan_hostile", hostile),
    ("pruning_stopping", stopping),
    ("ledger_stopped", stopped),
    ("ledger_refilled", refilled),
    ("prune_replaced", replaced),
    ("prune_vanished", vanished),
    ("history_log", logged),
];

#[test]
fn screens_match_their_snapshots() {
    crate::snapshots(|columns, rows| SCREENS.map(|(name, app)| (name, app(columns, rows))).into());
}

#[test]
fn each_state_is_drawn_in_each_size_without_unicode_and_colour() {
    for (name, app) in SCREENS {
        for (columns, rows) in [(1, 1), (2, 3), (10, 4), (40, 12), (300, 80)] {
            let mut app = app(80, 24);
            app.resize(columns, rows);
            app.screen();
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
