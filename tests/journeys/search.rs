//! A search moves the cursor; and copies.

use crate::support::App;
use slabscope::ui::update::Effect;

#[test]
fn search_moves_the_cursor_and_hides_no_row() {
    let mut app = App::sampled(80, 24);
    app.keys("\\kmalloc");
    app.shows(" \\kmalloc   Enter stay, Esc back");
    assert_eq!(app.selected(), "kmalloc-512");
    app.shows("235 caches");
    app.keys("<Enter>");
    app.shows("n next  N previous  Esc end");
    app.keys("n");
    assert_eq!(app.selected(), "kmalloc-128");
    app.keys("nN");
    assert_eq!(app.selected(), "kmalloc-128");
    // Any other key ends it: n sorts by name again, as in slabtop.
    app.keys("jn");
    app.shows("by name");
}

#[test]
fn search_goes_on_at_the_other_end() {
    let mut app = App::sampled(80, 24);
    app.keys("\\dentry<Enter>nn");
    assert!(app.selected().contains("dentry"));
    app.keys("<Esc>\\no such cache");
    app.shows("no row matches \"no such cache\"");
    assert!(app.selected().contains("dentry"), "the cursor stays");
}

#[test]
fn escape_leads_back_to_the_row_from_before() {
    let mut app = App::sampled(80, 24);
    app.keys("jj");
    let before = app.selected();
    app.keys("\\kmalloc-512");
    assert_ne!(app.selected(), before);
    app.keys("<Esc>");
    assert_eq!(app.selected(), before);
}

#[test]
fn every_list_is_searched() {
    let mut app = App::in_ext4(80, 24);
    app.keys("\\oth<Enter>");
    assert!(app.line("other/").starts_with(' '));
    assert_eq!(app.selected(), "other/");
    let mut app = App::on_cgroups(80, 24);
    app.keys("\\cron<Enter>");
    app.shows("/system.slice/cron.service");
    let mut app = App::on_filesystems(80, 24);
    app.keys("\\devtmpfs<Enter>");
    app.shows("devtmpfs on devtmpfs");
    let mut app = App::in_hotspots(80, 24);
    app.keys("\\dpkg<Enter>");
    assert_eq!(app.selected(), "/var/lib/dpkg/info");
    let mut app = App::on_tree(80, 24);
    app.keys("\\/sys/fs<Enter>");
    assert!(
        app.model
            .tree
            .mount
            .as_ref()
            .is_some_and(|point| point.starts_with("/sys/fs"))
    );
    let mut app = App::sampled(80, 24);
    app.keys("5\\");
    app.shows("no list to search here");
}

/// The last text for the clipboard.
fn copied(app: &mut App) -> Option<String> {
    let effects = app.effects().into_iter().rev();
    effects.into_iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text),
        _ => None,
    })
}

#[test]
fn copy_takes_the_path_the_name_or_the_command() {
    let of = |mut app: App| {
        app.model.mouse = Some(true);
        app.keys("Y");
        app.shows("sent to the terminal's clipboard: ");
        copied(&mut app).unwrap()
    };
    assert_eq!(of(App::sampled(80, 24)), "ext4_inode_cache");
    assert_eq!(of(App::in_ext4(80, 24)), "/mnt/ext4/1");
    assert_eq!(of(App::on_filesystems(80, 24)), "/mnt/ext4");
    assert_eq!(of(App::in_hotspots(80, 24)), "/mnt/ext4/1/2/3");
    assert_eq!(
        of(App::planned(80, 24)),
        "slabscope prune /mnt/ext4/1 --mode negative"
    );
    let mut everybody = App::sampled(80, 24);
    everybody.keys("E");
    everybody.rung_planned();
    assert_eq!(of(everybody), "echo 2 > /proc/sys/vm/drop_caches");
}

#[test]
fn terminal_without_a_clipboard_says_so() {
    let mut app = App::sampled(80, 24);
    app.keys("Y");
    app.shows("this terminal has no clipboard");
    assert_eq!(copied(&mut app), None);
}
