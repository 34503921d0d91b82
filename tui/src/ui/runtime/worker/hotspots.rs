//! The worker's count of all filesystems.

use std::sync::Arc;

use super::Work;
use crate::cache::hotspots::hotspots;
use crate::ui::update::{HotspotsMsg, Msg};

impl Work {
    pub(super) fn hotspots(&mut self, job: u64) -> Msg {
        let (start, events) = (self.start, self.events.clone());
        let cancelled = Arc::clone(&self.cancelled);
        let result = hotspots(&mut self.kernel, false, &mut |so_far| {
            let (at, so_far) = (start.elapsed(), so_far.clone());
            let msg = Msg::Hotspots(HotspotsMsg::SoFar { job, at, so_far });
            // Nothing listens once the program ends.
            drop(events.send(super::super::msg(msg)));
            cancelled.flow(job)
        });
        let at = self.start.elapsed();
        Msg::Hotspots(HotspotsMsg::Found { job, at, result })
    }
}
