//! The wider rungs of the ladder: plan, confirmation, progress, ledger.

use crate::support::{App, census};
use slabscope::reclaim::everybody::What;
use slabscope::reclaim::ladder::Rung;
use slabscope::reclaim::{Ended, Progress};
use slabscope::ui::model::{Ask, Inert, InputMode};
use slabscope::ui::update::{Effect, Msg, RungMsg};
use std::path::Path;
use std::time::Duration;

/// The plan for the web server's cgroup is shown.
fn cgroup(columns: u16, rows: u16) -> App {
    let mut app = App::on_cgroups(columns, rows);
    app.keys("jjp");
    app.rung_planned();
    app
}

fn superblock(columns: u16, rows: u16) -> App {
    let mut app = App::on_filesystems(columns, rows);
    app.keys("p");
    app.rung_planned();
    app
}

fn everybody(columns: u16, rows: u16) -> App {
    let mut app = App::sampled(columns, rows);
    app.keys("E");
    app.rung_planned();
    app
}

/// The last resort, from the plan of a prune.
fn carousel(columns: u16, rows: u16) -> App {
    let mut app = App::planned(columns, rows);
    app.ladder(true);
    app.keys(">jjjj<Enter>");
    app.rung_planned();
    app
}

fn carried_out(app: &mut App) -> Vec<Ask> {
    let effects = app.effects().into_iter();
    let asks = effects.filter_map(|effect| match effect {
        Effect::Rung { plan, .. } => Some(plan.ask),
        _ => None,
    });
    asks.collect()
}

#[test]
fn only_y_carries_a_plan_out_and_enter_never() {
    for plan in [cgroup, superblock, everybody, carousel] {
        let mut app = plan(80, 24);
        app.shows("type y to reclaim");
        app.effects();
        app.keys("<Enter>");
        app.shows("nothing is reclaimed before you type y");
        app.keys("<Enter><Enter>x");
        assert!(carried_out(&mut app).is_empty());
        app.keys("<Esc>");
        app.shows("cancelled: nothing was reclaimed");
        app.keys("y");
        assert!(carried_out(&mut app).is_empty(), "the plan is gone");
    }
}

#[test]
fn plan_on_the_screen_is_carried_out() {
    let mut app = cgroup(80, 24);
    app.shows("Reclaim: the cgroup ");
    app.shows("914 MiB: + doubles it, - halves it, a types another amount");
    app.shows("page cache goes too");
    app.effects();
    app.keys("y");
    let directory = "/sys/fs/cgroup/app.slice/web.service".into();
    let amount = 914 << 20;
    assert_eq!(carried_out(&mut app), [Ask::Cgroup { directory, amount }]);
    let (job, at) = (app.model.last_job, Duration::from_secs(7));
    let progress = Progress {
        done: 457 << 20,
        of: Some(amount),
        unit: "bytes",
        doing: "reclaiming",
    };
    app.msg(Msg::Rung(RungMsg::Progress { job, at, progress }));
    app.shows("reclaiming 457 MiB of 914 MiB");
    app.keys("<Esc>");
    assert!(matches!(app.effects()[..], [Effect::Cancel { job: of }] if of == job));
    app.shows("stopping ...");
    app.rung_ended(Ended::Stopped);
    app.shows("stopped   took 2.4 s   03:12:44");
    app.shows("SReclaimable           1.0 GiB       306 MiB      -700 MiB");
    app.shows("700 MiB freed, at most 900 MiB expected");
    app.keys("<Esc>5");
    app.shows("reclaim superblock  700 MiB of at most 900 MiB  stopped");
    app.shows("cgroup web.service 03:12:44");
}

#[test]
fn amount_is_adjusted_and_typed() {
    let mut app = cgroup(80, 24);
    let amount = |app: &App| match app.asked().1 {
        Ask::Cgroup { amount, .. } => amount >> 20,
        other => panic!("{other:?}"),
    };
    app.keys("+");
    app.shows("looking again ...");
    app.keys("y");
    app.shows("read it first");
    assert!(
        carried_out(&mut app).is_empty(),
        "what is not shown is not done"
    );
    app.keys("-");
    app.keys("+");
    assert_eq!(amount(&app), 914 * 2);
    app.rung_planned();
    app.shows("1.8 GiB: + doubles it");
    app.keys("a5x");
    app.shows("5x_   Enter apply");
    app.keys("<Enter>");
    app.shows("expected a size");
    app.keys("<Backspace>12M<Enter>");
    assert_eq!(amount(&app), 512);
    app.rung_planned();
    app.shows("512 MiB: + doubles it");
    app.keys("ay<Esc>");
    app.shows("512 MiB: + doubles it");
    assert!(carried_out(&mut app).is_empty(), "y was typed as text");
    app.keys("y");
    assert_eq!(carried_out(&mut app).len(), 1);
}

#[test]
fn everybody_modes_are_chosen_in_the_plan() {
    let mut app = everybody(80, 24);
    let ask = |what, sync| Ask::Everybody { what, sync };
    assert_eq!(app.asked().1, ask(What::Slab, false));
    app.shows("▸ drop_caches 2  unused dentries, and inodes without page cache");
    app.shows("every process, container and user");
    app.keys("j");
    assert_eq!(app.asked().1, ask(What::Both, false));
    app.rung_planned();
    app.keys("i");
    assert_eq!(app.asked().1, ask(What::Both, true));
    app.rung_planned();
    app.shows("sync first: yes");
    app.shows("sync; echo 3 > /proc/sys/vm/drop_caches");
    app.keys("j");
    app.effects();
    app.keys("y");
    assert_eq!(carried_out(&mut app), []);
    app.shows("type web-07 and Enter to reclaim: _");
    app.keys("web<Enter>");
    app.shows("does not match web-07");
    app.paste("-07");
    app.shows("pasted text does not count");
    app.keys("<Enter>");
    assert_eq!(carried_out(&mut app), [], "it has to be typed");
    app.keys("-07<Enter>");
    assert_eq!(carried_out(&mut app), [ask(What::Both, true)]);
}

/// Digits are screens, and in a plan modes of this directory; none opens a plan that affects
/// others.
#[test]
fn no_digit_in_a_plan_opens_a_wider_one() {
    for app in [App::planned, cgroup, superblock, everybody] {
        for digit in ["5", "6", "7", "8", "9", "0"] {
            let mut app = app(80, 24);
            app.ladder(true);
            app.effects();
            app.keys(digit);
            assert!(app.effects().is_empty(), "{digit}");
            assert!(app.model.rung().is_some(), "{digit}: the plan is there");
        }
    }
}

#[test]
fn refused_rung_leaves_the_plan_as_it_was() {
    let mut app = superblock(80, 24);
    app.keys("i");
    assert!(matches!(
        app.asked().1,
        Ask::Superblock { inodes: true, .. }
    ));
    app.rung_refused("inodes of one superblock alone need its shrinker");
    app.shows("inodes of one superblock alone need its shrinker");
    app.effects();
    app.keys("y");
    let asks = carried_out(&mut app);
    assert!(matches!(asks[..], [Ask::Superblock { inodes: false, .. }]));
    let mut app = App::on_filesystems(80, 24);
    app.keys("p");
    app.rung_refused("this kernel does not offer it");
    app.shows("There is no plan");
    app.shows("this kernel does not offer it");
}

/// A choice from the wider rungs in the plan of a prune: its line, from 0.
fn from_a_prune(line: usize) -> App {
    let mut app = App::planned(80, 24);
    app.ladder(true);
    app.effects();
    app.keys(">");
    app.keys(&"j".repeat(line));
    app.keys("<Enter>");
    app
}

const FILESYSTEM: usize = 0;
const CGROUP: usize = 1;
const CACHE: usize = 2;
const EVERYBODY: usize = 3;

#[test]
fn plan_of_a_prune_names_wider_rungs_and_lists_them_to_choose() {
    let mut app = App::planned(80, 24);
    app.ladder(true);
    app.shows("Broader  >: superblock, cgroup, cache, system");
    app.keys(">");
    app.shows("▸ the whole filesystem: all unused dentries");
    app.shows("  the whole system: dentries, inodes, page cache");
    app.shows("Enter makes its plan; nothing is reclaimed yet");
    app.effects();
    app.keys("y12345678n");
    assert!(app.effects().is_empty());
    app.keys("<Esc>");
    app.shows("type y to prune");
    let app = from_a_prune(FILESYSTEM);
    assert!(matches!(&app.asked().1,
        Ask::Superblock { point, inodes: false } if point == Path::new("/mnt/ext4/1")));
    let app = from_a_prune(EVERYBODY);
    assert!(matches!(app.asked().1, Ask::Everybody { .. }));
    let mut app = from_a_prune(CGROUP);
    app.shows("select the cgroup, then p plans");
    app.shows("4 Cgroups");
    let app = from_a_prune(CACHE);
    assert!(matches!(&app.asked().1, Ask::Cache { name } if name == "dentry"));
    let mut app = from_a_prune(FILESYSTEM);
    app.rung_planned();
    app.keys("1");
    assert!(
        matches!(&app.effects.last(),
        Some(Effect::Plan { paths, .. }) if paths == &[Path::new("/mnt/ext4/1")]),
        "and back"
    );
}

#[test]
fn digit_in_a_wider_plan_chooses_a_prune() {
    for (digit, chosen) in [
        ("1", "▸ 1 negative only"),
        ("2", "▸ 2 all unused"),
        ("3", "▸ 3 unused + inodes"),
        ("4", "▸ 4 page cache"),
    ] {
        let mut app = from_a_prune(EVERYBODY);
        app.rung_planned();
        app.keys(digit);
        app.plan(census().rows[0].below);
        app.shows(chosen);
    }
    // Without a directory there is no mode to choose, and the plan stays.
    let mut app = everybody(80, 24);
    app.keys("3");
    app.shows("this rung acts on a directory");
    app.shows("drop_caches 2");
}

#[test]
fn rung_that_does_not_apply_says_why() {
    let mut app = App::planned(200, 50);
    app.ladder(true);
    let step = app
        .model
        .ladder
        .iter_mut()
        .find(|step| step.rung == Rung::Superblock);
    step.unwrap().why_not = Some("vfat is not tested".into());
    app.keys(">");
    app.shows("▸ n/a: vfat is not tested");
    app.effects();
    app.keys("<Enter>");
    app.shows("n/a: vfat is not tested");
    assert!(app.effects().is_empty());
    assert!(matches!(app.model.mode, InputMode::Confirm(_)));
}

#[test]
fn reach_beyond_the_row_is_red() {
    let red = |app: &mut App| {
        let (x, y) = app.position("Scope ");
        let alarm = app.model.look.alarm().fg.unwrap();
        app.buffer()[(x, y)].fg == alarm
    };
    assert!(!red(&mut cgroup(80, 24)));
    assert!(!red(&mut superblock(80, 24)), "the row is the superblock");
    assert!(red(&mut everybody(80, 24)));
    let mut app = App::on_cgroups(80, 24);
    app.keys("p");
    app.rung_planned();
    assert!(red(&mut app), "the root is the whole machine");
    let mut app = from_a_prune(FILESYSTEM);
    app.rung_planned();
    assert!(red(&mut app), "the row was a directory");
}

#[test]
fn read_only_mode_has_no_wider_rungs() {
    for (mut app, words) in [
        (App::on_filesystems(80, 24), "p reclaim"),
        (App::on_cgroups(80, 24), "p reclaim"),
    ] {
        app.shows(words);
        app.model.inert = Some(Inert::ReadOnly);
        app.shows_no(words);
        app.effects();
        app.keys("p");
        app.shows("reclaiming is off: read-only");
        app.keys("E");
        app.shows("reclaiming is off: read-only");
        assert!(app.effects().is_empty());
        app.keys("?");
        app.shows_no("plan to reclaim");
        app.shows_no("drop caches, system-wide");
    }
}

#[test]
fn plan_that_does_not_fit_is_not_carried_out() {
    let mut app = everybody(80, 24);
    app.resize(40, 10);
    app.effects();
    app.keys("y");
    assert!(carried_out(&mut app).is_empty());
    app.shows("the plan has more lines: PgDn");
    app.keys("x");
    app.shows("Esc cancel");
    // The word is not requested either.
    app.shows_no("type web-07");
    app.resize(39, 10);
    app.keys("y");
    app.resize(80, 24);
    app.shows_no("type web-07");
}

#[test]
fn p_without_the_module_offers_the_page_cache_below_and_wider_rungs() {
    let mut app = crate::browse::browsing(80, 24);
    app.keys("jp");
    app.shows("not a directory");
    app.keys("P");
    assert!(matches!(app.asked().1, Ask::Pages { path, .. } if path == Path::new("/mnt/ext4")));
    app.keys("<Esc>kp");
    let (_, ask) = app.asked();
    assert!(
        matches!(&ask, Ask::Pages { path, writeback: false } if path == Path::new("/mnt/ext4/cold"))
    );
    app.rung_planned();
    app.ladder(false);
    app.shows("Reclaim: page cache below /mnt/ext4/cold");
    app.shows("the files below this directory only");
    app.shows_no("Narrower ");
    app.shows("Broader  >: superblock, cgroup, cache, system");
    app.keys("i");
    assert!(matches!(
        app.asked().1,
        Ask::Pages {
            writeback: true,
            ..
        }
    ));
}

/// The plan for 1/ below /mnt/ext4, counted by BPF.
fn planned_by_bpf(columns: u16, rows: u16) -> App {
    let mut app = App::in_ext4(columns, rows);
    app.keys("p");
    app.ladder(false);
    let bpf = slabscope::kernel::reader::Kind::Bpf { flags: false };
    app.plan_by(bpf, &[crate::support::census().rows[0].below]);
    app
}

#[test]
fn plan_by_bpf_shows_what_is_cached_and_every_rung_that_works() {
    let mut app = planned_by_bpf(80, 50);
    app.shows("Prune subtree /mnt/ext4/1");
    app.shows("1 negative only        1,000,000");
    app.shows("1 to 3 need the module");
    app.shows("Cached   1,000,");
    // How many inodes and pages would go is unknown, and no figure stands for that.
    for row in ["3 unused + inodes", "4 page cache only"] {
        let line = app.line(row);
        let figures = line.trim_end_matches([' ', '│']);
        assert!(figures.ends_with("-         -          -"), "{line}");
    }
    app.shows("4  this directory: page cache of its files");
    app.shows(">  the whole filesystem: all unused dentries");
    app.shows(">  this directory: negative dentries, by writing to it");
    app.shows_no("type y");
    app.shows_no("y prune");
    app.effects();
    app.keys("y");
    assert!(carried_out(&mut app).is_empty(), "nothing can be pruned");
    app.shows("1 to 3 need the module");
}

#[test]
fn plan_by_bpf_leads_to_the_rungs_that_work() {
    let mut app = planned_by_bpf(80, 24);
    app.keys("jjjj");
    assert!(
        app.effects()
            .iter()
            .all(|effect| !matches!(effect, Effect::PlanRung { .. }))
    );
    app.keys("4");
    assert!(matches!(app.asked().1, Ask::Pages { path, .. } if path == Path::new("/mnt/ext4/1")));
    let mut app = planned_by_bpf(80, 24);
    app.keys(">jjjj<Enter>");
    assert!(matches!(app.asked().1, Ask::Carousel { path } if path == Path::new("/mnt/ext4/1")));
}

#[test]
fn screens_match_their_snapshots() {
    crate::snapshots(|columns, rows| {
        let mut ladder = App::planned(columns, rows);
        ladder.ladder(true);
        let mut wider = App::planned(columns, rows);
        wider.ladder(true);
        wider.keys(">j");
        let mut from_directory = App::planned(columns, rows);
        from_directory.ladder(true);
        from_directory.keys("><Enter>");
        from_directory.rung_planned();
        let mut done = superblock(columns, rows);
        done.keys("y");
        done.rung_ended(Ended::Complete);
        let mut plain = everybody(columns, rows);
        plain.model.look = slabscope::ui::look::Look::new(false, false);
        vec![
            ("plan_ladder", ladder),
            ("plan_by_bpf", planned_by_bpf(columns, rows)),
            ("plan_wider", wider),
            ("plan_superblock", superblock(columns, rows)),
            ("plan_superblock_of_a_directory", from_directory),
            ("plan_cgroup", cgroup(columns, rows)),
            ("plan_everybody", everybody(columns, rows)),
            ("plan_everybody_plain", plain),
            ("plan_carousel", carousel(columns, rows)),
            ("rung_ledger", done),
        ]
    });
}

#[test]
fn another_rung_ends_the_replanning() {
    let mut app = superblock(80, 24);
    app.keys("i");
    app.shows("looking again ...");
    let job = app.asked().0;
    app.effects();
    app.keys(">jj<Enter>");
    let effects = app.effects();
    assert!(
        matches!(effects[..], [Effect::Cancel { job: of }, Effect::PlanRung { .. }] if of == job),
        "{effects:?}"
    );
}
