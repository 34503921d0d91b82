//! Cgroups as a machine could have them.

use std::path::Path;
use std::time::Duration;

use slabscope::kernel::source::{Cgroup, CgroupMemory, Cgroups};
use slabscope::ui::update::{Effect, Msg};

use super::App;

const MIB: u64 = 1 << 20;

fn cgroup(all: &[Cgroup], path: &str, slab: u64, file: u64, limit: Option<u64>) -> Cgroup {
    let parent = Path::new(path).parent();
    let parent = parent.and_then(|parent| all.iter().position(|of| of.path == parent));
    let kernel = parent.is_some().then_some((slab + 5) * MIB);
    let stat = CgroupMemory {
        anon: Some(40 * MIB),
        file: Some(file * MIB),
        slab_reclaimable: Some(slab * MIB),
        slab_unreclaimable: Some(3 * MIB),
        slab: Some((slab + 3) * MIB),
        kernel,
        parts: kernel.map_or(Vec::new(), |_| vec![("percpu", 2 * MIB)]),
        ..CgroupMemory::default()
    };
    Cgroup {
        path: path.into(),
        id: 100 + all.len() as u64,
        parent,
        depth: Path::new(path).components().count(),
        current: parent.map(|_| (40 + file + slab + 3) * MIB),
        stat: Some(stat),
        max: limit.map(|limit| limit * MIB),
        high: None,
        pressure: Some(slab as f64 / 100.0),
        dying: Some(slab / 100),
        ..Cgroup::default()
    }
}

/// A web server whose slab, of `slab` MiB, is about to hit its limit, and others.
pub fn cgroups(slab: u64) -> Cgroups {
    let mut all = Vec::new();
    for (path, slab, file, limit) in [
        ("", slab + 300, 900, None),
        ("app.slice", slab + 60, 300, None),
        ("app.slice/web.service", slab, 20, Some(1024)),
        ("app.slice/batch.service", 60, 280, Some(4096)),
        ("app.slice/batch.service/payload", 50, 200, None),
        ("system.slice", 120, 400, None),
        ("system.slice/cron.service", 4, 300, Some(360)),
        ("system.slice/odd\u{1b}[31m.service", 1, 1, None),
    ] {
        let next = cgroup(&all, path, slab, file, limit);
        all.push(next);
    }
    all.push(Cgroup {
        path: "init.scope".into(),
        id: 99,
        parent: Some(0),
        depth: 1,
        ..Cgroup::default()
    });
    Cgroups {
        mount: "/sys/fs/cgroup".into(),
        all,
        took: Duration::from_millis(3),
        ..Cgroups::default()
    }
}

impl App {
    /// On the screen of cgroups, read twice: the web server's slab grows by 14 MiB a second.
    pub fn on_cgroups(columns: u16, rows: u16) -> Self {
        let mut app = Self::sampled(columns, rows);
        app.keys("4");
        app.cgroups(2, cgroups(900));
        app.sample(3, super::sample());
        app.cgroups(3, cgroups(914));
        app
    }

    /// The last requested reading ends.
    pub fn cgroups(&mut self, at: u64, cgroups: Cgroups) {
        let (at, result) = (Duration::from_secs(at), Ok(Some(cgroups)));
        let job = self.reading();
        self.msg(Msg::Cgroups { job, at, result });
    }

    /// The job of the last requested reading.
    pub fn reading(&self) -> u64 {
        let effects = self.effects.iter().rev();
        let mut jobs = effects.filter_map(|effect| match effect {
            Effect::ReadCgroups { job } => Some(*job),
            _ => None,
        });
        jobs.next().unwrap()
    }
}
