//! The program without terminal, kernel and module: keys and messages in, screens out.

#![allow(dead_code, reason = "every test binary uses a part of it")]

mod cgroups;
mod figures;
pub mod foreign;
mod keys;
pub mod names;
mod prune;
mod rungs;
mod screen;
mod shrink;
pub mod snapshot;
mod tree;

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slabscope::kernel::source::Sample;
use slabscope::ui::look::Look;
use slabscope::ui::model::{Host, Model};
use slabscope::ui::update::{Effect, Msg, update};

#[allow(unused_imports, reason = "every test binary uses a part of it")]
pub use cgroups::cgroups;
pub use figures::*;

/// The program under test.
pub struct App {
    /// Its state.
    pub model: Model,
    /// The effects since the last call.
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

    /// The terminal gets another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().resize(columns, rows);
        self.msg(Msg::Size(columns, rows));
    }

    /// Handles a message.
    pub fn msg(&mut self, msg: Msg) {
        self.effects.extend(update(&mut self.model, msg));
    }

    /// A sample arrives, this many seconds after the start.
    pub fn sample(&mut self, at: u64, sample: Sample) {
        let (at, sample) = (Duration::from_secs(at), Box::new(sample));
        // The prunes of these tests begin a minute after the start, at 03:12:44.
        let clock = jiff::civil::time(3, 11, 44, 0).wrapping_add(at);
        self.msg(Msg::Clock { at, clock });
        self.msg(Msg::Sample { at, sample });
    }

    /// The effects since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}
