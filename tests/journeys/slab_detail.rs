//! A cache in detail, and shrinking it.

use crate::support::{App, sample, sample_with};
use crate::unreadable;
use slabscope::ui::model::Ask;
use slabscope::ui::update::{Effect, Msg};

#[test]
fn detail_says_what_a_cache_is_and_how_it_is_used() {
    let mut app = App::new(80, 24);
    app.sample(1, sample_with(1_000_000, 0));
    app.keys("j<Enter>");
    assert!(matches!(&app.effects()[..], [Effect::ReadAttributes { cache }] if cache == "dentry"));
    app.shows("R dentry   reclaimable: its pages count as SReclaimable");
    app.shows("objects  1,000,000 of 1,000,020, 99 %");
    app.shows("A name in a directory that was looked up");
    app.shows("Yes, below any directory: the tree (2) counts and prunes them");
    app.attributes("dentry");
    app.shows("3.8 KiB of free objects, 2.9 MiB at slabs' ends");
    app.shows("47,620 (186 MiB) of 21 objects, 1 page; 12 partial, 92 % full");
    app.shows("192 B for 192 B asked for (+0 B to align to 8); 64 B left per slab");
    app.keys("G");
    app.shows("1: its pages are SReclaimable");
    app.sample(2, sample_with(1_074_100, 0));
    app.shows("▲ 74.1k/s");
    assert!(
        matches!(app.effects()[..], [Effect::ReadAttributes { .. }]),
        "read again"
    );
    app.sample(3, sample_with(1_074_100, 0));
    assert!(app.effects().is_empty(), "one reading at a time");
    app.attributes("dentry");
    app.keys("2");
    app.effects();
    app.sample(4, sample_with(1_074_100, 0));
    assert!(app.effects().is_empty(), "on another screen nobody looks");
    app.keys("1");
    app.shows("R dentry   reclaimable");
    app.keys("q");
    app.shows("caches by cache size");
    app.attributes("dentry");
    assert!(app.model.slabs.detail.is_none());
}

#[test]
fn detail_without_sysfs_says_so_and_shows_the_rest() {
    let mut app = App::sampled(80, 24);
    app.keys("j<Enter>");
    let denied = std::io::ErrorKind::PermissionDenied;
    let path = "/sys/kernel/slab/dentry/object_size";
    let result = Err(unreadable(path, denied, "Permission denied (os error 13)"));
    let cache = "dentry".to_owned();
    app.msg(Msg::Attributes { cache, result });
    app.keys("G");
    app.shows("/sys/kernel/slab/dentry/object_size: Permission denied");
    app.shows("sudo slabscope");
    app.shows("objects  ");
}

#[test]
fn detail_of_a_vanished_cache_says_so() {
    let mut app = App::sampled(80, 24);
    app.keys("j<Enter>");
    let mut without = sample();
    without
        .caches
        .as_mut()
        .unwrap()
        .retain(|c| c.name != "dentry");
    app.sample(2, without);
    app.shows("dentry: slabinfo no longer lists this cache");
}

fn of_cache(name: &str) -> Ask {
    Ask::Cache { name: name.into() }
}

#[test]
fn only_y_in_a_plan_shrinks_the_cache_that_was_shown() {
    let every: String = (' '..='~').filter(|c| !"ynq<".contains(*c)).collect();
    let mut app = App::sampled(80, 24);
    app.keys("/kmalloc-512<Enter>");
    app.effects();
    app.keys("K");
    assert_eq!(app.asked().1, of_cache("kmalloc-512"));
    app.effects();
    app.keys("y<Enter>y");
    assert!(app.effects().is_empty(), "there is no plan yet");
    app.keys("<Esc>");
    app.shows("2 caches by cache size");
    app.keys("K");
    app.effects();
    app.shrink_planned();
    app.shows("Reclaim: the slab cache kmalloc-512");
    app.shows("569 slabs, 4.4 MiB");
    app.shows("another,");
    app.shows("secret_cache are the same cache");
    app.shows("echo 1 > /sys/kernel/slab/kmalloc-512/shrink");
    app.keys("<Enter>");
    app.shows("nothing is reclaimed before you type y");
    app.keys("<Tab><Left><Home><End><PageUp><PageDown>");
    app.keys(&every);
    assert!(app.effects().is_empty());
    app.keys("y");
    match &app.effects()[..] {
        [Effect::Rung { plan, .. }] => assert_eq!(plan.ask, of_cache("kmalloc-512")),
        other => panic!("{other:?}"),
    }
    for no in ["n", "q", "<Esc>"] {
        let mut app = App::sampled(80, 24);
        app.keys("K");
        app.shrink_planned();
        app.effects();
        app.keys(no);
        app.shows("cancelled: nothing was reclaimed");
        app.keys("y<Enter>y");
        let shrinks = |e: &Effect| matches!(e, Effect::Rung { .. });
        assert!(!app.effects().iter().any(shrinks), "{no}");
    }
}

#[test]
fn freed_slabs_are_measured_and_marked() {
    let mut app = App::sampled(80, 24);
    app.keys("/kmalloc-512<Enter>K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Ok(500));
    app.shows("Reclaimed: the slab cache kmalloc-512");
    let slabs = app.line(" its slabs   ");
    assert!(
        slabs.contains("2,404") && slabs.contains("1,904") && slabs.contains("-500"),
        "{slabs}"
    );
    app.shows("3.9 MiB freed");
    assert_eq!(app.model.history.markers.len(), 1);
    app.keys("<Esc>");
    app.shows("caches by cache size");
    app.keys("<Enter>K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Ok(0));
    app.shows("No slab was empty");
    app.keys("<Esc>");
    app.shows("U kmalloc-512   unreclaimable");
}

#[test]
fn refused_shrinking_says_why_and_what_helps() {
    let mut app = App::sampled(80, 24);
    for (kind, remedy) in [
        (std::io::ErrorKind::PermissionDenied, "sudo slabscope"),
        (
            std::io::ErrorKind::NotFound,
            "this kernel does not offer it",
        ),
        (
            std::io::ErrorKind::ReadOnlyFilesystem,
            "/sys is read-only here",
        ),
    ] {
        app.keys("K");
        app.shrink_refused(kind);
        app.shows("There is no plan");
        app.shows("/sys/kernel/slab/dentry/shrink: ");
        app.shows(remedy);
        app.keys("<Esc>");
    }
    app.keys("K");
    app.shrink_planned();
    app.keys("y");
    app.shrunk(Err(std::io::ErrorKind::PermissionDenied));
    app.shows("Not carried out");
    assert!(app.model.history.markers.is_empty());
}
