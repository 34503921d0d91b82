//! With --read-only nothing acts, and nothing offers to.

use crate::support::{App, mounts};
use slabscope::ui::model::Inert;
use slabscope::ui::update::{Effect, Msg};

fn read_only(app: fn(u16, u16) -> App) -> App {
    let mut app = app(80, 24);
    app.model.inert = Some(Inert::ReadOnly);
    app.effects();
    app
}

#[test]
fn keys_that_act_are_in_no_hint_and_no_help() {
    for app in [App::sampled, App::on_tree, App::in_ext4] {
        let mut app = read_only(app);
        app.shows("READ-ONLY");
        let mut all = app.screen();
        app.keys("?");
        for _ in 0..4 {
            all += &app.screen();
            app.keys("<PageDown>");
        }
        let words = [
            "K shrink",
            "free the cache",
            "prune row",
            "plan to prune",
            "carry out the plan",
            " A plan",
        ];
        for words in words {
            assert!(!all.contains(words), "{words}: {all}");
        }
    }
}

#[test]
fn key_that_acts_does_nothing_and_says_why() {
    let mut app = read_only(App::in_ext4);
    for key in ["p", "P"] {
        app.keys(key);
        app.shows("pruning is off: read-only");
    }
    app.keys("y1K");
    app.shows("shrinking is off: read-only");
    app.keys("<Enter>");
    app.keys("K");
    app.shows("shrinking is off: read-only");
    app.keys("y");
    let acts = |effect: &Effect| !matches!(effect, Effect::ReadAttributes { .. });
    assert!(!app.effects().iter().any(acts));
}

#[test]
fn keys_that_only_look_still_work() {
    let mut app = read_only(App::sampled);
    app.keys("2");
    app.msg(Msg::Mounts(Ok(mounts())));
    app.keys("<Enter>");
    assert!(matches!(app.effects()[..], [.., Effect::Census { .. }]));
}

#[test]
fn click_on_captured_files_queries_nothing_of_this_machine() {
    let mut app = App::on_tree(80, 24);
    app.model.inert = Some(Inert::Captured("/srv/bundle".into()));
    app.effects();
    let (column, row) = app.position("/mnt/ext4");
    app.click(column, row);
    app.click(column, row);
    app.shows("counting is off: these are files below /srv/bundle");
    assert!(app.effects().is_empty());
}
