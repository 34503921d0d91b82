//! Terminals smaller than 80x24.

use crate::support::{App, sample_with};
use slabscope::ui::model::{Answer, InputMode};

#[test]
fn smallest_terminal_keeps_what_matters_most() {
    let mut app = App::new(40, 10);
    app.sample(1, sample_with(1_000_000, 900_000));
    for shown in [
        " SReclaimable ",
        " dentries ",
        "90%",
        "SIZE",
        "ext4_inode_cache",
        // No chart takes its room.
        "radix_tree_node",
        "q quit",
    ] {
        app.shows(shown);
    }
    app.keys("<Enter>");
    app.shows("what it is");
    app.shows("Esc table");
}

#[test]
fn key_that_leads_back_is_the_last_to_go() {
    for columns in [40, 44, 50, 60] {
        let mut app = App::planned(columns, 10);
        app.shows("Esc cancel");
        app.keys("<Esc>1K");
        app.shrink_planned();
        app.shows("Esc cancel");
    }
}

#[test]
fn filter_says_how_it_ends() {
    let mut app = App::sampled(40, 10);
    app.keys("/ext4");
    app.shows("Esc clear");
    app.keys("<Esc>/~(");
    app.shows("Esc clear");
}

#[test]
fn plan_that_does_not_fit_says_so() {
    let mut app = App::planned(40, 10);
    app.shows("1 negative only");
    app.shows("lines 1 to 4 of 19: PgDn, PgUp");
    app.shows("PgDn: more before y    Esc cancels");
    let mut app = App::planned(80, 24);
    app.shows_no("PgDn");
}

#[test]
fn too_small_terminal_says_so_and_nothing_acts_there() {
    let mut app = App::planned(39, 10);
    assert!(
        app.screen()
            .starts_with("slabscope needs a terminal of 40x10;")
    );
    app.shows("39x10");
    app.effects();
    app.keys("y");
    assert!(app.effects().is_empty(), "what is not shown is not done");
    app.keys("<Esc>");
    let mut app = App::sampled(40, 9);
    app.shows("40x9");
    app.keys("q");
    assert_eq!(app.effects().len(), 1, "it can be left");
}

#[test]
fn slabtops_summary_leaves_room_for_the_table() {
    let mut app = App::sampled(80, 12);
    app.keys("i");
    for shown in [
        "active objects",
        "8 B to 51,456 B",
        "OBJS",
        "ext4_inode_cache",
    ] {
        app.shows(shown);
    }
    app.shows_no("Slab counts pages");
}

#[test]
fn sort_menu_keeps_the_chosen_line_in_sight() {
    let mut app = App::sampled(40, 10);
    app.keys("S");
    app.shows("cache size");
    for _ in 0..6 {
        app.keys("j");
    }
    app.shows("active slabs");
    app.shows_no("more in a larger terminal");
}

#[test]
fn plan_whose_figures_do_not_fit_is_not_carried_out() {
    let mut app = App::planned_marked(40, 10);
    app.keys("2");
    app.shows_no("unused dentries");
    app.effects();
    app.keys("y");
    assert!(app.effects().is_empty(), "what is not shown is not done");
    app.shows("the plan has more lines: PgDn");
}

/// The text of a plan, of each kind: all of it has to be on the screen before it is carried out.
#[test]
fn nothing_acts_before_its_whole_plan_was_shown() {
    for (columns, rows) in [(80, 24), (60, 15), (40, 10)] {
        for (kind, plan) in PLANS {
            let mut app = plan(columns, rows);
            app.effects();
            let mut texts = vec![app.screen()];
            let acts = |app: &mut App| {
                app.keys("y");
                let acted = app.effects().into_iter().any(|effect| {
                    use slabscope::ui::update::{Effect as E, WhoEffect};
                    matches!(
                        effect,
                        E::Prune { .. }
                            | E::Rung { .. }
                            | E::Change { .. }
                            | E::Who(WhoEffect::Start { .. })
                    )
                });
                acted || app.model.asking.answer(None) == Answer::Hidden && word(app)
            };
            let mut pages = 0;
            while texts.last().unwrap().contains("PgDn: more before y")
                || texts.last().unwrap().contains("PgDn shows the rest")
            {
                assert!(!acts(&mut app), "{kind} {columns}x{rows}: {pages}");
                app.keys("<PageDown>");
                texts.push(app.screen());
                pages += 1;
                assert!(pages < 40, "{kind} {columns}x{rows}:\n{}", texts.concat());
            }
            assert!(
                acts(&mut app),
                "{kind} {columns}x{rows}:\n{}",
                texts.concat()
            );
            // Whatever the width: no line is cut off.
            let all = texts.concat();
            let cut = all.lines().any(|line| line.contains("larger terminal"));
            assert!(!cut, "{kind} {columns}x{rows}");
        }
    }
}

/// Whether the word for an action on the whole machine is requested.
fn word(app: &App) -> bool {
    matches!(&app.model.mode, InputMode::ConfirmRung(confirm) if confirm.word.is_some())
}

type Plan = fn(u16, u16) -> App;

const PLANS: [(&str, Plan); 7] = [
    ("prune", App::planned),
    ("prune of two", App::planned_marked),
    ("shrink", |columns, rows| {
        let mut app = App::sampled(columns, rows);
        app.keys("K");
        app.shrink_planned();
        app
    }),
    ("superblock", |columns, rows| {
        let mut app = App::on_filesystems(columns, rows);
        app.keys("p");
        app.rung_planned();
        app
    }),
    ("everybody", |columns, rows| {
        let mut app = App::sampled(columns, rows);
        app.keys("E");
        app.rung_planned();
        app
    }),
    ("settings", |columns, rows| {
        let mut app = App::in_settings(columns, rows);
        app.keys("+");
        app
    }),
    ("who", |columns, rows| {
        let mut app = App::in_ext4(columns, rows);
        app.keys("w");
        app
    }),
];
