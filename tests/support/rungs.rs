//! Wider rungs of the ladder, with the kernel's answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use slabscope::kernel::source::Kernel;
use slabscope::reclaim::audit::{Action, AuditEntry};
use slabscope::reclaim::ladder::{Place, ladder};
use slabscope::reclaim::{
    Change, Ended, Figure, Flow, Outcome, Ran, ReclaimError, ReclaimReport, Reclaimer,
};
use slabscope::ui::model::{Ask, RungPlan};
use slabscope::ui::update::{Effect, EndedRung, Msg, RungMsg};

use super::{App, mounts, sample_with};

/// A rung that is never carried out.
#[derive(Debug)]
struct Shown {
    name: &'static str,
    path: PathBuf,
    reach: &'static str,
    notes: &'static [&'static str],
    command: String,
}

impl Reclaimer for Shown {
    fn name(&self) -> &'static str {
        self.name
    }
    fn path(&self) -> &Path {
        &self.path
    }
    fn reach(&self) -> String {
        self.reach.into()
    }
    fn notes(&self) -> Vec<String> {
        self.notes.iter().map(|&note| note.into()).collect()
    }
    fn command(&self) -> String {
        self.command.clone()
    }
    fn measure(&self, _: &mut Kernel) -> Vec<Figure> {
        figures(0)
    }
    fn predicted(&self, _: &[Figure]) -> Option<u64> {
        Some(900 << 20)
    }
    fn run(&self, _: &mut Flow<'_>) -> Result<Ran, ReclaimError> {
        panic!("a test carries nothing out")
    }
}

/// Figures of the machine, after `gone` MiB were freed.
fn figures(gone: u64) -> Vec<Figure> {
    vec![
        Figure::count("dentries", "dentries", Some(1_050_000 - gone * 1_000)),
        Figure::count("inodes", "inodes", Some(557_397)),
        Figure::bytes(
            "sreclaimable_bytes",
            "SReclaimable",
            Some((1_006 - gone) << 20),
        ),
        Figure::bytes("page_cache_bytes", "page cache", None),
    ]
}

fn shown(ask: &Ask) -> Shown {
    let quoted = slabscope::base::shell::quoted;
    match ask {
        Ask::Pages { path, .. } => Shown {
            name: "pages",
            path: path.clone(),
            reach: "the files below this directory only",
            notes: &["1,204 files were opened, 12 more dentries; 310 MiB of them are cached"],
            command: format!("slabscope prune {} --mode pages", quoted(path)),
        },
        Ask::Superblock { point, inodes } => Shown {
            name: "superblock",
            path: point.clone(),
            reach: "all of this ext4 filesystem, /dev/vdb, mounted at /srv too; other namespaces may have more mounts of it",
            notes: &[
                "all its unused dentries go; inodes stay, though one without a name or page cache may follow",
            ],
            command: format!(
                "slabscope reclaim --superblock {}{}",
                quoted(point),
                if *inodes { " --inodes" } else { "" }
            ),
        },
        Ask::Cgroup { directory, amount } => Shown {
            name: "cgroup",
            path: directory.clone(),
            reach: "this cgroup and those below it only",
            notes: &[
                "page cache goes too: the kernel takes both",
                "anonymous memory stays (swappiness=0)",
            ],
            command: format!(
                "echo '{amount} swappiness=0' > {}/memory.reclaim",
                quoted(directory)
            ),
        },
        Ask::Cache { .. } => panic!("its plan is that of shrink.rs"),
        Ask::Carousel { path } => Shown {
            name: "carousel",
            path: path.clone(),
            reach: "names cached as absent directly in this directory; none below it",
            notes: &[
                "1,000,000 names to remove, by renaming one dangling symbolic link to each and away again",
                "it writes: the directory's mtime and ctime (not put back), the filesystem's journal",
            ],
            command: format!("slabscope reclaim --carousel {}", quoted(path)),
        },
        Ask::Everybody { what, sync } => Shown {
            name: "everybody",
            path: "/proc/sys/vm/drop_caches".into(),
            reach: "the whole system: every process, container and user, all 2 filesystems",
            notes: &[
                "what goes: unused dentries and inodes",
                "file reads are slower until caches refill",
            ],
            command: format!(
                "{}echo {} > /proc/sys/vm/drop_caches",
                if *sync { "sync; " } else { "" },
                what.number()
            ),
        },
    }
}

impl App {
    /// The last request for a rung.
    pub fn asked(&self) -> (u64, Ask) {
        let effects = self.effects.iter().rev();
        let mut asked = effects.filter_map(|effect| match effect {
            Effect::PlanRung { job, ask } => Some((*job, ask.clone())),
            _ => None,
        });
        asked.next().unwrap()
    }

    /// The ladder arrives, as it is for the ext4 of the lab: with the module, or without.
    pub fn ladder(&mut self, module: bool) {
        let mount = mounts()
            .into_iter()
            .find(|mount| mount.point == Path::new("/mnt/ext4"));
        let place = Place {
            path: mount.as_ref().map(|mount| mount.point.clone()),
            mount,
            no_module: (!module).then(|| "/dev/slabscope: the module is not loaded".into()),
            no_reader: None,
            cgroups: Some("/sys/fs/cgroup".into()),
            slabs: true,
        };
        self.msg(Msg::Ladder(ladder(&place)));
    }

    /// The last requested plan arrives.
    pub fn rung_planned(&mut self) {
        let (job, ask) = self.asked();
        self.ladder(true);
        let (rung, now) = (Box::new(shown(&ask)), figures(0));
        let result = Ok(Some(RungPlan { ask, rung, now }));
        self.msg(Msg::Rung(RungMsg::Planned { job, result }));
    }

    /// The plan is refused.
    pub fn rung_refused(&mut self, why: &str) {
        let (job, _) = self.asked();
        let result = Err(ReclaimError::Missing(why.into()));
        self.msg(Msg::Rung(RungMsg::Planned { job, result }));
    }

    /// The rung that was carried out ends.
    pub fn rung_ended(&mut self, ended: Ended) {
        let (job, at) = (self.model.last_job, Duration::from_secs(9));
        let changes = figures(0).into_iter().zip(figures(700));
        let outcome = Outcome {
            went: None,
            ended,
            took: Duration::from_millis(2_400),
            ledger: changes
                .map(|(before, after)| Change { before, after })
                .collect(),
            freed_bytes: 700 << 20,
            notes: Vec::new(),
        };
        let record = AuditEntry {
            time: "2026-11-22T03:12:44Z".into(),
            uid: 0,
            sudo_uid: None,
            mode: Some("superblock"),
            freed: outcome.freed_bytes,
            outcome: outcome.ended.name(),
            sreclaimable: [Some(1_006 << 20), Some(306 << 20)],
            ..AuditEntry::new(Action::Reclaim, Path::new("/mnt/ext4"), 900 << 20)
        };
        let done = ReclaimReport {
            result: Ok(outcome),
            record,
            recorded: Ok(()),
        };
        let ended = Box::new(EndedRung {
            began: Duration::from_secs(6),
            clock: "03:12:44".into(),
            done,
            sample: sample_with(350_000, 1_100),
        });
        self.msg(Msg::Rung(RungMsg::Ended { job, at, ended }));
    }
}
