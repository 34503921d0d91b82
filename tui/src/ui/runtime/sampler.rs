//! The sampler: one thread that reads the kernel's files at an interval, or on request.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::dentries::Dentries;
use super::{Event, msg};
use crate::kernel::source::{Kernel, Source};
use crate::ui::update::Msg;

/// An order for the thread.
enum Order {
    Now,
    Every(Duration),
}

/// The thread's other end.
pub(super) struct Sampler(Sender<Order>);

impl Sampler {
    pub(super) fn start(
        start: Instant,
        root: PathBuf,
        mut interval: Duration,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let (orders, receiver) = channel();
        super::thread(move || {
            let dentries = Dentries::below(&root);
            let mut before = dentries.now();
            let mut kernel = Kernel::new(root);
            // sysfs takes longer than all the rest: the first screen does not wait for it.
            let (mut sample, mut first) = (kernel.sample_bare(), true);
            loop {
                let at = start.elapsed();
                let clock = jiff::Zoned::now().time();
                let told = events.send(msg(Msg::Clock { at, clock }));
                let sampled = msg(Msg::Sample {
                    at,
                    sample: Box::new(sample),
                });
                if told.and_then(|()| events.send(sampled)).is_err() {
                    return;
                }
                let wait = if first { Duration::ZERO } else { interval };
                first = false;
                match receiver.recv_timeout(wait) {
                    Ok(Order::Every(every)) => interval = every,
                    Ok(Order::Now) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                sample = kernel.sample();
                // The program's first look at sysfs costs most of what its start does.
                if let Some((before, now)) = before.take().zip(dentries.now()) {
                    let dentries = now - before;
                    drop(events.send(msg(Msg::Started { dentries })));
                }
            }
        })?;
        Ok(Self(orders))
    }

    pub(super) fn now(&self) {
        self.order(Order::Now);
    }

    pub(super) fn every(&self, interval: Duration) {
        self.order(Order::Every(interval));
    }

    fn order(&self, order: Order) {
        // The thread ends with the program alone.
        drop(self.0.send(order));
    }
}
