//! The program without terminal, kernel and module: keys and messages in, screens out.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use slabscope::abi::Counters;
use slabscope::census::{Census, Row};
use slabscope::model::{Host, Model};
use slabscope::prune::{Outcome, Plan, Target};
use slabscope::session::{Mode, Status};
use slabscope::shrink::{self, ShrinkError};
use slabscope::source::{Attributes, Cache, Kernel, Merged, Mount, Sample, Source};
use slabscope::update::{Done, Effect, Msg, update};
use slabscope::view;
use slabscope::view::look::Look;

/// Where the captured files of a kernel are.
pub fn fixture(kernel: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    fixtures.join(kernel)
}

/// The sample of the captured files.
pub fn sample() -> Sample {
    Kernel::new(fixture("6.18.44-fc-v509")).sample()
}

/// The same machine with as many dentries and as much memory in them.
pub fn sample_with(dentries: u64, negative: u64) -> Sample {
    let mut sample = sample();
    if let Ok(caches) = &mut sample.caches {
        for cache in caches.iter_mut().filter(|cache| cache.name == "dentry") {
            cache.active = dentries;
            cache.slabs = dentries.div_ceil(cache.objects_per_slab);
            cache.active_slabs = cache.slabs;
            cache.objects = cache.slabs * cache.objects_per_slab;
        }
    }
    if let Ok(state) = &mut sample.dentries {
        state.total = dentries;
        state.lru = dentries - 1_000;
        state.lru_negative = negative;
    }
    if let Ok(memory) = &mut sample.memory {
        memory.sreclaimable = 300 * (1 << 20) + dentries * 192;
        memory.slab = memory.sreclaimable + memory.sunreclaim;
    }
    sample
}

/// The same machine with two names more for kmalloc-512.
pub fn merged_sample() -> Sample {
    let names = ["kmalloc-512", "secret_cache", "another"];
    let links = names.map(|name| (name.to_owned(), ":0000512".to_owned()));
    Sample {
        merged: Arc::new(Merged::new(links)),
        ..sample()
    }
}

/// A machine with so many caches, a few of them growing with `n`.
pub fn sample_of(caches: usize, n: u64) -> Sample {
    let cache = |index: usize| Cache {
        name: format!("cache-{index}"),
        active: if index.is_multiple_of(5) { n * 100 } else { 7 },
        objects: 10_000,
        object_size: 64,
        objects_per_slab: 64,
        pages_per_slab: 1,
        active_slabs: 157,
        slabs: 157,
        ..Cache::default()
    };
    Sample {
        caches: Ok((0..caches).map(cache).collect()),
        ..sample()
    }
}

/// The program under test.
pub struct App {
    /// Its state.
    pub model: Model,
    /// What it asked for since it was last asked.
    pub effects: Vec<Effect>,
    terminal: Terminal<TestBackend>,
}

impl App {
    /// At the start, without a sample, in a terminal that has braille and colours.
    pub fn new(columns: u16, rows: u16) -> Self {
        Self::with_look(columns, rows, Look::new(true, true))
    }

    /// In another kind of terminal.
    pub fn with_look(columns: u16, rows: u16, look: Look) -> Self {
        let host = Host {
            name: "web-07".into(),
            kernel: "7.3.4".into(),
            page_size: 4096,
        };
        Self {
            model: Model::new(host, look, (columns, rows)),
            effects: Vec::new(),
            terminal: Terminal::new(TestBackend::new(columns, rows)).unwrap(),
        }
    }

    /// With one sample of the captured files.
    pub fn sampled(columns: u16, rows: u16) -> Self {
        let mut app = Self::new(columns, rows);
        app.sample(1, sample());
        app
    }

    /// On the tree screen with the captured mounts and one ext4 more.
    pub fn on_tree(columns: u16, rows: u16) -> Self {
        let mut app = Self::sampled(columns, rows);
        app.keys("2");
        app.msg(Msg::Mounts(Ok(mounts())));
        app
    }

    /// Walks to /mnt/ext4 from wherever.
    pub fn walk_to_ext4(&mut self) {
        self.keys("2");
        self.msg(Msg::Mounts(Ok(mounts())));
        self.keys("j<Enter>");
        self.counted(census());
    }

    /// In /mnt/ext4, counted.
    pub fn in_ext4(columns: u16, rows: u16) -> Self {
        let mut app = Self::on_tree(columns, rows);
        app.keys("j<Enter>");
        app.counted(census());
        app
    }

    /// With the plan for /mnt/ext4/1 shown.
    pub fn planned(columns: u16, rows: u16) -> Self {
        let mut app = Self::in_ext4(columns, rows);
        app.keys("p");
        app.plan(census().rows[0].below);
        app
    }

    /// While /mnt/ext4/1 is pruned.
    pub fn pruning(columns: u16, rows: u16) -> Self {
        let mut app = Self::planned(columns, rows);
        app.keys("y");
        app.prune_began();
        app
    }

    /// The worker begins the prune.
    pub fn prune_began(&mut self) {
        self.msg(Msg::PruneBegan {
            job: self.model.last_job,
            at: Duration::from_secs(60),
            clock: "03:12:44".into(),
            sample: Box::new(sample_with(1_050_000, 1_001_000)),
        });
    }

    /// Types keys: characters, and names such as `<Enter>` and `<Esc>`.
    pub fn keys(&mut self, keys: &str) {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let (code, len) = match rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
                Some((name, _)) => (named(name), name.len() + 2),
                None => (KeyCode::Char(c), c.len_utf8()),
            };
            self.msg(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
            rest = &rest[len..];
        }
    }

    /// Something happens.
    pub fn msg(&mut self, msg: Msg) {
        self.effects.extend(update(&mut self.model, msg));
    }

    /// A sample comes, so many seconds after the start.
    pub fn sample(&mut self, at: u64, sample: Sample) {
        let (at, sample) = (Duration::from_secs(at), Box::new(sample));
        self.msg(Msg::Sample { at, sample });
    }

    /// The census that was asked for last ends.
    pub fn counted(&mut self, census: Census) {
        let (job, at) = (self.model.last_job, Duration::from_secs(2));
        let result = Ok(census);
        self.msg(Msg::Counted { job, at, result });
    }

    /// The dry run that was asked for last ends.
    pub fn plan(&mut self, found: Counters) {
        let job = self.model.last_job;
        let path = match self.effects.last() {
            Some(Effect::Plan { path, .. }) => path.clone(),
            other => panic!("no plan was asked for but {other:?}"),
        };
        let dir = Arc::new(File::open("/").unwrap());
        let target = Target { path, dir };
        let result = Ok(Some(Plan { target, found }));
        self.msg(Msg::Planned { job, result });
    }

    /// The prune ends, so many dentries moved and some of them left in slabinfo.
    pub fn pruned(&mut self, status: Status, moved: u64) {
        let outcome = Outcome {
            mode: Mode::Negative,
            predicted: 1_000_000,
            counters: Counters {
                moved,
                ..Default::default()
            },
            status,
            took: Duration::from_millis(2_900),
        };
        self.msg(Msg::Pruned {
            job: self.model.last_job,
            at: Duration::from_secs(63),
            result: Ok(outcome),
            sample: Box::new(sample_with(1_050_000 - moved, 1_001_000 - moved)),
        });
    }

    /// A key together with Ctrl.
    pub fn control(&mut self, c: char) {
        self.msg(Msg::Key(KeyEvent::new(
            KeyCode::Char(c),
            KeyModifiers::CONTROL,
        )));
    }

    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        self.msg(Msg::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
    }

    /// A click.
    pub fn click(&mut self, column: u16, row: u16) {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
        self.mouse(MouseEventKind::Up(MouseButton::Left), column, row);
    }

    /// A notch of the wheel.
    pub fn wheel(&mut self, down: bool) {
        let kind = match down {
            true => MouseEventKind::ScrollDown,
            false => MouseEventKind::ScrollUp,
        };
        self.mouse(kind, 5, 15);
    }

    /// Column and row of the first such text on the screen.
    #[track_caller]
    pub fn position(&mut self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let lines = screen.lines().zip(0..);
        let mut found = lines.filter_map(|(line, y)| {
            let at = line.find(text)?;
            Some((line[..at].chars().count() as u16, y))
        });
        found
            .next()
            .unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"))
    }

    /// The attributes of a cache come.
    pub fn attributes(&mut self, cache: &str) {
        let text = |name: &str| {
            let text = match name {
                "object_size" | "slab_size" => "192",
                "align" => "8",
                "objs_per_slab" => "21",
                "partial" => "12 N0=12",
                "objects_partial" => "234 N0=234",
                "reclaim_account" => "1",
                "ctor" => "",
                "remote_node_defrag_ratio" => "100",
                "sheaf_capacity" => "60",
                _ => return None,
            };
            Some(format!("{text}\n"))
        };
        let (cache, result) = (cache.to_owned(), Ok(Attributes::new(text)));
        self.msg(Msg::Attributes { cache, result });
    }

    /// The plan to shrink that was asked for last comes.
    pub fn shrink_planned(&mut self) {
        let job = self.model.last_job;
        let cache = match &self.model.mode {
            slabscope::model::Mode::PlanningShrink { cache, .. } => cache.clone(),
            other => panic!("no plan was asked for but {other:?}"),
        };
        let plan = shrink::Plan {
            cache: sample().cache(&cache).unwrap().clone(),
            merged: vec!["another".into(), "secret_cache".into()],
            partial: Some(1_120),
            path: format!("/sys/kernel/slab/{cache}/shrink").into(),
        };
        let result = Ok(plan);
        self.msg(Msg::ShrinkPlanned { job, result });
    }

    /// There is no plan to shrink.
    pub fn shrink_refused(&mut self, kind: std::io::ErrorKind) {
        let job = self.model.last_job;
        let result = Err(refused(kind));
        self.msg(Msg::ShrinkPlanned { job, result });
    }

    /// The shrinking ends, with so many slabs less.
    pub fn shrunk(&mut self, result: Result<u64, std::io::ErrorKind>) {
        let at = Duration::from_secs(5);
        let job = self.model.last_job;
        let before = sample();
        let cache = before.cache("kmalloc-512").unwrap().clone();
        let plan = shrink::Plan {
            cache: cache.clone(),
            merged: Vec::new(),
            partial: Some(1_120),
            path: "/sys/kernel/slab/kmalloc-512/shrink".into(),
        };
        let result = result.map_err(refused).map(|slabs| shrink::Outcome {
            took: Duration::from_millis(12),
            caches: [
                Some(cache.clone()),
                Some(Cache {
                    slabs: cache.slabs - slabs,
                    ..cache.clone()
                }),
            ],
            partial: [Some(1_120), Some(1_120 - slabs)],
            slab: [Some(1 << 30), Some((1 << 30) - slabs * 8192)],
        });
        let done = Box::new(Done {
            plan,
            began: at,
            clock: "03:12:44".into(),
            result,
            sample: Box::new(before),
        });
        self.msg(Msg::Shrunk { job, at, done });
    }

    /// The effects since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The screen, cell by cell.
    pub fn buffer(&mut self) -> Buffer {
        let model = &self.model;
        let frame = self.terminal.draw(|frame| view::render(model, frame));
        frame.unwrap().buffer.clone()
    }

    /// The screen as lines of text.
    pub fn screen(&mut self) -> String {
        let buffer = self.buffer();
        let rows = buffer.content.chunks(buffer.area.width.into());
        let lines = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        lines
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }

    /// Says whether the text is on the screen, and shows the screen if not.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let screen = self.screen();
        assert!(
            screen.contains(text),
            "{text:?} is not on the screen:\n{screen}"
        );
    }

    /// The opposite.
    #[track_caller]
    pub fn shows_no(&mut self, text: &str) {
        let screen = self.screen();
        assert!(
            !screen.contains(text),
            "{text:?} is on the screen:\n{screen}"
        );
    }

    /// The first line of the screen with this text.
    #[track_caller]
    pub fn line(&mut self, text: &str) -> String {
        let screen = self.screen();
        let line = screen.lines().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{screen}"))
            .into()
    }

    /// The name in the reversed line.
    pub fn selected(&mut self) -> String {
        let buffer = self.buffer();
        let rows = buffer.content.chunks(buffer.area.width.into());
        let reversed = |cell: &ratatui::buffer::Cell| {
            cell.modifier.contains(ratatui::style::Modifier::REVERSED)
        };
        let row = rows.skip(1).find(|row| reversed(&row[1])).unwrap();
        let text: String = row.iter().map(|cell| cell.symbol()).collect();
        text.split_whitespace().last().unwrap().into()
    }
}

fn refused(kind: std::io::ErrorKind) -> ShrinkError {
    ShrinkError::Write {
        path: "/sys/kernel/slab/dentry/shrink".into(),
        source: kind.into(),
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "Tab" => KeyCode::Tab,
        _ => panic!("no key is named {name}"),
    }
}

/// The captured mounts and /mnt/ext4.
pub fn mounts() -> Vec<Mount> {
    let mut mounts = Kernel::new(fixture("6.18.44-fc-v509")).mounts().unwrap();
    mounts.insert(
        1,
        Mount {
            point: "/mnt/ext4".into(),
            fs: "ext4".into(),
            device: "/dev/vdb".into(),
        },
    );
    mounts
}

/// Counters of so many negatives, files in use and files not in use.
pub fn counters(negative: u64, in_use: u64, unused: u64) -> Counters {
    Counters {
        total: negative + in_use + unused,
        negative,
        in_use,
        prunable: negative + unused,
        negative_prunable: negative,
        files: in_use + unused,
        inodes: in_use + unused,
        pages: 3 * (in_use + unused),
        ..Default::default()
    }
}

/// A row of a census.
pub fn row(name: impl Into<OsString>, below: Counters) -> Row {
    Row {
        name: name.into(),
        own: below,
        below,
        in_use: false,
        partial: false,
    }
}

/// /mnt/ext4 of the lab: a million negatives below 1, a thousand in other.
pub fn census() -> Census {
    let rows = vec![
        row("1", counters(1_000_000, 1, 2)),
        row("other", counters(1_000, 0, 0)),
    ];
    Census {
        here: Counters {
            external_bytes: 64_000,
            ..counters(1_001_005, 1, 6)
        },
        rows,
        partial: false,
        took: Duration::from_millis(400),
    }
}
