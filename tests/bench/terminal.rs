//! The program beside slabtop, each in a terminal of the same size, at the same time.

use std::fs;
use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, MasterPty, PtySize, native_pty_system};
use slabscope::kernel::source::{Kernel, Source};

use super::{Measured, undisturbed};
use crate::program::{Home, PROGRAM};

/// Time that both run for the comparison.
const RUN: Duration = Duration::from_secs(30);

/// A program in a terminal of 120x40.
struct Running {
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    _master: Box<dyn MasterPty + Send>,
}

impl Running {
    fn start(program: &str, args: &[&str]) -> Self {
        let size = PtySize {
            rows: 40,
            cols: 120,
            ..Default::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = Home::read_only().run_on_terminal(program);
        command.args(args);
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            output,
            _master: pair.master,
        }
    }

    /// Reads until this text was written, or to the end.
    fn until(&self, text: &str) {
        let mut seen = Vec::new();
        while let Ok(part) = self.output.recv_timeout(Duration::from_secs(10)) {
            seen.extend(part);
            if seen
                .windows(text.len())
                .any(|window| window == text.as_bytes())
            {
                return;
            }
        }
        panic!("{text} was not written");
    }

    /// Its processes: the one that was started, and its child.
    fn processes(&self) -> Vec<u32> {
        let pid = self.child.process_id().unwrap();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let children = children.split_ascii_whitespace();
        let children = children.map(|child| child.parse().unwrap());
        std::iter::once(pid).chain(children).collect()
    }

    /// CPU of all its threads so far (kernel/sched/stats.h: the first figure of schedstat).
    fn cpu(&self) -> Duration {
        let processes = self.processes().into_iter();
        let threads = processes.flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).unwrap());
        let nanoseconds = threads.map(|thread| {
            let stat = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            let figure = stat.split_ascii_whitespace().next().unwrap();
            figure.parse::<u64>().unwrap()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// The most memory that each of its processes ever had, summed, in MiB (fs/proc/task_mmu.c: `VmHWM`). What
    /// they share counts for each.
    fn peak(&self) -> f64 {
        let peak = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = peak.unwrap().split_ascii_whitespace().next().unwrap();
            kib.parse::<f64>().unwrap() / 1024.0
        };
        self.processes().into_iter().map(peak).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The largest cache's name: the table is complete when it is shown.
fn largest() -> String {
    let caches = Kernel::new("/").sample().caches.unwrap();
    let largest = caches.iter().max_by_key(|cache| cache.size(4096)).unwrap();
    largest.name.clone()
}

/// From exec to the first table, against exec to exit of `slabtop -o`.
pub fn start() -> Measured {
    let name = largest();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let start = Instant::now();
        let running = Running::start(PROGRAM, &[]);
        running.until(&name);
        ours.push(start.elapsed());
        drop(running);
        let start = Instant::now();
        let mut slabtop = Running::start("slabtop", &["-o"]);
        slabtop.child.wait().unwrap();
        theirs.push(start.elapsed());
    }
    let what = "exec to the first frame / exec to exit of slabtop -o";
    Measured::ratio(what, undisturbed(ours), undisturbed(theirs), 5.0)
}

/// Both at an interval of a second: CPU of a refresh, and memory.
pub fn running() -> [Measured; 2] {
    let ours = Running::start(PROGRAM, &["--interval", "1"]);
    // Half a second apart, or they would wait for one another at the kernel's slab_mutex.
    thread::sleep(Duration::from_millis(500));
    let theirs = Running::start("slabtop", &["-d", "1"]);
    // The start is not counted.
    thread::sleep(Duration::from_secs(3));
    let before = (ours.cpu(), theirs.cpu());
    thread::sleep(RUN);
    let refreshes = RUN.as_secs() as u32;
    let cpu = |now: Duration, before: Duration| (now - before) / refreshes;
    let what = "CPU of a refresh at 1 s / of slabtop -d 1, both at 120x40";
    let (our_cpu, their_cpu) = (cpu(ours.cpu(), before.0), cpu(theirs.cpu(), before.1));
    let (our_peak, their_peak) = (ours.peak(), theirs.peak());
    [
        Measured::ratio(what, our_cpu, their_cpu, 1.0),
        Measured {
            what: "peak resident memory",
            figures: format!("slabtop {their_peak:.1} MiB"),
            value: our_peak,
            bound: 10.0,
            unit: " MiB",
        },
    ]
}
