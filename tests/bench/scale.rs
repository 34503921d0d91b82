//! What grows with the number of mounts, of cgroups and of processes: ten times the number may take
//! ten times the time. Quadratic code took a hundred times.

use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::process::MountInfo;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slabscope::cache::holders;
use slabscope::kernel::source::{Kernel, cgroups};
use slabscope::ui::model::Screen;
use slabscope::ui::update::{Msg, update};
use slabscope::ui::view;
use walkdir::WalkDir;

use super::Measured;
use super::inside::model;
use crate::program::Home;

const FEW: usize = 1_000;
const MANY: usize = 10_000;
/// Bound for linear code.
const TENFOLD: f64 = 10.0;
/// Bound on the growth beyond the kernel's own share.
const BESIDE: f64 = 1.1;

/// The least times of few and of many of each, all in turns, so that other load of the machine hits
/// them alike. In processor time: the longest would be interrupted most often.
fn fastest<const N: usize>(mut measures: [&mut dyn FnMut(usize); N]) -> [[Duration; 2]; N] {
    let mut fastest = [[Duration::MAX; 2]; N];
    for _ in 0..5 {
        for (at, n) in [FEW, MANY].into_iter().enumerate() {
            for (measure, fastest) in measures.iter_mut().zip(&mut fastest) {
                let start = busy();
                measure(n);
                fastest[at] = (busy() - start).min(fastest[at]);
            }
        }
    }
    fastest
}

fn grown(what: &'static str, mut measure: impl FnMut(usize)) -> Measured {
    let [[few, many]] = fastest([&mut measure]);
    Measured::ratio(what, many, few, TENFOLD)
}

/// Where thousands of files are read, the kernel takes most of the time, and more for each file the
/// more there are. So the peer reads the same files without using them.
fn grown_beside_reading(
    what: &'static str,
    roots: &[PathBuf; 2],
    measure: impl FnMut(usize),
) -> Measured {
    grown_beside(what, measure, |n| read_all(&roots[usize::from(n == MANY)]))
}

fn grown_beside(
    what: &'static str,
    mut measure: impl FnMut(usize),
    mut peer: impl FnMut(usize),
) -> Measured {
    let [[few, many], [peer_few, peer_many]] = fastest([&mut measure, &mut peer]);
    let peers = peer_many.as_secs_f64() / peer_few.as_secs_f64();
    Measured::ratio(what, many, few, TENFOLD.max(BESIDE * peers))
}

/// Has procfs parse all lines, and keeps them.
fn parse_all(root: &Path) {
    let text = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap();
    let all: Vec<_> = text.lines().map(MountInfo::from_line).collect();
    black_box(all);
}

fn read_all(root: &Path) {
    for entry in WalkDir::new(root).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            black_box(fs::read(entry.path()).unwrap());
        } else if entry.path_is_symlink() {
            black_box(fs::read_link(entry.path()).unwrap());
        }
    }
}

/// Processor time of this process and of its children.
fn busy() -> Duration {
    let of = |who| {
        // SAFETY: all bytes zero are a value of it.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: `usage` is valid for writing.
        assert_eq!(unsafe { libc::getrusage(who, &mut usage) }, 0);
        let time = |time: libc::timeval| {
            Duration::new(time.tv_sec as u64, 0) + Duration::from_micros(time.tv_usec as u64)
        };
        time(usage.ru_utime) + time(usage.ru_stime)
    };
    of(libc::RUSAGE_SELF) + of(libc::RUSAGE_CHILDREN)
}

fn tree(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bench")
        .join(name);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("proc/self")).unwrap();
    root
}

/// A node of Kubernetes: of three mounts one is an overlay of many layers.
fn mountinfo(mounts: usize) -> String {
    let mut text = String::from("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    for at in (1..mounts).step_by(3) {
        let layers: Vec<String> = (0..30)
            .map(|layer| format!("/snap/{at}.{layer}/fs"))
            .collect();
        let layers = layers.join(":");
        let _ = writeln!(
            text,
            "{at} 22 0:{at} / /run/task/{at:032x}/rootfs rw - overlay o rw,lowerdir={layers},upperdir=/u/{at}"
        );
        let _ = writeln!(
            text,
            "{at} 22 0:4 net:[{at}] /run/netns/cni-{at:08x} rw - nsfs nsfs rw"
        );
        let _ = writeln!(
            text,
            "{at} 22 0:{at}7 / /var/lib/pods/{at:08x}/token rw - tmpfs tmpfs rw"
        );
    }
    text
}

/// All measurements.
pub fn all() -> Vec<Measured> {
    let mut all: Vec<Measured> = of_mounts().into();
    all.extend([of_cgroups(), of_processes()]);
    all
}

/// All of `doctor`, and of reading the mounts and showing them on the screens 2 and 3.
fn of_mounts() -> [Measured; 2] {
    let roots = [FEW, MANY].map(|mounts| {
        let root = tree(&format!("mounts-{mounts}"));
        fs::write(root.join("proc/self/mountinfo"), mountinfo(mounts)).unwrap();
        root
    });
    let root = |n: usize| &roots[usize::from(n == MANY)];
    let doctor = grown("doctor with 10,000 mounts / with 1,000", |n| {
        let mut command = Home::read_only().command();
        command.arg("--root").arg(root(n)).arg("doctor");
        let printed = command.output().unwrap();
        assert!(!printed.stdout.is_empty(), "{printed:?}");
    });
    // A tenth of the mounts fits into the processor's caches, and all do not: the parser of procfs,
    // which does nothing but its part of this, grows more than tenfold, too.
    let what = "screens 2 and 3 with 10,000 mounts / with 1,000";
    let screens = |n| {
        let mut model = model(80, 24);
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let mounts = Kernel::new(root(n)).mounts();
        assert!(mounts.as_ref().unwrap().len() >= n);
        update(&mut model, Msg::Mounts(mounts));
        for screen in [Screen::Tree, Screen::Filesystems] {
            model.screen = screen;
            model.arrange_filesystems();
            terminal.draw(|frame| view::render(&model, frame)).unwrap();
        }
    };
    let screens = grown_beside(what, screens, |n| parse_all(root(n)));
    [doctor, screens]
}

/// Reading sibling cgroups, and showing them as a tree.
fn of_cgroups() -> Measured {
    let roots = [FEW, MANY].map(|number| {
        let root = tree(&format!("cgroups-{number}"));
        let top = root.join("sys/fs/cgroup");
        fs::create_dir_all(&top).unwrap();
        let mounts = "30 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        fs::write(root.join("proc/self/mountinfo"), mounts).unwrap();
        fs::write(top.join("cgroup.controllers"), "memory\n").unwrap();
        for at in 0..number {
            let cgroup = top.join(format!("{}/{at}.scope", at % 100));
            fs::create_dir_all(&cgroup).unwrap();
            let stat = format!("anon 1\nfile 2\nslab_reclaimable {at}\nslab_unreclaimable 3\n");
            let all = ["some", "full"]
                .map(|of| format!("{of} avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"));
            for (name, text) in [
                ("memory.stat", &*stat),
                ("memory.current", "8192\n"),
                ("memory.max", "max\n"),
                ("memory.high", "max\n"),
                ("memory.pressure", &all.concat()),
                ("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n"),
            ] {
                fs::write(cgroup.join(name), text).unwrap();
            }
        }
        root
    });
    grown_beside_reading("screen 4 with 10,000 cgroups / with 1,000", &roots, |n| {
        let read = cgroups::read(&roots[usize::from(n == MANY)], &mut || {
            std::ops::ControlFlow::Continue(())
        });
        let cgroups = read.unwrap().unwrap();
        assert!(cgroups.all.len() > n);
        let mut page = slabscope::ui::model::CgroupsPage::default();
        page.take(Duration::ZERO, cgroups);
        black_box(page.shown.len());
    })
}

/// Scanning for holders of a directory, among processes that each have some files open.
fn of_processes() -> Measured {
    let roots = [FEW, MANY].map(|number| {
        let root = tree(&format!("processes-{number}")).join("proc");
        for pid in 0..number {
            let process = root.join(pid.to_string());
            fs::create_dir_all(process.join("fd")).unwrap();
            fs::create_dir_all(process.join("ns")).unwrap();
            let links = [
                ("cwd", "/srv/app"),
                ("root", "/"),
                ("exe", "/bin/app"),
                ("ns/mnt", "mnt:[1]"),
            ];
            for (name, to) in links
                .into_iter()
                .chain([("fd/0", "/srv/app/a"), ("fd/1", "/b")])
            {
                std::os::unix::fs::symlink(to, process.join(name)).unwrap();
            }
            fs::write(process.join("maps"), "1-2 r 0 0:0 0 /bin/app\n").unwrap();
            fs::write(process.join("mountinfo"), mountinfo(1)).unwrap();
            fs::write(process.join("comm"), "app\n").unwrap();
        }
        let _ = fs::remove_dir(root.join("self"));
        std::os::unix::fs::symlink("0", root.join("self")).unwrap();
        root
    });
    grown_beside_reading(
        "holders among 10,000 processes / among 1,000",
        &roots,
        |n| {
            let found = holders::scan(
                &roots[usize::from(n == MANY)],
                &["/srv".into()],
                &mut || std::ops::ControlFlow::Continue(()),
            );
            assert_eq!(found.unwrap().found.len(), n - 1);
        },
    )
}
