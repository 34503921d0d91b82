//! A key on the page of negative names, up to the frame that it leads to.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use slabscope::model::{Filter, Model};
use slabscope::negatives::{Listing, Only};
use slabscope::source::mounts;
use slabscope::update::{Msg, NamesMsg, update};
use slabscope::view;

use super::inside::model;
use super::{Measured, undisturbed};

/// Only the names in sight are drawn.
pub fn key() -> Measured {
    let what = "key to frame at 1,000,000 negatives / at 50, at 300x80";
    Measured::ratio(what, key_at(1_000_000), key_at(50), 2.0)
}

/// All names are looked through by the worker, not by the loop that draws.
pub fn sift() -> Measured {
    let listing = listing(1_000_000);
    let start = Instant::now();
    let go_on = &mut || ControlFlow::Continue(());
    let rows = listing.sift(Only::All, &Filter::new("abc"), go_on).unwrap();
    let sifted = start.elapsed();
    assert!(!rows.is_empty());
    let what = "a filter on 1,000,000 negatives / listing their shapes";
    Measured::ratio(what, sifted, listing.took, 1.0)
}

fn listing(names: u64) -> Listing {
    let name = |n: u64| {
        let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("sess_{n:016x}{:016x}", n.rotate_left(17)).into_bytes()
    };
    let names: Vec<Vec<u8>> = (0..names).map(name).collect();
    Listing::of(names.iter().map(Vec::as_slice))
}

fn press(model: &mut Model, key: KeyCode) {
    update(model, Msg::Key(KeyEvent::new(key, KeyModifiers::NONE)));
}

fn key_at(names: u64) -> Duration {
    let mut model = model(300, 80);
    let mounts = mounts::parse(b"1 0 8:1 / / rw - ext4 /dev/vda1 rw\n").unwrap();
    update(&mut model, Msg::Mounts(Ok(mounts)));
    update(&mut model, Msg::Open("/".into()));
    press(&mut model, KeyCode::Char('n'));
    let (job, at) = (model.last_job, Duration::from_secs(1));
    let result = Ok(listing(names));
    update(&mut model, Msg::Names(NamesMsg::Listed { job, at, result }));
    press(&mut model, KeyCode::Tab);
    let mut terminal = Terminal::new(TestBackend::new(300, 80)).unwrap();
    let mut times = Vec::new();
    for round in 0..200 {
        let key = if round % 2 == 0 {
            KeyCode::End
        } else {
            KeyCode::PageUp
        };
        let start = Instant::now();
        press(&mut model, key);
        terminal.draw(|frame| view::render(&model, frame)).unwrap();
        times.push(start.elapsed());
    }
    undisturbed(times)
}
