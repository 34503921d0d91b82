//! The who screen.

use std::time::Duration;

use slabscope::cache::who::{Directory, Identity, Process, Reading, Row, Spec};
use slabscope::ui::model::{Inert, WATCH_LIMIT};
use slabscope::ui::update::{Effect, Msg, WhoEffect, WhoMsg};

use crate::support::{App, census, counters, mounts};

fn process(pid: u32, name: &str) -> Process {
    Process {
        pid,
        name: name.into(),
        command: format!("/usr/bin/{name} --serve").into(),
        cgroup: format!("/system.slice/{name}.service").into(),
        gone: pid == 9,
        start: Some(1),
    }
}

fn row(pid: u32, name: &str, path: Option<&str>, made: u64) -> Row {
    Row {
        process: process(pid, name),
        directory: Some(Directory {
            identity: Identity {
                dev: Some(7),
                ino: Some(u64::from(pid) + 500),
                name: None,
            },
            name: path
                .map_or("sess\u{1b}[31m", |path| path.rsplit('/').next().unwrap())
                .into(),
            path: path.map(Into::into),
            generation: None,
        }),
        made,
        absent: Some(made / 2),
        ..Row::default()
    }
}

fn reading(more: u64) -> Reading {
    let rows = vec![
        row(812, "php-fpm", Some("/mnt/ext4/1/2/3"), 1_000_000 + more),
        row(9, "probe", Some("/mnt/ext4/other"), 10_000),
        row(77, "mailer", None, 500),
    ];
    let made = rows.iter().map(|row| row.made).sum::<u64>() + 12;
    Reading {
        made,
        own: 12,
        events: made,
        rows,
        ..Reading::default()
    }
}

fn objects(more: u64) -> Reading {
    let row = |pid, name, made| Row {
        process: process(pid, name),
        made,
        bytes: Some(made * 192),
        freed: Some(made / 3),
        ..Row::default()
    };
    let rows = vec![row(812, "php-fpm", 40_000 + more), row(77, "mailer", 12)];
    Reading {
        made: rows.iter().map(|row| row.made).sum(),
        events: 60_000 + 2 * more,
        rows,
        ..Reading::default()
    }
}

const MEANS: &str = "fprobe events on d_splice_alias, d_add";

impl App {
    /// The kernel begins to count.
    fn watch_began(&mut self, at: u64, means: &str) {
        let (job, at) = (self.model.last_job, Duration::from_secs(at));
        let means = means.into();
        self.msg(Msg::Who(WhoMsg::Began { job, at, means }));
    }

    /// A reading arrives.
    fn watch_read(&mut self, at: u64, reading: Reading) {
        let (job, at) = (self.model.last_job, Duration::from_secs(at));
        let (reading, took) = (Box::new(reading), Duration::from_millis(3));
        self.msg(Msg::Who(WhoMsg::Read {
            job,
            at,
            reading,
            took,
        }));
    }

    fn watch_ended(&mut self, at: u64, error: Option<&str>) {
        let (job, at) = (self.model.last_job, Duration::from_secs(at));
        let error = error.map(Into::into);
        self.msg(Msg::Who(WhoMsg::Ended { job, at, error }));
    }

    /// A trace of dentries below /mnt/ext4.
    pub fn watching(columns: u16, rows: u16) -> Self {
        let mut app = Self::in_ext4(columns, rows);
        app.keys("wy");
        app.watch_began(10, MEANS);
        app.watch_read(11, reading(0));
        app.watch_read(12, reading(12_300));
        app
    }

    /// A trace of allocations of the dentry cache.
    pub fn watching_a_cache(columns: u16, rows: u16) -> Self {
        let mut app = Self::sampled(columns, rows);
        app.keys("/dentry<Enter>wy");
        app.watch_began(10, "tracepoints on kmem_cache_alloc, kmem_cache_free");
        app.watch_read(11, objects(0));
        app.watch_read(12, objects(600));
        app
    }
}

#[test]
fn nothing_is_armed_before_the_confirmation() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.keys("w");
    app.shows("counts which processes create dentries");
    app.shows("Limit    2,048 rows per event, and 5 min");
    app.keys("<Enter>");
    app.shows("no trace starts before you type y");
    app.keys("x ");
    app.keys("<Esc>");
    app.shows_no("type y");
    assert!(app.effects().is_empty());
    app.keys("wy");
    let job = app.model.last_job;
    assert_eq!(
        effects(&mut app),
        [WhoEffect::Start {
            job,
            spec: Spec::Below("/mnt/ext4".into()),
            limit: WATCH_LIMIT,
        }]
    );
    app.shows("WATCHING");
    app.shows("arming");
}

fn effects(app: &mut App) -> Vec<WhoEffect> {
    let who = |effect| match effect {
        Effect::Who(effect) => Some(effect),
        _ => None,
    };
    app.effects().into_iter().filter_map(who).collect()
}

#[test]
fn rows_show_process_directory_count_rate_and_share() {
    let mut app = App::watching(80, 24);
    let row = app.line("/mnt/ext4/1/2/3");
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(
        words[..6],
        ["1,012,300", "99.0", "%", "12.3k", "50", "%"],
        "{row}"
    );
    app.shows("php-fpm[812]");
    app.shows("probe (gone)");
    app.shows("(inode 577)");
    app.shows_no("\u{1b}");
    app.shows("1,022,812 created");
    app.shows("2.0 s of 5 min");
    app.shows("12 own");
    let mut wide = App::watching(200, 50);
    wide.shows("php-fpm.service");
    wide.shows("/mnt/ext4/1/2/3  /usr/bin/php-fpm --serve");
    wide.shows("sess\\u{1b}[31m");
}

#[test]
fn rows_of_a_cache_show_frees_beside_allocations() {
    let mut app = App::watching_a_cache(80, 24);
    let row = app.line("php-fpm[812]");
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(
        words[..6],
        ["40,600", "99.9", "%", "600", "13,533", "7.4"],
        "{row}"
    );
    app.keys("<Enter>");
    app.shows("objects have no directory");
    app.keys("sss");
    app.shows("by process");
    assert_eq!(
        app.line("mailer").find("mailer"),
        app.line("php-fpm[812]").find("php-fpm")
    );
}

#[test]
fn rows_are_sorted_and_filtered_and_the_selection_stays() {
    let mut app = App::watching(80, 24);
    app.keys("j");
    let of = |app: &App| app.model.who.selected().unwrap().process.pid;
    assert_eq!(of(&app), 9);
    app.keys("s");
    app.shows("by creation rate");
    assert_eq!(of(&app), 9);
    app.keys("/mailer<Enter>");
    app.shows("1 row by");
    app.shows_no("php-fpm[812]");
    assert_eq!(of(&app), 77);
    app.keys("/<Esc>");
    app.shows("php-fpm[812]");
}

#[test]
fn p_plans_for_the_directory_of_the_row_and_leads_back() {
    let mut app = App::watching(80, 24);
    app.effects();
    app.keys("p");
    app.plan(counters(1_000, 0, 0));
    app.shows("Prune subtree /mnt/ext4/1/2/3");
    app.keys("<Esc>");
    app.shows("rows by number created");
    app.keys("jj");
    app.effects();
    app.keys("p");
    app.shows("the path of the directory is not known");
    assert!(app.effects().is_empty());
}

#[test]
fn row_leads_to_its_directory_and_the_open_files_of_its_process() {
    let mut app = App::watching(80, 24);
    app.effects();
    app.keys("o");
    let job = app.model.last_job;
    assert_eq!(effects(&mut app), [WhoEffect::Files { job, pid: 812 }]);
    app.shows("What php-fpm[812] has open");
    let lines = (0..60).map(|n| format!("fd {n}   /srv/app/{n}")).collect();
    app.msg(Msg::Who(WhoMsg::Files { job, lines }));
    app.shows("/srv/app/0");
    app.keys("G");
    app.shows("/srv/app/59");
    app.keys("<Esc>");
    app.shows_no("has open");
    app.keys("jo");
    app.shows("the process has ended");
    app.keys("j<Enter>");
    app.shows("the path of the directory is not known");
    app.effects();
    app.keys("gC");
    let cgroup = app.model.cgroups.selected.clone();
    assert_eq!(cgroup, Some("system.slice/php-fpm.service".into()));
    app.keys("2g<Enter>");
    assert!(app.effects().iter().any(|effect| matches!(effect,
        Effect::Census { path, .. } if path.as_os_str() == "/mnt/ext4/1/2/3")));
    app.shows("/mnt/ext4/1/2/3 ");
    app.shows("WATCHING");
}

#[test]
fn trace_goes_on_behind_other_screens_until_it_is_stopped() {
    let mut app = App::watching(80, 24);
    app.effects();
    let job = app.model.last_job;
    app.keys("<Esc>");
    app.shows("WATCHING");
    app.shows_no("php-fpm");
    app.keys("1");
    app.shows("WATCHING");
    app.keys("2w");
    app.shows("php-fpm[812]");
    assert!(effects(&mut app).is_empty(), "it is watched already");
    app.keys("c");
    assert_eq!(effects(&mut app), [WhoEffect::Stop { job }]);
    app.shows("stopping");
    app.watch_ended(13, None);
    app.shows("tracing off");
    app.shows_no("WATCHING");
    app.shows("php-fpm[812]");
    app.keys("c");
    assert!(effects(&mut app).is_empty());
    app.keys("Ry");
    assert!(matches!(effects(&mut app)[..], [WhoEffect::Start { .. }]));
}

#[test]
fn new_trace_ends_the_one_before() {
    let mut app = App::watching(80, 24);
    app.effects();
    let first = app.model.last_job;
    app.keys("<Esc>1w");
    app.shows("it replaces the running trace of");
    app.keys("y");
    let second = app.model.last_job;
    let effects = effects(&mut app);
    assert_eq!(effects[0], WhoEffect::Stop { job: first });
    assert!(
        matches!(&effects[1], WhoEffect::Start { job, spec: Spec::Cache(_), .. } if *job == second)
    );
    // Late reports of the first one are not the second's.
    app.msg(Msg::Who(WhoMsg::Ended {
        job: first,
        at: Duration::from_secs(13),
        error: None,
    }));
    app.shows("arming");
}

#[test]
fn failure_of_a_trace_is_shown_in_place_of_the_rows() {
    let mut app = App::on_tree(80, 24);
    app.keys("wy");
    app.watch_ended(
        3,
        Some("tracefs is not mounted\nto have it: sudo mount -t tracefs"),
    );
    app.shows("tracefs is not mounted");
    app.shows("to have it: sudo mount");
    app.shows_no("CREATED");
    app.keys("<Esc>");
    app.shows("mounts: Enter opens");
}

#[test]
fn dropped_events_are_reported() {
    let mut app = App::watching(80, 24);
    let full = Reading {
        dropped: 1_234,
        unknown: 5,
        ..reading(20_000)
    };
    app.watch_read(13, full);
    app.shows("1,234 events not counted: no room");
    app.shows("5 where unknown");
}

#[test]
fn leftover_of_a_killed_process_is_reported() {
    let mut app = App::sampled(80, 24);
    app.msg(Msg::Who(WhoMsg::Left(vec![812])));
    app.shows("probes left by a slabscope that was killed (812)");
}

#[test]
fn plan_names_processes_that_fill_the_directory() {
    let mut app = App::planned(80, 24);
    app.shows_no("fills");
    app.keys("<Esc>");
    let mut app = App::watching(80, 24);
    app.keys("<Esc>p");
    app.plan(census().rows[0].below);
    app.shows("Traced   php-fpm[812] created 1,012,300 in 2.0 s, 12.3k/s: /mnt/ext4/1/2/3");
    app.shows_no("probe");
}

#[test]
fn read_only_mode_arms_nothing() {
    let mut app = App::sampled(80, 24);
    app.keys("2");
    app.msg(Msg::Mounts(Ok(mounts())));
    app.model.inert = Some(Inert::ReadOnly);
    app.effects();
    for keys in ["w", "1w"] {
        app.keys(keys);
        app.shows("having the kernel trace is off: read-only");
        app.keys("y");
    }
    assert!(effects(&mut app).is_empty());
}

#[test]
fn screens_match_their_snapshots() {
    crate::snapshots(|columns, rows| {
        let mut asked = App::in_ext4(columns, rows);
        asked.keys("w");
        vec![
            ("who", App::watching(columns, rows)),
            ("who_cache", App::watching_a_cache(columns, rows)),
            ("who_confirm", asked),
        ]
    });
}
