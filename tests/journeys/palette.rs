//! Going to a place, or doing something, by typing a part of its name.

use crate::support::{App, cgroups, mounts};
use slabscope::ui::model::Screen;
use slabscope::ui::update::{Effect, Msg};
use std::path::Path;
use std::time::Duration;

#[test]
fn action_is_done_by_a_part_of_its_name() {
    let mut app = App::sampled(80, 24);
    app.keys(":");
    app.shows("Go to, or do");
    app.shows(" :   Enter go, Tab complete, Esc cancel");
    app.keys("sort-m");
    app.shows("sort-menu             sort by any column, growth too");
    app.keys("<Enter>");
    app.shows("Sort by");
    app.keys("<Esc>:free<Enter>");
    app.shows("FROZEN");
    // By a word of its help, too.
    app.keys(":drop caches<Enter>");
    assert!(matches!(
        app.effects().last(),
        Some(Effect::PlanRung { .. })
    ));
}

#[test]
fn screen_is_opened_and_the_key_that_does_the_same_is_shown() {
    let mut app = App::sampled(80, 24);
    app.keys(":hist");
    let line = app.line("history ");
    assert!(
        line.trim_end_matches([' ', '\u{2502}']).ends_with('5'),
        "{line}"
    );
    app.keys("<Enter>");
    assert_eq!(app.model.screen, Screen::History);
}

#[test]
fn tab_completes_and_arrows_choose() {
    let mut app = App::sampled(80, 24);
    app.keys(":sort-o<Tab>");
    app.shows(" :sort-object");
    app.keys("<Esc>:sort-object<Down><Down><Enter>");
    app.shows("by object size");
    app.keys(":none such<Enter>");
    app.shows("nothing has this name here");
}

#[test]
fn cache_is_selected_whatever_was_filtered() {
    let mut app = App::sampled(80, 24);
    app.keys("/ext4<Enter>3:dentry<Enter>");
    assert_eq!(app.model.screen, Screen::Slabs);
    assert_eq!(app.selected(), "dentry");
    app.shows("235 caches");
}

#[test]
fn path_opens_in_the_tree_completed_by_what_was_shown() {
    let mut app = App::in_ext4(80, 24);
    app.effects();
    app.keys("1:/mnt/ext4/o");
    app.shows("/mnt/ext4/other");
    app.keys("<Tab><Enter>");
    let asked = app.effects();
    assert!(
        matches!(&asked[..], [.., Effect::Census { path, lookup: false, .. }]
            if path == Path::new("/mnt/ext4/other")),
        "{asked:?}"
    );
    app.keys("<Esc>:/mnt/../etc<Enter>");
    app.shows("enter the path without ..");
}

#[test]
fn process_leads_to_its_mounts() {
    let mut app = App::sampled(80, 24);
    app.keys(":812");
    app.shows("the mounts of this process");
    app.keys("<Enter>");
    assert!(matches!(
        app.effects()[..],
        [.., Effect::ReadMountsOf { pid: 812 }]
    ));
    app.msg(Msg::MountsOf {
        pid: 812,
        result: Ok(("nginx".into(), mounts())),
    });
    app.shows("812");
}

#[test]
fn cgroups_are_read_once_to_complete_them() {
    let mut app = App::sampled(80, 24);
    app.keys(":");
    let job = match app.effects()[..] {
        [Effect::ReadCgroups { job }] => job,
        ref other => panic!("{other:?}"),
    };
    app.msg(Msg::Cgroups {
        job,
        at: Duration::from_secs(2),
        result: Ok(Some(cgroups(900))),
    });
    app.keys("cron");
    app.shows("/system.slice/cron.service");
    app.keys("<Enter>");
    assert_eq!(app.model.screen, Screen::Cgroups);
    app.shows("/system.slice/cron.service ");
    app.keys(":");
    assert!(
        !app.effects()
            .iter()
            .any(|e| matches!(e, Effect::ReadCgroups { job: of } if *of == job)),
        "they are known"
    );
}

#[test]
fn palette_offers_nothing_that_acts_in_read_only_mode() {
    let mut app = App::sampled(80, 24);
    app.model.inert = Some(slabscope::ui::model::Inert::ReadOnly);
    app.keys(":shrink");
    app.shows_no("empty slabs");
    app.keys("<Enter>");
    assert!(
        !app.effects()
            .iter()
            .any(|e| matches!(e, Effect::PlanRung { .. }))
    );
}

#[test]
fn palette_fits_the_smallest_terminal() {
    let mut app = App::sampled(40, 10);
    app.keys(":");
    app.shows("Go to, or do");
    app.keys(&"<Down>".repeat(200));
    app.shows("quit");
}

#[test]
fn changed_settings_are_saved_on_request_only() {
    let mut app = App::sampled(80, 24);
    app.keys(":save<Enter>");
    app.shows("no setting was changed since the start");
    app.keys("T-:save<Enter>");
    let changes = app.effects().into_iter().find_map(|effect| match effect {
        Effect::Save(changes) => Some(changes),
        _ => None,
    });
    let changes = changes.unwrap();
    assert_eq!(
        changes,
        [
            ("interval", "2.0".to_owned()),
            ("theme", "\"light\"".to_owned())
        ]
    );
    app.msg(Msg::Saved(Ok("/etc/xdg/config.toml".into())));
    app.shows("saved in /etc/xdg/config.toml");
    app.keys(":save<Enter>");
    app.shows("no setting was changed");
    app.msg(Msg::Saved(Err("it is another user's".into())));
    app.shows("not saved: it is another user's");
}
