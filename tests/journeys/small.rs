//! Terminals smaller than 80x24.

use crate::support::{App, sample_with};

#[test]
fn the_smallest_terminal_keeps_what_matters_most() {
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
fn the_key_that_leads_back_is_the_last_to_go() {
    for columns in [40, 44, 50, 60] {
        let mut app = App::planned(columns, 10);
        app.shows("Esc cancel");
        app.keys("<Esc>1K");
        app.shrink_planned();
        app.shows("Esc cancel");
    }
}

#[test]
fn a_filter_says_how_it_ends() {
    let mut app = App::sampled(40, 10);
    app.keys("/ext4");
    app.shows("Esc ends");
    app.keys("<Esc>/~(");
    app.shows("Esc ends");
}

#[test]
fn a_plan_that_does_not_fit_says_so() {
    let mut app = App::planned(40, 10);
    app.shows("1 negative dentries");
    app.shows("more in a larger terminal");
    let mut app = App::planned(80, 24);
    app.shows_no("more in a larger terminal");
}

#[test]
fn a_terminal_that_is_too_small_says_so_and_nothing_acts_there() {
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
fn the_sort_menu_keeps_the_chosen_line_in_sight() {
    let mut app = App::sampled(40, 10);
    app.keys("S");
    app.shows("cache size");
    for _ in 0..6 {
        app.keys("j");
    }
    app.shows("class");
    app.shows_no("more in a larger terminal");
}

#[test]
fn a_plan_whose_figures_do_not_fit_is_not_carried_out() {
    let mut app = App::planned_marked(40, 10);
    app.keys("2");
    app.shows_no("unused dentries");
    app.effects();
    app.keys("y");
    assert!(app.effects().is_empty(), "what is not shown is not done");
    app.shows("the terminal is too small for the plan");
    let mut app = App::planned(40, 10);
    app.shows("1,000,000");
    app.effects();
    app.keys("y");
    assert_eq!(app.effects().len(), 1);
}
