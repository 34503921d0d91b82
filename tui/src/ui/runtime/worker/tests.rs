use std::fs;
use std::sync::mpsc::channel;

use rustix::fs::{CWD, FileType, Mode as FileMode, mknodat};

use super::*;
use crate::kernel::session::PruneMode;
use crate::kernel::source::Mount;
use crate::reclaim::prune::Task;

fn directory(name: &str) -> PathBuf {
    let name = format!("slabscope-worker-{name}-{}", std::process::id());
    let path = crate::private::directory().join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir(&path).unwrap();
    path
}

fn task(path: &Path) -> Task {
    let target = Target::open_cached(path).unwrap();
    let found = Counters::default();
    Task {
        plan: PrunePlan {
            target,
            found,
            reader: crate::kernel::reader::Kind::Module,
            changed: false,
        },
        mount: Mount {
            point: "/".into(),
            fs: "ext4".into(),
            device: "/dev/vda".into(),
            superblock: "254:0".into(),
            root: Path::new("/").into(),
            ..Mount::default()
        },
    }
}

#[test]
fn abandoned_prune_is_recorded() {
    let dir = directory("recorded");
    let file = dir.join("audit.jsonl");
    let (events, received) = channel();
    let log = audit::Log::File(file.clone());
    let worker = Worker::start(Instant::now(), "/".into(), log, events).unwrap();
    let (job, tasks) = (1, vec![task(&dir), task(&dir)]);
    let mode = PruneMode::Negative;
    worker.take(Effect::Prune {
        job,
        tasks,
        mode,
        writeback: false,
    });
    let began =
        |event: &Event| matches!(event, Event::Msg(msg) if matches!(**msg, Msg::PruneBegan { .. }));
    assert!(received.iter().any(|event| began(&event)));
    worker.finish();
    let lines = fs::read_to_string(&file).unwrap();
    // A prune that did not begin is not done; one that did has its line before and after.
    assert_eq!(lines.matches("\"outcome\":\"begun\"").count(), 1, "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn job_that_only_reads_is_not_waited_for() {
    let root = directory("looks");
    fs::create_dir_all(root.join("proc/self")).unwrap();
    // Reading it blocks until somebody writes.
    let fifo = root.join("proc/self/mountinfo");
    mknodat(CWD, &fifo, FileType::Fifo, FileMode::RWXU, 0).unwrap();
    let (events, _received) = channel();
    let worker = Worker::start(Instant::now(), root.clone(), audit::Log::Off, events).unwrap();
    worker.take(Effect::ReadMounts);
    let begin = Instant::now();
    worker.finish();
    assert!(begin.elapsed() < Duration::from_secs(3));
    fs::remove_dir_all(root).unwrap();
}
