//! The BPF reader without the capabilities that it needs: the error says so, whatever the loader
//! reports.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::thread;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use slabscope::kernel::reader::{self, Via, bpf::BpfError};
use slabscope::kernel::session::SessionError;

/// Alone in its program: errors that hold for the life of a process are not retried.
#[test]
fn bpf_without_capabilities_is_not_permitted() {
    reader::choose(Via::Bpf);
    // Capabilities are a thread's own.
    let tried = thread::spawn(|| {
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, none).unwrap();
        reader::works()
    });
    let error = tried.join().unwrap().unwrap_err();
    assert!(
        matches!(error, SessionError::Bpf(BpfError::Permission)),
        "{error}"
    );
}
