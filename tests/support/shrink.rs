//! The details of a cache, and shrinking it, with the answers of sysfs.

use std::time::Duration;

use slabscope::kernel::source::Attributes;
use slabscope::reclaim::audit::AuditEntry;
use slabscope::reclaim::shrink::{self, ShrinkError};
use slabscope::reclaim::{Change, Ended, Figure, Outcome, ReclaimError, ReclaimReport};
use slabscope::ui::model::{Ask, InputMode, RungPlan};
use slabscope::ui::update::{EndedRung, Msg, RungMsg};

use super::{App, sample};

impl App {
    /// The attributes of a cache arrive.
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

    /// The last requested plan to shrink arrives.
    pub fn shrink_planned(&mut self) {
        let (job, name) = match &self.model.mode {
            InputMode::PlanningRung {
                job,
                ask: Ask::Cache { name },
                ..
            } => (*job, name.clone()),
            other => panic!("no plan to shrink was asked for but {other:?}"),
        };
        let (rung, now) = (Box::new(plan(&name)), figures(0));
        let ask = Ask::Cache { name };
        let result = Ok(Some(RungPlan { ask, rung, now }));
        self.msg(Msg::Rung(RungMsg::Planned { job, result }));
    }

    /// The plan to shrink is refused.
    pub fn shrink_refused(&mut self, kind: std::io::ErrorKind) {
        let (job, result) = (self.model.last_job, Err(refused(kind)));
        self.msg(Msg::Rung(RungMsg::Planned { job, result }));
    }

    /// The shrinking ends; the result: slabs freed.
    pub fn shrunk(&mut self, result: Result<u64, std::io::ErrorKind>) {
        let began = Duration::from_secs(5);
        let (job, at) = (self.model.last_job, began + Duration::from_millis(12));
        let plan = plan("kmalloc-512");
        let result = result.map_err(refused).map(|slabs| {
            let changes = figures(0).into_iter().zip(figures(slabs));
            Outcome {
                ended: Ended::Complete,
                took: Duration::from_millis(12),
                ledger: changes
                    .map(|(before, after)| Change { before, after })
                    .collect(),
                freed_bytes: slabs * 8192,
                went: None,
                notes: Vec::new(),
            }
        });
        let record = AuditEntry {
            time: "2026-11-22T03:12:44Z".into(),
            uid: 0,
            sudo_uid: None,
            outcome: "complete".into(),
            ..shrink::record(&plan)
        };
        let done = ReclaimReport {
            result,
            record,
            recorded: Ok(()),
        };
        let ended = Box::new(EndedRung {
            began,
            clock: "03:12:44".into(),
            done,
            sample: sample(),
        });
        self.msg(Msg::Rung(RungMsg::Ended { job, at, ended }));
    }
}

fn plan(cache: &str) -> shrink::ShrinkPlan {
    shrink::ShrinkPlan {
        cache: sample().cache(cache).unwrap().clone(),
        merged: vec!["another".into(), "secret_cache".into()],
        partial: Some(1_120),
        root: std::path::Path::new("/").into(),
        path: format!("/sys/kernel/slab/{cache}/shrink").into(),
    }
}

/// Figures of kmalloc-512 after `gone` of its slabs were freed.
fn figures(gone: u64) -> Vec<Figure> {
    let slabs = 2_404 - gone;
    vec![
        Figure::count("slabs", "its slabs", Some(slabs)),
        Figure::bytes("slab_bytes", "their bytes", Some(slabs * 8192)),
        Figure::count("partial", "partly used", Some(1_120 - gone)),
    ]
}

fn refused(kind: std::io::ErrorKind) -> ReclaimError {
    let source = kind.into();
    let path = "/sys/kernel/slab/dentry/shrink".into();
    ShrinkError::Write { path, source }.into()
}
