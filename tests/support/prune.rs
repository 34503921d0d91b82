//! On the way to a prune, with what the module would have answered.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use slabscope::abi::Counters;
use slabscope::prune::{Outcome, Plan, Target};
use slabscope::session::{Mode, Status};
use slabscope::update::{Effect, Msg};

use super::{App, census, sample_with};

impl App {
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
}
