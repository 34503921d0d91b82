//! Figures of every magnitude on every screen: nothing pushes a name out of its row.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{App, counters, row, sample};
use slabscope::cache::census::Census;
use slabscope::kernel::source::{Cache, DentryState, InodeNr, Memory, Merged, Sample};

const SIZES: [(u16, u16); 3] = [(60, 15), (80, 24), (200, 50)];

fn magnitudes() -> impl Iterator<Item = u64> {
    let tens = (0..20).map(|power| 10_u64.pow(power));
    tens.map(|n| n - 1).chain([u64::MAX])
}

/// A machine on which every figure is `n`.
fn machine(n: u64, page_size: Option<u64>) -> Sample {
    let figure = Some(n);
    let cache = |name: &str, active| Cache {
        name: name.into(),
        active,
        objects: n,
        object_size: n,
        objects_per_slab: n,
        pages_per_slab: n,
        active_slabs: active,
        slabs: n,
        ..Cache::default()
    };
    Sample {
        caches: Ok(vec![
            cache("dentry", figure),
            cache("ext4_inode_cache", Some(0)),
            cache("below_zero", None),
        ]),
        memory: Ok(Memory {
            total: figure,
            available: figure,
            slab: figure,
            sreclaimable: figure,
            sunreclaim: figure,
        }),
        dentries: Ok(DentryState {
            total: figure,
            lru: figure,
            lru_negative: figure,
        }),
        inodes: Ok(InodeNr {
            total: figure,
            lru: figure,
        }),
        merged: Arc::new(Merged::default()),
        page_size,
        gaps: Vec::new(),
    }
}

#[test]
fn slab_table_shows_names_beside_figures_of_any_magnitude() {
    for (columns, rows) in SIZES {
        for n in magnitudes() {
            for page_size in [Some(4096), None] {
                let mut app = App::new(columns, rows);
                app.sample(1, machine(0, page_size));
                app.keys("m");
                app.sample(2, machine(n, page_size));
                for keys in ["c", "g", "Sx", "Sm", "Si", "i"] {
                    app.keys(keys);
                    let line = app.line(" - dentry");
                    assert!(!line.contains('~'), "{n} {keys}: {line}");
                    let line = app.line(" - below_zero");
                    assert!(line.contains(" - "), "{n} {keys}: {line}");
                }
                app.keys("<Enter>");
                app.screen();
            }
        }
    }
}

#[test]
fn head_of_the_slab_screen_keeps_its_columns_apart() {
    for (columns, rows) in SIZES {
        for n in magnitudes() {
            let mut app = App::new(columns, rows);
            app.sample(1, machine(0, Some(4096)));
            app.sample(2, machine(n, Some(4096)));
            if columns >= 70 {
                let line = app.line("SReclaimable");
                assert!(line.contains(" dentries "), "{n}: {line}");
                let figures = line.split(" dentries ").next().unwrap();
                assert!(figures.contains("B "), "{n}: {line}");
            }
            app.keys("5");
            app.screen();
        }
    }
}

#[test]
fn tree_shows_names_beside_figures_of_any_magnitude() {
    for (columns, rows) in SIZES {
        for n in magnitudes().map(|n| n / 8) {
            let mut app = App::on_tree(columns, rows);
            app.sample(1, machine(n, Some(4096)));
            app.keys("<Enter>");
            let below = counters(n, n, n / 2);
            let census = Census {
                here: below,
                rows: vec![row("spool", below)],
                partial: false,
                more: 0,
                took: Duration::from_millis(1),
                ..Census::default()
            };
            app.counted(census);
            let line = app.line("spool");
            assert!(!line.contains("spool~"), "{n}: {line}");
            for key in ["3", "<Enter>", "4"] {
                app.keys(key);
                app.screen();
            }
        }
    }
}

#[test]
fn missing_figure_is_a_dash_on_every_screen_that_has_it() {
    let mut app = App::new(80, 24);
    let mut none = machine(7, Some(4096));
    none.memory = Ok(Memory {
        slab: Some(1 << 30),
        ..Memory::default()
    });
    none.dentries = Ok(DentryState {
        total: Some(31_188_020),
        lru: Some(31_170_433),
        lru_negative: None,
    });
    app.sample(1, none);
    let line = app.line("negative");
    assert!(line.ends_with(" - unknown"), "{line}");
    assert!(!line.contains('%'), "{line}");
    assert!(app.line("SReclaimable").contains("  - "));
    app.resize(120, 30);
    app.shows("- not reported by this kernel");
    app.keys("5");
    app.shows("SReclaimable -");
    app.shows("negative (dotted) -");
    let mut zero = App::new(80, 24);
    let mut counted = sample();
    counted.dentries.as_mut().unwrap().lru_negative = Some(0);
    zero.sample(1, counted);
    let line = zero.line("negative");
    assert!(line.contains(" 0 0%"), "a kernel that counts them: {line}");
}
