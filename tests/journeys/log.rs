//! The actions of this session, and where they are recorded.

use std::path::Path;

use crate::support::App;
use slabscope::kernel::session::Status;
use slabscope::reclaim::audit::{Action, AuditEntry, AuditError, Log};
use slabscope::reclaim::prune::PruneError;

fn pruned(columns: u16, rows: u16) -> App {
    let mut app = App::pruning(columns, rows);
    app.model.journal.file = Log::File("/root/.local/state/slabscope/audit.jsonl".into());
    app.pruned(Status::Complete, 999_900);
    app.keys("<Esc>5");
    app
}

#[test]
fn history_lists_the_actions_and_names_the_audit_file() {
    let mut app = pruned(80, 24);
    app.shows("1 prune, recorded in /root/.local/state/slabscope/audit.jsonl");
    app.shows("2026-11-22T03:12:44Z  prune negative  999,900 of 1,000,000 dentries  complete");
    app.shows("SReclaimable 500 MiB → 309 MiB  ext4  uid 0  /mnt/ext4/1");
    app.keys("1/kmalloc-512<Enter>K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Ok(500));
    app.keys("<Esc>5");
    app.shows("1 prune, 1 shrink, recorded");
    app.shows("shrink          0 of about");
    app.shows("/sys/kernel/slab/kmalloc-512/shrink");
}

#[test]
fn wider_rungs_and_settings_are_listed_too() {
    let mut app = pruned(80, 24);
    let record = |action, mode, path: &str| AuditEntry {
        mode: Some(mode),
        outcome: "complete".into(),
        ..AuditEntry::new(action, Path::new(path), 2 << 20)
    };
    let records = &mut app.model.journal.records;
    records.push(AuditEntry {
        freed: 1 << 20,
        ..record(Action::Reclaim, "superblock", "/srv")
    });
    records.push(AuditEntry {
        setting: Some([100, 200]),
        ..record(Action::Tune, "vm.vfs_cache_pressure", "/proc/sys/vm/x")
    });
    records.push(AuditEntry {
        freed: 40,
        predicted: 50,
        ..record(Action::Reclaim, "carousel", "/srv")
    });
    app.shows("1 prune, 2 reclaims, 1 tune, recorded");
    app.shows("reclaim carousel  40 of 50 names  complete");
    app.shows("reclaim superblock  1.0 MiB of at most 2.0 MiB  complete");
    app.shows("tune vm.vfs_cache_pressure  100 → 200  complete");
}

#[test]
fn record_takes_one_line_on_a_wide_screen() {
    let mut app = pruned(200, 50);
    let line = app.line("2026-11-22T03:12:44Z");
    assert!(line.ends_with("/mnt/ext4/1"), "{line}");
}

#[test]
fn action_that_cannot_be_recorded_does_not_run_and_says_so() {
    let mut app = App::pruning(80, 24);
    let refused = PruneError::Unrecorded(AuditError::Homeless);
    app.part_pruned(Err(refused), 1_050_000, true);
    app.shows("Prune aborted");
    app.shows("neither XDG_STATE_HOME nor HOME is set");
    app.shows("Actions that cannot be recorded do not");
    app.keys("<Esc>5");
    app.shows("dentries  failed");
    app.shows("1 prune, NOT RECORDED: there is no audit file");
    app.shows("   there is no audit file: neither XDG_STATE_HOME");
}

/// The disk may have filled up meanwhile.
#[test]
fn record_that_could_not_be_written_is_shown() {
    let mut app = App::pruning(80, 24);
    app.part_pruned_with(
        Ok(App::outcome(Status::Complete, 999_900)),
        50_100,
        true,
        Err(AuditError::Homeless),
    );
    app.shows("Pruned negative dentries below /mnt/ext4/1");
    app.shows("not recorded: there is no audit file");
    app.keys("<Esc>5");
    app.shows("1 prune, NOT RECORDED: there is no audit file");
}

#[test]
fn long_log_scrolls() {
    let mut app = pruned(80, 24);
    for n in 0..20 {
        let mut record = app.model.journal.records[0].clone();
        record.path = format!("/mnt/ext4/older-{n}").into();
        app.model.journal.records.insert(0, record);
    }
    app.shows("21 prunes");
    app.shows("/mnt/ext4/1");
    app.keys("<Down><Down>");
    app.shows_no("/mnt/ext4/1\n");
    app.shows("/mnt/ext4/older-1");
    app.keys("<End>");
    app.shows("/mnt/ext4/older-19");
    app.keys("<Home>");
    app.shows("uid 0  /mnt/ext4/1\n");
}
