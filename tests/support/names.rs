//! The negative names of a directory.

use std::ops::ControlFlow;
use std::time::Duration;

use slabscope::cache::negatives::Listing;
use slabscope::ui::update::{Effect, Msg, NamesEffect, NamesMsg};

use super::App;

/// 357 names as programs make them, and five odd ones.
pub fn negative_names() -> Vec<Vec<u8>> {
    let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut names = Vec::new();
    for n in 1..=300 {
        names.push(format!("sess_{:016x}{:016x}", spread(n), spread(n + 900)));
    }
    for n in 1..=40 {
        names.push(format!("core.{}", n * 37));
    }
    for n in 1..=12_u64 {
        let (high, low) = (spread(n), spread(n + 50));
        let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
        let (d, e) = (low >> 48, low & 0xffff_ffff_ffff);
        names.push(format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}.tmp"));
    }
    let mut names: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
    names.extend([
        b".htaccess".to_vec(),
        b"two\nlines".to_vec(),
        b"\x1b[31mred".to_vec(),
        "invoice\u{202e}fdp.exe".into(),
        b"\xff\xfe".to_vec(),
    ]);
    names
}

/// The same, listed.
pub fn listing() -> Listing {
    Listing::of(negative_names().iter().map(Vec::as_slice))
}

impl App {
    /// On the page of negative names of /mnt/ext4/1, which is being listed.
    pub fn listing_names(columns: u16, rows: u16) -> Self {
        let mut app = Self::in_ext4(columns, rows);
        app.keys("n");
        app
    }

    /// With the names listed.
    pub fn in_names(columns: u16, rows: u16) -> Self {
        let mut app = Self::listing_names(columns, rows);
        app.listed(listing());
        app
    }

    /// The last requested listing ends.
    pub fn listed(&mut self, listing: Listing) {
        let (job, at) = (self.model.last_job, Duration::from_secs(2));
        let result = Ok(listing);
        self.msg(Msg::Names(NamesMsg::Listed { job, at, result }));
    }

    /// The worker filters the requested names.
    pub fn sifted(&mut self) {
        let effects = self.effects();
        for effect in effects {
            if let Effect::Names(NamesEffect::Sift {
                job,
                listing,
                only,
                filter,
            }) = effect
            {
                let rows = listing.sift(only, &filter, &mut || ControlFlow::Continue(()));
                self.msg(Msg::Names(NamesMsg::Sifted { job, rows }));
            }
        }
    }
}
