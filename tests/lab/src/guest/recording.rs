//! The screen over time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// Interval at which the screen is recorded.
const PERIOD: Duration = Duration::from_millis(100);

/// The screen for a while.
pub struct Frame {
    /// The screen.
    pub screen: vt100::Screen,
    /// Its duration.
    pub lasted: Duration,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("lasted", &self.lasted)
            .finish_non_exhaustive()
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct Recording {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Frame>>,
}

impl Recording {
    /// Begins to record.
    pub(super) fn start(look: impl Fn() -> vt100::Screen + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut frames: Vec<Frame> = Vec::new();
            let mut since = Instant::now();
            while !told.load(Ordering::Relaxed) {
                let screen = look();
                let now = Instant::now();
                match frames.last_mut() {
                    Some(last) if same(&last.screen, &screen) => last.lasted = now - since,
                    last => {
                        if let Some(last) = last {
                            last.lasted = now - since;
                        }
                        since = now;
                        let lasted = Duration::ZERO;
                        frames.push(Frame { screen, lasted });
                    }
                }
                thread::sleep(PERIOD);
            }
            frames
        });
        Self { over, thread }
    }

    /// The frames.
    pub fn end(self) -> Result<Vec<Frame>> {
        self.over.store(true, Ordering::Relaxed);
        let frames = self.thread.join();
        frames.map_err(|_| anyhow!("the thread that records the screen panicked"))
    }
}

/// The position of the cursor does not count: the program hides it.
fn same(one: &vt100::Screen, other: &vt100::Screen) -> bool {
    one.contents_formatted() == other.contents_formatted()
}
