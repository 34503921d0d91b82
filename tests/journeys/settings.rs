//! The kernel's settings: shown, changed by y alone, restored by one key.

use crate::support::App;
use slabscope::reclaim::ReclaimError;
use slabscope::reclaim::audit::{Action, AuditEntry, AuditError};
use slabscope::reclaim::tune::TuneReport;
use slabscope::ui::model::{Inert, Setting};
use slabscope::ui::update::{Effect, Msg, SettingsMsg};
use std::path::Path;
use std::time::Duration;

fn read(app: &mut App, pressure: u64) {
    let setting = |value| Setting {
        value,
        former: None,
    };
    let all = vec![
        setting(Ok(pressure)),
        setting(Err("this kernel has none; Linux 7.2 and newer do".into())),
    ];
    app.msg(Msg::Settings(SettingsMsg::Read(all)));
}

impl App {
    /// With the settings shown.
    pub fn in_settings(columns: u16, rows: u16) -> Self {
        let mut app = Self::sampled(columns, rows);
        app.keys("V");
        assert!(matches!(app.effects()[..], [Effect::ReadSettings]));
        read(&mut app, 100);
        app
    }

    /// Asserts that a change of the pressure is requested, and nothing else.
    fn asks_for(&mut self, pressure: u64) {
        let asked = self.effects();
        assert!(
            matches!(asked[..], [Effect::Change { which: 0, to }] if to == pressure),
            "{asked:?}"
        );
    }
}

fn changed(app: &mut App, from: u64, to: u64) {
    changed_and(app, [from, to], Ok(()));
}

fn changed_and(app: &mut App, [from, to]: [u64; 2], recorded: Result<(), AuditError>) {
    let record = AuditEntry {
        time: "2026-11-22T03:12:44Z".into(),
        uid: 0,
        sudo_uid: None,
        mode: Some("vm.vfs_cache_pressure"),
        setting: Some([from, to]),
        outcome: "complete".into(),
        ..AuditEntry::new(
            Action::Tune,
            Path::new("/proc/sys/vm/vfs_cache_pressure"),
            0,
        )
    };
    let done = TuneReport {
        result: Ok(()),
        record,
        recorded,
    };
    answered(app, Ok(Some(Box::new(done))));
}

fn answered(app: &mut App, result: Result<Option<Box<TuneReport>>, ReclaimError>) {
    let at = Duration::from_secs(5);
    app.msg(Msg::Settings(SettingsMsg::Changed { at, result }));
}

#[test]
fn settings_are_shown_with_their_meaning() {
    let mut app = App::in_settings(80, 24);
    app.shows("▸ vm.vfs_cache_pressure   100");
    app.shows("how eagerly dentries and inodes are reclaimed");
    app.shows("it applies under memory pressure");
    app.shows("this kernel has none; Linux 7.2 and newer do");
    app.keys("y");
    assert!(app.effects().is_empty(), "nothing is proposed");
    app.shows("nothing would change");
}

#[test]
fn only_y_changes_a_setting_and_b_proposes_the_former_value() {
    let mut app = App::in_settings(80, 24);
    app.keys("++");
    app.shows("vm.vfs_cache_pressure   100 → 200");
    app.shows("slabscope tune vm.vfs_cache_pressure 200");
    app.keys("<Enter>x");
    app.shows("nothing is changed before you type y");
    assert!(app.effects().is_empty());
    app.keys("y");
    app.asks_for(200);
    changed(&mut app, 100, 200);
    app.shows("vm.vfs_cache_pressure is 200 now; it was 100");
    assert!(matches!(app.effects()[..], [Effect::ReadSettings]));
    read(&mut app, 200);
    app.shows("was 100: b proposes it");
    app.keys("b");
    app.shows("vm.vfs_cache_pressure   200 → 100");
    assert!(app.effects().is_empty(), "one key changes nothing");
    app.keys("y");
    app.asks_for(100);
    changed(&mut app, 200, 100);
    read(&mut app, 100);
    app.keys("<Esc>5");
    app.shows("tune vm.vfs_cache_pressure  100 → 200  complete");
    app.shows("2 tunes");
    app.shows_no("SReclaimable ?");
}

#[test]
fn unchangeable_setting_says_why() {
    let mut app = App::in_settings(80, 24);
    app.keys("j+");
    app.keys("y");
    app.shows("nothing would change");
    app.keys("b");
    app.shows("no earlier change of it is recorded");
    app.keys("k-y");
    let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let path = Path::new("/proc/sys/vm/vfs_cache_pressure");
    answered(&mut app, Err(ReclaimError::file(path, error)));
    app.shows("/proc/sys/vm/vfs_cache_pressure: permission denied; only root may");
    let error = AuditError::File {
        path: "/root/a\x1bb".into(),
        source: std::io::Error::from(std::io::ErrorKind::StorageFull),
    };
    app.resize(200, 24);
    answered(&mut app, Err(error.into()));
    app.shows(
        "the audit file /root/a\\u{1b}b: no storage space; Actions that cannot be recorded do not run",
    );
}

#[test]
fn second_y_and_one_that_changes_nothing_request_nothing() {
    let mut app = App::in_settings(80, 24);
    app.keys("++yy");
    app.asks_for(200);
    app.shows("nothing would change");
    answered(&mut app, Ok(None));
    app.shows("already set: nothing was changed");
    app.keys("<Esc>5");
    app.shows_no("tune vm.vfs_cache_pressure");
}

#[test]
fn unrecorded_change_can_still_be_restored() {
    let mut app = App::in_settings(80, 24);
    changed_and(&mut app, [100, 200], Err(AuditError::Homeless));
    app.shows("not recorded: there is no audit file");
    app.effects();
    read(&mut app, 200);
    app.shows("was 100: b proposes it");
    app.keys("by");
    app.asks_for(100);
}

#[test]
fn setting_that_is_not_shown_is_neither_changed_nor_restored() {
    let mut app = App::in_settings(80, 24);
    changed(&mut app, 100, 200);
    read(&mut app, 200);
    app.keys("+");
    app.resize(39, 10);
    app.effects();
    app.keys("yb");
    assert!(app.effects().is_empty());
}

#[test]
fn change_does_not_wait_for_a_search_for_hotspots() {
    let mut app = App::on_tree(80, 24);
    app.keys("H");
    let hunt = app.model.last_job;
    app.keys("V");
    read(&mut app, 100);
    app.effects();
    app.keys("+y");
    assert!(matches!(
        app.effects()[..],
        [Effect::Cancel { job }, Effect::Change { .. }] if job == hunt
    ));
}

#[test]
fn settings_are_shown_and_unchangeable_in_read_only_mode() {
    let mut app = App::in_settings(80, 24);
    app.model.inert = Some(Inert::ReadOnly);
    app.shows("vm.vfs_cache_pressure   100");
    app.shows_no("type y");
    app.keys("+");
    app.shows("changing a setting is off: read-only");
    app.keys("y");
    assert!(app.effects().is_empty());
}

#[test]
fn screens_match_their_snapshots() {
    crate::snapshots(|columns, rows| {
        let mut app = App::in_settings(columns, rows);
        app.keys("++");
        vec![("settings", app)]
    });
}
