//! The ladder is printed at once: loading the BPF program takes seconds on a slow machine. Alone in
//! its process, where nothing else loads it.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;

use slabscope::kernel::reader::bpf;
use slabscope::kernel::source::Kernel;
use slabscope::reclaim::ladder::{Place, ladder};

#[test]
fn ladder_loads_no_bpf_program() {
    let place = Place::read(&Kernel::new("/"), Some(Path::new("/")));
    assert!(!ladder(&place).is_empty());
    assert_eq!(bpf::failed(), None, "it was tried");
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let open = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let loaded: Vec<_> = open
        .filter(|file| file.as_os_str().to_string_lossy().contains("bpf"))
        .collect();
    assert_eq!(loaded, Vec::<std::path::PathBuf>::new());
}
