//! The tree's table: its columns, its order, its filter.

use crate::support::{App, census, counters, row};
use slabscope::abi::Counters;
use slabscope::cache::census::Census;
use slabscope::ui::model::{TREE_SHAPES, TreeColumn};

/// Names of the rows shown, from the top.
fn names(app: &App) -> Vec<String> {
    let place = app.model.tree.place().unwrap();
    let names = place.rows().iter().map(|row| row.name.to_string_lossy());
    names.map(|name| name.into_owned()).collect()
}

fn mixed(columns: u16, rows: u16) -> App {
    let mut app = App::on_tree(columns, rows);
    app.keys("j<Enter>");
    let long = Counters {
        external_bytes: 1 << 20,
        ..counters(10, 0, 0)
    };
    let pages = Counters {
        pages: 1 << 18,
        ..counters(0, 500, 20)
    };
    app.counted(Census {
        here: counters(1_011, 600, 200),
        rows: vec![
            row("many", counters(1_000, 0, 0)),
            row("long", long),
            row("Pages", pages),
            row("files", counters(0, 2, 100)),
        ],
        ..Census::default()
    });
    app
}

#[test]
fn columns_are_shown_as_far_as_they_fit_and_all_at_200() {
    let mut app = mixed(80, 24);
    let head = app.line("NAME");
    let columns = "SHARE   NEGATIVE  IN USE     UNUSED   INODES   FREEABLE NAME";
    assert!(head.ends_with(columns), "{head}");
    let mut app = mixed(200, 50);
    let head = app.line("NAME");
    for shape in TREE_SHAPES
        .iter()
        .filter(|s| s.column != TreeColumn::Change)
    {
        assert!(head.contains(shape.head), "{}: {head}", shape.words);
    }
    let row = app.line("Pages/");
    for figure in ["520", "500", "20", "1.0 GiB", "3.8 KiB"] {
        assert!(row.contains(figure), "{figure}: {row}");
    }
}

#[test]
fn each_column_sorts_and_the_sort_key_is_shown() {
    let mut app = mixed(80, 24);
    app.shows("4 directories with cached names, by freeable ▼");
    assert_eq!(names(&app), ["long", "many", "files", "", "Pages"]);
    for (letter, words, first) in [
        ('n', "negative", "many"),
        ('p', "page cache", "Pages"),
        ('i', "in use", "Pages"),
        ('o', "inodes", "Pages"),
        ('d', "dentries", "many"),
        ('u', "unused", "many"),
        ('m', "memory of inodes", "Pages"),
        ('a', "name", ""),
        ('b', "freeable", "long"),
    ] {
        app.keys("S");
        app.shows("Sort by");
        app.keys(&letter.to_string());
        app.shows(&format!("by {words} "));
        assert_eq!(names(&app)[0], first, "{words}");
        let head = app.model.tree.order.sort.shape().head;
        app.shows(head);
    }
    app.keys("r");
    app.shows("by freeable ▲");
    assert_eq!(names(&app)[0], "Pages");
}

#[test]
fn s_cycles_all_columns_and_names_sort_without_case() {
    let mut app = mixed(80, 24);
    let mut seen = Vec::new();
    for _ in 0..TREE_SHAPES.len() {
        seen.push(app.model.tree.order.sort);
        app.keys("s");
    }
    assert_eq!(app.model.tree.order.sort, TreeColumn::Freeable);
    assert!(TREE_SHAPES.iter().all(|s| seen.contains(&s.column)));
    app.keys("Sa");
    app.shows("by name ▲");
    assert_eq!(names(&app), ["", "Pages", "files", "long", "many"]);
    app.keys("r");
    assert_eq!(names(&app), ["many", "long", "files", "Pages", ""]);
}

#[test]
fn nameless_row_is_last_or_sorted_among_the_directories() {
    let mut app = mixed(80, 24);
    assert_eq!(names(&app)[3], "");
    app.keys("d");
    app.shows("directories first");
    assert_eq!(names(&app)[4], "");
    app.keys("r");
    assert_eq!(names(&app)[4], "", "reversed too");
    app.keys("d");
    assert_eq!(names(&app)[1], "");
}

#[test]
fn filter_shows_matching_names_and_escape_ends_it() {
    let mut app = mixed(80, 24);
    app.keys("/A");
    app.shows("/A");
    assert_eq!(names(&app), ["many", "Pages"]);
    app.shows("2 directories with cached names, by freeable ▼ matching \"A\"");
    app.keys("<Backspace>~s$<Enter>");
    assert_eq!(names(&app), ["files", "Pages"]);
    app.keys("<Enter>");
    assert!(app.model.tree.place().unwrap().path.ends_with("files"));
    app.keys("<Backspace>");
    assert_eq!(names(&app), ["files", "Pages"], "it stays");
    app.keys("/x");
    app.shows("no directory matches \"~s$x\"; Esc clears the filter");
    app.keys("<Enter><Esc>");
    assert_eq!(names(&app).len(), 5);
    app.keys("/~(");
    app.shows("not a regular expression");
    assert_eq!(names(&app).len(), 5);
    app.keys("<Esc>1/zzz<Esc>2");
    assert_eq!(names(&app).len(), 5, "each screen has its own");
}

#[test]
fn mouse_sorts_selects_and_enters() {
    let mut app = mixed(80, 24);
    let (x, y) = app.position("NEGATIVE");
    app.click(x, y);
    app.shows("by negative ▼");
    app.click(x, y);
    app.shows("by negative ▲");
    let (x, y) = app.position("long/");
    app.click(x, y);
    assert_eq!(app.selected(), "long/");
    app.wheel(true);
    assert_ne!(app.selected(), "long/");
    app.click(x, y);
    app.click(x, y);
    assert!(app.model.tree.place().unwrap().path.ends_with("long"));
}

#[test]
fn second_count_shows_what_changed() {
    let mut app = mixed(80, 24);
    app.shows_no("CHANGE");
    app.keys("R");
    app.counted(Census {
        here: counters(2_111, 600, 200),
        rows: vec![
            row("many", counters(2_000, 0, 0)),
            row("files", counters(0, 2, 90)),
            row("fresh", counters(7, 0, 0)),
        ],
        ..Census::default()
    });
    app.shows("CHANGE");
    assert!(app.line("many/").contains("+1.0k"));
    assert!(app.line("files/").contains("-10"));
    assert!(app.line("fresh/").contains("new"));
    app.keys("Sc");
    app.shows("by change ▼");
    assert_eq!(app.selected(), "many/");
}

#[test]
fn help_says_what_each_column_means() {
    for (columns, rows) in [(80, 24), (200, 50)] {
        let mut app = App::in_ext4(columns, rows);
        app.keys("?");
        let mut all = app.screen();
        for _ in 0..6 {
            app.keys("<PageDown>");
            all += &app.screen();
        }
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = words(&all);
        for shape in &TREE_SHAPES {
            let first: String = shape.means[0].chars().take(30).collect();
            assert!(all.contains(&format!("{} {first}", shape.head)), "{all}");
        }
    }
}

#[test]
fn bytes_are_unknown_without_slabinfo() {
    let mut app = App::new(200, 50);
    app.keys("2");
    app.msg(slabscope::ui::update::Msg::Mounts(Ok(
        crate::support::mounts(),
    )));
    app.keys("j<Enter>");
    app.counted(census());
    app.shows("- freeable");
    let row = app.line(" 1/");
    assert!(row.contains(" - "), "{row}");
}
