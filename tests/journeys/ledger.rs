//! After a prune: the refill, and the effect of shrinking.

use std::path::PathBuf;
use std::time::Duration;

use crate::support::{App, sample_with};
use slabscope::kernel::session::{self, SessionError, Status};
use slabscope::kernel::target::LookError;
use slabscope::ui::model::{Ask, InputMode};
use slabscope::ui::update::{Effect, Msg};

fn ledger() -> App {
    let mut app = App::pruning(80, 24);
    app.pruned(Status::Complete, 999_900);
    app.effects();
    app
}

/// The requested count, if there is one.
fn asked(app: &mut App) -> Option<u64> {
    app.effects().into_iter().find_map(|effect| match effect {
        Effect::Recount { job, below, mode } => {
            assert_eq!(below, [PathBuf::from("/mnt/ext4/1")]);
            assert_eq!(mode, session::PruneMode::Negative);
            Some(job)
        }
        _ => None,
    })
}

fn recounted(app: &mut App, job: u64, at: u64, result: Result<Option<u64>, LookError>) {
    let at = Duration::from_secs(at);
    app.msg(Msg::Recounted { job, at, result });
}

#[test]
fn ledger_shows_the_refill_of_the_pruned_directories() {
    let mut app = ledger();
    app.shows("refill next count below it in 5.0 s");
    app.sample(64, sample_with(50_100, 1_100));
    assert_eq!(asked(&mut app), None, "too early");
    app.sample(68, sample_with(50_100, 1_100));
    let job = asked(&mut app).unwrap();
    app.sample(69, sample_with(50_100, 1_100));
    assert_eq!(asked(&mut app), None, "one at a time");
    recounted(&mut app, job, 69, Ok(Some(100)));
    app.shows("refill 0 in 6 s, 0/s so far");
    app.sample(103, sample_with(850_000, 800_000));
    let job = asked(&mut app).unwrap();
    recounted(&mut app, job, 103, Ok(Some(800_100)));
    app.shows("refill 80 % in 40 s, 20.0k/s: the workload is refilling it");
}

#[test]
fn closed_ledger_opens_again_from_the_history() {
    let mut app = ledger();
    app.keys("<Esc>5<Enter>");
    app.shows("Pruned negative dentries below /mnt/ext4/1");
    app.keys("<Esc>5<Left><Enter>");
    app.shows("no prune at the cursor: [ goes to the previous one");
    app.keys("[<Enter>");
    app.shows("Pruned negative dentries below /mnt/ext4/1");
}

#[test]
fn history_without_a_prune_has_no_ledger() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(50_100, 1_100));
    app.keys("5<Enter>");
    app.shows("nothing was pruned yet");
}

#[test]
fn ledger_without_a_refill_says_nobody_needed_it() {
    let mut app = ledger();
    app.sample(123, sample_with(50_100, 1_100));
    let job = asked(&mut app).unwrap();
    recounted(&mut app, job, 123, Ok(Some(100)));
    app.shows("refill 0 in 60 s: nobody needed it");
    app.sample(300, sample_with(50_100, 1_100));
    assert_eq!(asked(&mut app), None, "that was the last time");
}

#[test]
fn ended_count_is_repeated_and_failed_count_is_not() {
    let mut app = ledger();
    app.sample(70, sample_with(50_100, 1_100));
    let job = asked(&mut app).unwrap();
    recounted(&mut app, job, 70, Ok(None));
    app.sample(71, sample_with(50_100, 1_100));
    let job = asked(&mut app).unwrap();
    let unloaded = SessionError::NoModule("/dev/slabscope".into());
    recounted(&mut app, job, 71, Err(unloaded.into()));
    app.shows("refill cannot be counted: the slabscope kernel module is not loaded");
    app.sample(200, sample_with(50_100, 1_100));
    assert_eq!(asked(&mut app), None);
}

#[test]
fn no_count_comes_between_a_plan_and_its_prune() {
    let mut app = ledger();
    app.keys("<Esc>");
    app.counted(crate::support::census());
    app.keys("p");
    app.effects();
    app.sample(70, sample_with(50_100, 1_100));
    assert_eq!(asked(&mut app), None);
}

#[test]
fn cache_is_shrunk_from_the_ledger_and_measured_again() {
    let mut app = ledger();
    app.shows("K      shrinks the dentry cache, then measures again");
    app.keys("K");
    assert!(matches!(&app.asked().1, Ask::Cache { name } if name == "dentry"));
    app.shrink_planned();
    app.shows("Reclaim: the slab cache dentry");
    app.keys("<Enter>");
    app.shows("nothing is reclaimed before you type y");
    app.keys("<Esc>");
    assert!(
        matches!(app.model.mode, InputMode::Ledger),
        "back to the ledger"
    );
    app.keys("K");
    app.shrink_planned();
    app.effects();
    app.keys("y");
    assert!(matches!(app.effects().last(), Some(Effect::Rung { .. })));
    app.shrunk(Ok(500));
    app.shows("Pruned negative dentries below /mnt/ext4/1");
    app.shows("shrunk 500 slabs more: dentry slabs");
    app.keys("<Esc>5");
    app.shows("1 prune, 1 shrink");
}

#[test]
fn count_makes_way_for_a_requested_job() {
    let mut app = ledger();
    app.sample(70, sample_with(50_100, 1_100));
    let job = asked(&mut app).unwrap();
    app.keys("<Esc>R");
    assert!(matches!(app.effects()[..],
        [Effect::Cancel { job: of }, .., Effect::Census { .. }] if of == job));
    recounted(&mut app, job, 70, Ok(None));
    app.sample(71, sample_with(50_100, 1_100));
    assert!(asked(&mut app).is_some());
}
