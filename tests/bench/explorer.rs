//! From a key to the frame that shows what it did, on the tree screen and among negative names: what
//! a census under way, or a directory with a million names, adds to it.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slabscope::base::filter::Filter;
use slabscope::cache::census::{Census, DirectoryCount};
use slabscope::cache::negatives::{Listing, Only};
use slabscope::kernel::session::Counters;
use slabscope::kernel::source::mounts;
use slabscope::ui::model::{Model, Part};
use slabscope::ui::update::{Msg, NamesMsg, update};
use slabscope::ui::view;

use super::Measured;
use super::inside::model;

/// Directories with cached children, in a census of five million dentries.
const DIRECTORIES: u64 = 100_000;
const DENTRIES: u64 = 50;
/// Parts of the census that are reported, each with the directories with the most dentries so far.
const PARTS: u64 = 10;
const TOLD: u64 = 256;
const NAMES: u64 = 1_000_000;
const KEYS: usize = 2_000;
/// A held key repeats some 30 times a second, a part comes 10 times.
const KEYS_A_PART: usize = 3;

/// Times during a census and while listing, each relative to the same on an empty tree; and the
/// first relative to the same with its rows counted: the part that is not drawing them.
pub fn keys() -> [Measured; 3] {
    let mut empty = Screen::counted(Vec::new());
    let mut streaming = Screen::counting();
    let mut full = Screen::counted((0..TOLD).map(row).collect());
    let mut names = Screen::counted(vec![row(0)]);
    names.list();
    let [mut bare, mut while_counting, mut counted, mut among_names] = [const { Vec::new() }; 4];
    let mut parts = parts().into_iter().cycle();
    for index in 0..KEYS {
        bare.push(empty.key(index));
        let part = (index % KEYS_A_PART == 0).then(|| parts.next()).flatten();
        let start = Instant::now();
        if let Some(part) = part {
            streaming.part(part);
        }
        streaming.key(index);
        while_counting.push(start.elapsed());
        counted.push(full.key(index));
        among_names.push(names.key(index));
    }
    let [bare, while_counting, counted, among_names] =
        [bare, while_counting, counted, among_names].map(p99);
    let what = "key to frame (p99), census of 5e6 under way / empty tree";
    let counting = Measured::ratio(what, while_counting, bare, 2.0);
    let what = "key to frame (p99), census of 5e6 under way / ended";
    let ended = Measured::ratio(what, while_counting, counted, 2.0);
    let what = "key to frame (p99), among 1e6 negative names / empty tree";
    let names = Measured::ratio(what, among_names, bare, 2.0);
    [counting, ended, names]
}

/// The worker filters all names, not the loop that draws.
pub fn sift() -> Measured {
    let listing = listing();
    let start = Instant::now();
    let go_on = &mut || ControlFlow::Continue(());
    let rows = listing.sift(Only::All, &Filter::new("abc"), go_on).unwrap();
    let sifted = start.elapsed();
    assert!(!rows.is_empty());
    let what = "a filter on 1e6 negative names / listing their shapes";
    Measured::ratio(what, sifted, listing.took, 1.0)
}

fn listing() -> Listing {
    let name = |n: u64| {
        let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("sess_{n:016x}{:016x}", n.rotate_left(17)).into_bytes()
    };
    let names: Vec<Vec<u8>> = (0..NAMES).map(name).collect();
    Listing::of(names.iter().map(Vec::as_slice))
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

/// The program without its threads, at 200x50.
struct Screen {
    model: Model,
    terminal: Terminal<TestBackend>,
    at: Duration,
}

impl Screen {
    fn entered() -> Self {
        let mut screen = Self {
            model: model(200, 50),
            terminal: Terminal::new(TestBackend::new(200, 50)).unwrap(),
            at: Duration::from_secs(1),
        };
        screen.press(KeyCode::Char('2'));
        let mounts = mounts::parse(b"1 0 8:1 / /mnt/ext4 rw - ext4 /dev/vdb rw\n").unwrap();
        screen.take(Msg::Mounts(Ok(mounts)));
        screen.press(KeyCode::Enter);
        screen
    }

    fn counting() -> Self {
        Self::entered()
    }

    fn counted(rows: Vec<DirectoryCount>) -> Self {
        let mut screen = Self::entered();
        let census = Census {
            rows,
            ..Census::default()
        };
        let (job, at) = (screen.model.last_job, screen.at);
        let result = Ok(census);
        screen.take(Msg::Counted { job, at, result });
        screen
    }

    /// Lists a million names of the selected directory.
    fn list(&mut self) {
        self.press(KeyCode::Char('n'));
        let (job, at) = (self.model.last_job, self.at);
        let result = Ok(listing());
        self.take(Msg::Names(NamesMsg::Listed { job, at, result }));
        self.press(KeyCode::Tab);
    }

    fn part(&mut self, part: Part) {
        let (job, at) = (self.model.last_job, self.at);
        let part = Box::new(part);
        self.take(Msg::Counting { job, at, part });
    }

    /// Moves the selection, and draws; returns the time it takes.
    fn key(&mut self, index: usize) -> Duration {
        let keys = [
            KeyCode::Down,
            KeyCode::PageDown,
            KeyCode::Up,
            KeyCode::End,
            KeyCode::Home,
        ];
        let start = Instant::now();
        self.press(keys[index % keys.len()]);
        let model = &self.model;
        self.terminal
            .draw(|frame| view::render(model, frame))
            .unwrap();
        start.elapsed()
    }

    fn press(&mut self, key: KeyCode) {
        self.take(Msg::Key(KeyEvent::new(key, KeyModifiers::NONE)));
    }

    fn take(&mut self, msg: Msg) {
        self.at += Duration::from_millis(1);
        update(&mut self.model, msg);
    }
}

fn row(index: u64) -> DirectoryCount {
    let own = Counters {
        total: DENTRIES,
        negative: index % DENTRIES,
        prunable: DENTRIES,
        negative_prunable: index % DENTRIES,
        ..Counters::default()
    };
    DirectoryCount {
        name: OsString::from(format!("directory-{index:06}")),
        own,
        below: own,
        in_use: false,
        partial: false,
        changed: false,
    }
}

fn parts() -> Vec<Part> {
    let part = |index: u64| Part {
        rows: (index..index + TOLD).map(row).collect(),
        more: index * DIRECTORIES / PARTS,
        so_far: Box::new(Counters {
            total: index * DIRECTORIES / PARTS * DENTRIES,
            ..Counters::default()
        }),
        ..Part::default()
    };
    (0..PARTS).map(part).collect()
}
