//! The screen of cgroups.

use crate::support::{App, cgroups, sample};
use crate::unreadable;
use slabscope::kernel::source::{Cgroup, Cgroups, CgroupsError, Version};
use slabscope::ui::update::{Effect, Msg};
use std::time::Duration;

fn reads(app: &mut App) -> usize {
    let effects = app.effects();
    let reads = |effect: &&Effect| matches!(effect, Effect::ReadCgroups { .. });
    effects.iter().filter(reads).count()
}

#[test]
fn cgroups_are_read_one_reading_at_a_time_while_shown() {
    let mut app = App::sampled(80, 24);
    app.sample(2, sample());
    assert_eq!(reads(&mut app), 0, "another screen is shown");
    app.keys("4");
    app.shows("reading the cgroups");
    assert!(matches!(app.effects[..], [Effect::ReadCgroups { .. }]));
    let job = app.reading();
    app.effects();
    app.sample(3, sample());
    assert_eq!(reads(&mut app), 0, "one is under way");
    let (at, result) = (Duration::from_secs(3), Ok(Some(cgroups(900))));
    app.msg(Msg::Cgroups { job, at, result });
    app.sample(4, sample());
    assert_eq!(reads(&mut app), 1);
    app.keys("1");
    app.sample(5, sample());
    assert_eq!(reads(&mut app), 0);
}

#[test]
fn frozen_screen_reads_no_cgroups() {
    let mut app = App::on_cgroups(80, 24);
    app.keys("f");
    app.effects();
    app.sample(5, sample());
    assert_eq!(reads(&mut app), 0);
    app.keys("f");
    assert_eq!(reads(&mut app), 1);
}

#[test]
fn bar_shows_slab_and_other_memory_of_the_limit() {
    let mut app = App::on_cgroups(80, 24);
    app.shows("OF LIMIT SLAB RECL");
    assert!(app.line("web.service").contains("! ████████ "), "slab");
    assert!(app.line("cron.service").contains("█▒▒▒▒▒▒▒ "), "page cache");
    assert!(
        app.line("batch.service").contains("█░░░░░░░ "),
        "most is left"
    );
    assert!(
        app.line("system.slice").starts_with("           "),
        "no limit"
    );
    assert!(app.line("init.scope").ends_with("init.scope  not enabled"));
    app.resize(60, 24);
    app.shows_no("OF LIMIT");
}

#[test]
fn cgroup_near_its_limit_because_of_slab_is_marked() {
    let mut app = App::on_cgroups(80, 24);
    let row = app.line("web.service");
    for figure in [
        "!",
        "914 MiB",
        "+14.0 MiB",
        "977 MiB",
        "95%",
        "slab fills it",
    ] {
        assert!(row.contains(figure), "{figure}: {row}");
    }
    let cron = app.line("cron.service");
    assert!(
        cron.contains("96%") && !cron.contains('!'),
        "files fill it: {cron}"
    );
    app.keys("jj");
    app.shows("── /app.slice/web.service ──");
    app.shows("977 MiB of memory.max, 1.0 GiB: 93 % of it slab, 47.0 MiB left");
    app.shows("near its limit because of slab: most of it is reclaimable");
}

#[test]
fn closed_row_shows_the_mark_of_what_is_below_and_the_heading_counts() {
    let mut app = App::on_cgroups(80, 24);
    app.shows("9 cgroups, 1 filled by slab (!)");
    app.shows_no("! 1 below");
    app.keys("j<Left>");
    let closed = app.line("app.slice");
    assert!(
        closed.starts_with('!') && closed.contains("! 1 below"),
        "{closed}"
    );
    app.keys("<Enter>");
    let open = app.line("app.slice");
    assert!(!open.contains('!'), "{open}");
    assert!(app.line("web.service").starts_with('!'));
}

#[test]
fn closed_row_leads_to_a_container_four_levels_down() {
    let mut all = cgroups(900);
    for (parent, path) in [
        (2, "app.slice/web.service/pod"),
        (9, "app.slice/web.service/pod/box"),
    ] {
        let next = Cgroup {
            path: path.into(),
            parent: Some(parent),
            depth: path.split('/').count(),
            id: 200 + parent as u64,
            ..all.all[2].clone()
        };
        all.all.push(next);
    }
    all.all[2].current = Some(1);
    all.all[9].current = Some(1);
    all.all.swap(8, 9);
    all.all[10].parent = Some(8);
    let mut app = App::sampled(80, 24);
    app.keys("4");
    app.cgroups(2, all);
    app.shows("11 cgroups, 1 filled by slab (!)");
    assert!(app.line("web.service").contains("! 1 below"));
    app.keys("jj<Enter>");
    assert!(app.line("pod").contains("! 1 below"));
    app.keys("j<Enter>");
    assert!(app.line("box").contains("slab fills it"));
}

#[test]
fn kernel_memory_that_is_not_slab_is_named() {
    let mut all = cgroups(900);
    let stat = all.all[3].stat.as_mut().unwrap();
    stat.kernel = Some(3 << 30);
    stat.parts = vec![("percpu", 3 << 29), ("vmalloc", 1 << 30)];
    let mut app = App::sampled(80, 24);
    app.keys("4");
    app.cgroups(2, all);
    app.keys("jjj");
    app.shows("kernel 3.0 GiB: slab 63.0 MiB, percpu 1.5 GiB, vmalloc 1.0 GiB");
    app.keys("Se");
    app.shows("by kernel memory");
    app.shows("KERNEL");
}

#[test]
fn dying_cgroups_are_shown_with_what_frees_them() {
    let mut app = App::on_cgroups(80, 24);
    app.keys("j");
    app.shows("9 dying below: removed, still charged for what they cached; prune that, or p");
    app.keys("Sy");
    assert!(
        app.line("app.slice").contains(" 9 "),
        "{}",
        app.line("app.slice")
    );
}

#[test]
fn cgroups_of_v1_show_kernel_memory_and_their_caches() {
    let mut all = cgroups(900);
    all.version = Version::V1;
    for cgroup in &mut all.all {
        cgroup.version = Version::V1;
        cgroup.dying = None;
        if let Some(stat) = &mut cgroup.stat {
            stat.slab_reclaimable = None;
            stat.slab_unreclaimable = None;
            stat.caches = vec![("inode_cache".into(), 8 << 20), ("dentry".into(), 3 << 20)];
        }
    }
    let mut app = App::sampled(80, 24);
    app.keys("4");
    app.cgroups(2, all);
    app.shows("9 cgroups of v1, 1 filled by slab (!), by kernel memory");
    app.keys("/web<Enter>");
    app.shows("slab R - (-/s), U -;");
    app.shows("(inode_cache 8.0 MiB, dentry 3.0 MiB)");
    app.shows("memory.limit_in_bytes");
}

#[test]
fn cgroups_left_unread_are_counted_in_the_heading() {
    let mut all = cgroups(900);
    all.not_read = 1_234;
    let mut app = App::sampled(80, 24);
    app.keys("4");
    app.cgroups(2, all);
    app.shows("1,234 more not read");
}

#[test]
fn tree_of_cgroups_is_sorted_opened_and_closed() {
    let mut app = App::on_cgroups(80, 24);
    app.shows_no("payload");
    assert!(app.line("batch.service").contains("+ batch.service"));
    let order = |app: &mut App| app.position("app.slice").1 < app.position("system.slice").1;
    assert!(order(&mut app));
    app.keys("jjj<Enter>");
    app.shows("payload");
    app.keys("<Left>");
    app.shows_no("payload");
    app.keys("<Left><Left>");
    app.shows_no("web.service");
    app.keys("r");
    assert!(!order(&mut app), "siblings turn round");
    app.keys("Sn");
    app.shows("by name");
    app.keys("/service<Enter>");
    app.shows("/app.slice/batch.service");
    app.shows_no("app.slice\n");
    app.keys("<Esc>");
    app.shows("+ app.slice");
}

#[test]
fn memory_without_the_controller_counts_as_the_parents() {
    let mut app = App::on_cgroups(80, 24);
    app.keys("/init.scope<Enter>");
    app.shows("the memory controller is not enabled for it");
    app.effects();
    app.keys("p");
    app.shows("select that one");
    assert!(app.effects().is_empty());
}

#[test]
fn control_characters_in_names_do_not_reach_the_terminal() {
    let mut app = App::on_cgroups(80, 24);
    app.shows("odd\\u{1b}[31m.service");
    let error = unreadable(
        "/sys/fs/cgroup/odd\x1b[31m.service/memory.stat",
        std::io::ErrorKind::InvalidData,
        "no figure",
    );
    let mut app = App::sampled(80, 24);
    app.keys("4");
    let (job, at) = (app.reading(), Duration::from_secs(2));
    let result = Err(CgroupsError::File(error));
    app.msg(Msg::Cgroups { job, at, result });
    app.shows("/odd\\u{1b}[31m.service/memory.stat: no figure");
}

#[test]
fn unreadable_cgroup_is_reported_and_the_others_are_shown() {
    let mut denied = cgroups(900);
    if let Some(last) = denied.all.last_mut() {
        last.unread = Some(unreadable(
            "/sys/fs/cgroup/init.scope/memory.stat",
            std::io::ErrorKind::PermissionDenied,
            "permission denied",
        ));
    }
    let mut app = App::on_cgroups(80, 24);
    app.sample(9, sample());
    app.cgroups(9, denied);
    app.shows("web.service");
    app.keys("/init.scope<Enter>");
    app.shows("/sys/fs/cgroup/init.scope/memory.stat: permission denied");
    app.shows("only root may read it");
}

#[test]
fn missing_controller_has_a_reason_and_a_remedy() {
    for (error, remedy) in [
        (
            CgroupsError::Version1(None),
            "systemd.unified_cgroup_hierarchy=1",
        ),
        (
            CgroupsError::NotMounted,
            "mount -t cgroup2 none /sys/fs/cgroup",
        ),
        (
            CgroupsError::NoMemory("/sys/fs/cgroup".into()),
            "cgroup_disable=memory",
        ),
    ] {
        let mut app = App::sampled(80, 24);
        app.keys("4");
        let (job, at) = (app.reading(), Duration::from_secs(2));
        let result = Err(error);
        app.msg(Msg::Cgroups { job, at, result });
        app.shows("The cgroups cannot be shown");
        app.shows(remedy);
        app.effects();
        app.sample(3, sample());
        assert_eq!(reads(&mut app), 1, "it is tried again");
    }
}

/// The bench measures how long that takes.
#[test]
fn thousands_of_cgroups_are_sorted_and_drawn() {
    let mut all = cgroups(900).all;
    for n in 0..5_000_u64 {
        all.push(Cgroup {
            path: format!("app.slice/unit-{n}.scope").into(),
            id: 1_000 + n,
            parent: Some(1),
            depth: 2,
            ..all[2].clone()
        });
    }
    let mut app = App::sampled(200, 50);
    app.keys("4");
    let read = |all: &[Cgroup]| Cgroups {
        all: all.to_vec(),
        ..Cgroups::default()
    };
    app.cgroups(2, read(&all));
    for key in ["G", "g", "j", "r", "<PageDown>"] {
        app.keys(key);
        app.screen();
    }
    app.shows("5,009 cgroups");
}

#[test]
fn screens_match_their_snapshots() {
    crate::snapshots(|columns, rows| {
        let mut help = App::on_cgroups(columns, rows);
        help.keys("?");
        let mut filled = App::on_cgroups(columns, rows);
        filled.keys("jj");
        vec![("cgroups", filled), ("help_cgroups", help)]
    });
}
