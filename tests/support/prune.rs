//! On the way to a prune, with the module's answers.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use slabscope::abi::Counters;
use slabscope::kernel::reader;
use slabscope::kernel::session::{PruneMode, Status};
use slabscope::kernel::target::Target;
use slabscope::reclaim::audit::{Action, AuditEntry, AuditError, Report};
use slabscope::reclaim::prune::{Outcome, PruneError, PrunePlan, PruneReport, note};
use slabscope::ui::update::{Effect, Msg};

use super::{App, census, sample_with};

impl App {
    /// With the plan for /mnt/ext4/1 shown.
    pub fn planned(columns: u16, rows: u16) -> Self {
        let mut app = Self::in_ext4(columns, rows);
        app.keys("p");
        app.plan(census().rows[0].below);
        app
    }

    /// With the plan for 1/ and other/ below /mnt/ext4 shown.
    pub fn planned_marked(columns: u16, rows: u16) -> Self {
        let mut app = Self::in_ext4(columns, rows);
        app.keys("g  p");
        let rows = census().rows;
        app.plan_all(&[rows[0].below, rows[1].below]);
        app
    }

    /// Both pruned except for one name.
    pub fn pruned_marked(columns: u16, rows: u16) -> Self {
        let mut app = Self::planned_marked(columns, rows);
        app.keys("y");
        app.prune_began();
        app.part_pruned(
            Ok(Self::outcome(Status::Complete, 1_000_000)),
            51_000,
            false,
        );
        app.prune_began();
        app.part_pruned(Ok(Self::outcome(Status::Complete, 999)), 50_001, true);
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
        let turn = match &self.model.mode {
            slabscope::ui::model::InputMode::Pruning(pruning) => pruning.turn().unwrap().0,
            other => panic!("nothing is to be pruned but {other:?}"),
        };
        self.msg(Msg::PruneBegan {
            job: self.model.last_job,
            at: Duration::from_secs(60 + turn as u64),
            clock: "03:12:44".into(),
            sample: Box::new(sample_with(1_050_000, 1_001_000)),
        });
    }

    /// The last requested dry run ends.
    pub fn plan(&mut self, found: Counters) {
        self.plan_all(&[found]);
    }

    /// The last requested dry runs end, one directory after the other.
    pub fn plan_all(&mut self, found: &[Counters]) {
        self.plan_by(reader::Kind::Module, found);
    }

    /// They end, and this reader counted.
    pub fn plan_by(&mut self, reader: reader::Kind, found: &[Counters]) {
        let job = self.model.last_job;
        let paths = match self.effects.last() {
            Some(Effect::Plan { paths, .. }) => paths.clone(),
            other => panic!("no plan was asked for but {other:?}"),
        };
        assert_eq!(paths.len(), found.len(), "{paths:?}");
        let plan = |(path, &found): (PathBuf, _)| {
            let target = Target::of(&path, File::open("/").unwrap());
            PrunePlan {
                target,
                found,
                reader,
                changed: false,
            }
        };
        let plans = paths.into_iter().zip(found).map(plan);
        let result = Ok(Some(plans.collect()));
        self.msg(Msg::Planned { job, result });
    }

    /// The prune ends, with `moved` dentries evicted and some of them left in slabinfo.
    pub fn pruned(&mut self, status: Status, moved: u64) {
        self.part_pruned(Ok(Self::outcome(status, moved)), 1_050_000 - moved, true);
    }

    /// The prune below one directory ends, with `left` dentries in slabinfo.
    pub fn part_pruned(&mut self, result: Result<Outcome, PruneError>, left: u64, last: bool) {
        self.part_pruned_with(result, left, last, Ok(()));
    }

    /// The same, with the outcome of its record.
    pub fn part_pruned_with(
        &mut self,
        result: Result<Outcome, PruneError>,
        left: u64,
        last: bool,
        recorded: Result<(), AuditError>,
    ) {
        let part = match &self.model.mode {
            slabscope::ui::model::InputMode::Pruning(pruning) => pruning.turn().unwrap().1,
            other => panic!("nothing is pruned but {other:?}"),
        };
        let mut record = AuditEntry {
            time: "2026-11-22T03:12:44Z".into(),
            uid: 0,
            sudo_uid: None,
            filesystem: Some(part.mount.fs.to_string()),
            mode: Some("negative"),
            ..AuditEntry::new(Action::Prune, &part.path, part.predicted)
        };
        let after = Box::new(sample_with(left, left.saturating_sub(49_000)));
        let memory = after.memory.as_ref().unwrap().sreclaimable;
        record.sreclaimable = [Some(500 << 20), memory];
        note(&mut record, &result);
        self.msg(Msg::Pruned {
            job: self.model.last_job,
            at: Duration::from_secs(63),
            pruned: Box::new(PruneReport {
                done: Report {
                    result,
                    record,
                    recorded,
                },
                before: after.clone(),
                after,
            }),
            last,
        });
    }

    /// The module's outcome at the end.
    pub fn outcome(status: Status, moved: u64) -> Outcome {
        Outcome {
            mode: PruneMode::Negative,
            predicted: 1_000_000,
            counters: Counters {
                moved,
                ..Default::default()
            },
            status,
            took: Duration::from_millis(2_900),
        }
    }
}
