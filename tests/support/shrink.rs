//! A cache looked at closely, and shrunk, with what sysfs would have answered.

use std::time::Duration;

use slabscope::kernel::source::{Attributes, Cache};
use slabscope::reclaim::audit::Record;
use slabscope::reclaim::shrink::{self, ShrinkError};
use slabscope::ui::update::{Done, Msg};

use super::{App, sample};

impl App {
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
            slabscope::ui::model::Mode::PlanningShrink { cache, .. } => cache.clone(),
            other => panic!("no plan was asked for but {other:?}"),
        };
        let plan = shrink::Plan {
            cache: sample().cache(&cache).unwrap().clone(),
            merged: vec!["another".into(), "secret_cache".into()],
            partial: Some(1_120),
            root: "/".into(),
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
            root: "/".into(),
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
            began: at,
            clock: "03:12:44".into(),
            record: Record {
                time: "2026-11-22T03:12:44Z".into(),
                uid: 0,
                sudo_uid: None,
                outcome: "complete".into(),
                ..shrink::record(&plan)
            },
            recorded: Ok(()),
            plan,
            result,
            sample: Box::new(before),
        });
        self.msg(Msg::Shrunk { job, at, done });
    }
}

fn refused(kind: std::io::ErrorKind) -> ShrinkError {
    ShrinkError::Write {
        path: "/sys/kernel/slab/dentry/shrink".into(),
        source: kind.into(),
    }
}
