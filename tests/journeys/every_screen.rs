//! Properties of every screen.

use crate::no_module;
use crate::support::{App, census, sample_with};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use slabscope::kernel::session::Status;
use slabscope::ui::config::Config;
use slabscope::ui::look::Look;
use slabscope::ui::update::{Effect, Msg};
use std::time::Duration;

#[test]
fn keys_of_the_configuration_act_and_are_shown() {
    let mut app = App::sampled(120, 40);
    let text =
        "[keys]\nfreeze = 'F'\nquit = ['Q', 'F10']\nfilter = 'Ctrl-F'\nslabs = 'B'\nmark = []";
    app.model.keymap = text.parse::<Config>().unwrap().keys;
    app.shows("F freeze");
    app.shows("Q quit");
    app.shows(" B Slabs ");
    app.shows_no("m mark");
    app.keys("fqm1");
    app.shows_no("FROZEN");
    assert!(app.effects().is_empty());
    app.keys("F");
    app.shows("FROZEN");
    app.keys("5F");
    app.shows_no("FROZEN");
    app.keys("B?");
    app.shows("    F freeze the figures");
    app.shows("Ctrl-F filter names: text or ~regex");
    app.shows("Q back; quit (Ctrl-C: at once)");
    app.keys("?");
    let control_f = KeyEvent::new(KeyCode::Char('f'), KeyModifiers::CONTROL);
    app.msg(Msg::Key(control_f));
    app.keys("dentryQ");
    app.shows("/dentryQ");
    app.keys("<Esc>Q");
    assert!(matches!(app.effects().last(), Some(Effect::Quit)));
}

#[test]
fn help_shows_every_key_of_the_screen_and_scrolls_at_80x24() {
    for screen in ["1", "2", "3", "4", "5"] {
        let mut app = App::sampled(80, 24);
        app.keys(screen);
        app.keys("?");
        app.shows("back; quit (Ctrl-C");
        let mut all = app.screen();
        for _ in 0..20 {
            app.keys("<PageDown>");
            all += &app.screen();
        }
        for words in ["IDLE", "shrink    free", "last (also End)"] {
            assert!(all.contains(words), "{words}: {all}");
        }
        app.shows_no("more below");
        app.keys("?");
        app.shows_no("back; quit (Ctrl-C");
    }
}

#[test]
fn q_quits() {
    for screen in ["1", "2", "3", "4", "5"] {
        let mut app = App::sampled(80, 24);
        app.keys(screen);
        app.keys("q");
        assert!(matches!(app.effects()[..], [.., Effect::Quit]));
    }
}

#[test]
fn no_size_is_too_small_or_too_large_to_draw() {
    for (columns, rows) in [
        (1, 1),
        (2, 3),
        (10, 4),
        (20, 10),
        (40, 10),
        (40, 12),
        (300, 80),
    ] {
        for app in [
            App::sampled,
            App::on_tree,
            App::in_ext4,
            App::in_names,
            App::in_hotspots,
            App::on_filesystems,
            App::on_cgroups,
            App::in_settings,
            App::watching,
            App::watching_a_cache,
            App::planned,
            App::pruning,
        ] {
            let mut app = app(80, 24);
            app.resize(columns, rows);
            app.screen();
            app.keys("<Esc>5");
            app.screen();
            app.keys("?");
            app.screen();
        }
        for keys in ["S", "?", "/~(", "m", "i", "<Enter>", "<Enter>G", "<Enter>?"] {
            let mut app = App::sampled(columns, rows);
            app.keys(keys);
            app.screen();
            app.attributes("ext4_inode_cache");
            app.screen();
            app.click(0, 0);
        }
        let mut app = App::sampled(columns, rows);
        app.keys("K");
        app.shrink_planned();
        app.screen();
        app.resize(80, 24);
        app.keys("y");
        app.resize(columns, rows);
        app.screen();
        app.shrunk(Ok(1));
        app.screen();
        let mut app = App::pruning(80, 24);
        app.resize(columns, rows);
        app.pruned(Status::Complete, 5);
        app.screen();
    }
}

#[test]
fn every_screen_is_ascii_without_unicode() {
    let look = Look::new(false, false);
    for app in [
        App::sampled,
        App::on_tree,
        App::in_ext4,
        App::in_names,
        App::in_hotspots,
        App::on_filesystems,
        App::on_cgroups,
        App::in_settings,
        App::watching,
        App::watching_a_cache,
        App::planned,
        App::pruning,
    ] {
        let mut app = app(80, 24);
        app.model.look = look;
        for keys in ["", "<Esc>5", "?"] {
            app.keys(keys);
            let screen = app.screen();
            assert!(screen.is_ascii(), "{screen}");
        }
    }
    for keys in ["S", "/~(", "m", "i", "<Enter>", "<Enter>G"] {
        let mut app = App::sampled(80, 24);
        app.model.look = look;
        app.keys(keys);
        app.attributes("ext4_inode_cache");
        let screen = app.screen();
        assert!(screen.is_ascii(), "{screen}");
    }
    let mut app = App::sampled(200, 50);
    app.model.look = look;
    app.sample(2, sample_with(2_000_000, 7));
    app.keys("K");
    app.shrink_planned();
    assert!(app.screen().is_ascii());
    app.keys("y");
    app.shrunk(Ok(1));
    assert!(app.screen().is_ascii());
    let mut app = App::pruning(80, 24);
    app.model.look = look;
    app.pruned(Status::Complete, 999_900);
    let screen = app.screen();
    assert!(screen.is_ascii(), "{screen}");
    assert!(
        screen.contains(" 1 pruned 1/ 999,900 03:12:44 "),
        "{screen}"
    );
}

#[test]
fn main_screens_match_their_snapshots() {
    crate::snapshots(main_screens);
}

/// Each screen with plausible figures.
fn main_screens(columns: u16, rows: u16) -> Vec<(&'static str, App)> {
    let mut slabs = App::new(columns, rows);
    for second in 0..90 {
        slabs.sample(second, sample_with(1_000_000 + second * 1_000, 900_000));
    }
    let pruned = || {
        let mut app = App::new(columns, rows);
        for second in 0..60 {
            app.sample(second, sample_with(50_000 + second * 17_000, 1_100));
        }
        app.walk_to_ext4();
        app.keys("p");
        app.plan(census().rows[0].below);
        app.keys("y");
        app.prune_began();
        app.pruned(Status::Complete, 999_900);
        for second in 64..90 {
            app.sample(second, sample_with(50_100, 1_100));
        }
        app
    };
    let mut names = App::in_names(columns, rows);
    names.keys("j<Enter>");
    names.sifted();
    let mut export = App::in_names(columns, rows);
    export.keys("e");
    let mut missing = App::on_tree(columns, rows);
    missing.keys("<Enter>");
    let (job, at) = (missing.model.last_job, Duration::from_secs(2));
    let result = Err(no_module());
    missing.msg(Msg::Counted { job, at, result });
    let mut history = pruned();
    history.keys("<Esc>5");
    let mut history_cursor = pruned();
    history_cursor.keys("<Esc>5z[<Right><Right>");
    let mut history_plain = pruned();
    history_plain.model.look = Look::new(false, false);
    history_plain.keys("<Esc>5z<Left><Left><Left>");
    let mut help = App::in_ext4(columns, rows);
    help.keys("?");
    let grown = || {
        let mut app = App::new(columns, rows);
        for second in 0..90 {
            app.sample(second, sample_with(1_000_000 + second * 1_000, 900_000));
            if second == 30 {
                app.keys("m");
            }
        }
        app
    };
    let mut marked = grown();
    marked.keys("Sg");
    let mut menu = App::sampled(columns, rows);
    menu.keys("S");
    let mut detail = grown();
    detail.keys("/dentry<Enter><Enter>");
    detail.attributes("dentry");
    let mut shrink = App::sampled(columns, rows);
    shrink.keys("/kmalloc-512<Enter>K");
    shrink.shrink_planned();
    let mut shrunk = App::sampled(columns, rows);
    shrunk.keys("/kmalloc-512<Enter>K");
    shrunk.shrink_planned();
    shrunk.keys("y");
    shrunk.shrunk(Ok(500));
    let mut help_slabs = App::sampled(columns, rows);
    help_slabs.keys("?");
    vec![
        ("marked", marked),
        ("sort_menu", menu),
        ("detail", detail),
        ("shrink", shrink),
        ("shrunk", shrunk),
        ("help_slabs", help_slabs),
        ("slabs", slabs),
        ("mounts", App::on_tree(columns, rows)),
        ("no_module", missing),
        ("tree", App::in_ext4(columns, rows)),
        ("names", App::in_names(columns, rows)),
        ("hotspots", App::in_hotspots(columns, rows)),
        ("names_of_a_shape", names),
        ("export", export),
        ("plan", App::planned(columns, rows)),
        ("plan_marked", App::planned_marked(columns, rows)),
        ("pruning", App::pruning(columns, rows)),
        ("ledger", pruned()),
        ("ledger_marked", App::pruned_marked(columns, rows)),
        ("history", history),
        ("history_cursor", history_cursor),
        ("history_plain", history_plain),
        ("help", help),
    ]
}

#[test]
fn help_shows_only_the_lines_with_a_text() {
    let mut app = App::sampled(80, 24);
    app.keys("?/GROW");
    app.shows(" /GROW   Enter apply, Esc clear");
    app.shows("sort by any column, growth too");
    app.shows_no("freeze the figures");
    app.keys("<Enter>");
    app.shows("Esc close");
    app.keys("/zzz");
    app.shows("no line has \"GROWzzz\"");
    app.keys("<Esc>");
    app.shows("freeze the figures");
    app.keys("<Esc>");
    app.shows("235 caches");
}
