//! The BPF program in the kernel: loaded once, kept for the next walk, freed with the process.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aya::maps::{Array, Map, MapData, MapError, MapType};
use aya::programs::{ProgramError, RawTracePoint, RawTracePointRunOptions, TestRun};
use aya::sys::is_map_supported;
use aya::{Btf, Ebpf, EbpfError};
use aya_obj::btf::BtfKind;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::layout::{KNOWN_FLAGS, Mapped, Rows, State, Unit};
use crate::base::text::printable;
use crate::base::xdg;
use crate::kernel::reader::Kind;
use crate::kernel::source::lockdown;

/// The program, as `tui/bpf/build` makes it.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/census.bpf.o"));

/// The same with direct loads.
static DIRECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/direct.bpf.o"));

/// What direct loads need of the kernel (Linux 6.2).
const CAST: &str = "bpf_rdonly_cast";

/// A call of a helper by a number that no helper has, which stands for [`CAST`] in the object.
const PLACEHOLDER: [u8; 8] = [0x85, 0, 0, 0, 0x6e, 0x75, 0x66, 0x6b];

/// Where the kernel describes its own structures.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Why BPF cannot read the dentry cache here: what is missing, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BpfError {
    /// The kernel does not describe its structures.
    #[error("{BTF} is missing: BPF needs a kernel built with CONFIG_DEBUG_INFO_BTF")]
    NoBtf,
    /// The caller may not load it.
    #[error(
        "not permitted to load a BPF program: that takes root of the host, or CAP_BPF and CAP_PERFMON"
    )]
    Permission,
    /// The kernel is locked down.
    #[error(
        "kernel lockdown (confidentiality) forbids BPF to read kernel memory: boot with lockdown=integrity"
    )]
    Lockdown,
    /// The kernel's verifier refuses the program.
    #[error("the kernel refuses the BPF program: {reason}{}", at(.log.as_deref()))]
    Refused {
        /// The last line of the verifier's log before its summary.
        reason: String,
        /// File that holds the whole log.
        log: Option<PathBuf>,
    },
    /// It runs, but what it reads is not what is there.
    #[error("the BPF program misreads this kernel: {0}; its figures are not used")]
    Misreads(&'static str),
    /// Another error, in words.
    #[error("cannot use BPF: {0}")]
    Other(String),
}

/// How the program reads the kernel's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// By loads, a third of the other's instructions.
    Direct,
    /// By `bpf_probe_read_kernel()`: on any kernel.
    Probe,
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct loads",
            Self::Probe => "probe_read",
        })
    }
}

/// The program in the kernel.
pub struct Loaded {
    ebpf: Ebpf,
    state: Array<MapData, State>,
    rows: Mapped,
    pub(super) known: u32,
    reads: Reads,
    /// Why it does not use direct loads; None: it does.
    pub(super) instead: Option<String>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

/// Loads the program that reads in this way.
pub(super) fn load(reads: Reads) -> Result<Box<Loaded>, BpfError> {
    match fs::metadata(BTF) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BpfError::NoBtf),
        _ => {}
    }
    raise_locked_memory();
    permitted()?;
    let mut ebpf = match reads {
        Reads::Probe => Ebpf::load(OBJECT),
        Reads::Direct => Ebpf::load(&direct()?),
    }
    .map_err(explain)?;
    let program: &mut RawTracePoint = ebpf
        .program_mut("census")
        .ok_or_else(|| BpfError::Other("the object has no program".into()))?
        .try_into()
        .map_err(|error: ProgramError| refused(&error))?;
    program.load().map_err(|error| refused(&error))?;
    let mut map = |name| {
        let map = ebpf.take_map(name);
        map.ok_or_else(|| BpfError::Other("the object lacks a map".into()))
    };
    let state = map(".bss")?;
    let Map::Array(rows) = map("rows")? else {
        return Err(BpfError::Other("the object's map is no array".into()));
    };
    let rows = Mapped::new(rows.fd().as_fd()).map_err(|error| from_io(&error.into()))?;
    let state = Array::try_from(state).map_err(|error| BpfError::Other(error.to_string()))?;
    let loaded = Box::new(Loaded {
        ebpf,
        state,
        rows,
        known: 0,
        reads,
        instead: None,
    });
    trim();
    Ok(loaded)
}

/// Whether a map can be made. The loader takes each feature that it may not try for one that the kernel lacks, and then
/// fails for another reason than the true one.
fn permitted() -> Result<(), BpfError> {
    match is_map_supported(MapType::Array) {
        Err(error) if error.io_error.kind() == io::ErrorKind::PermissionDenied => {
            Err(BpfError::Permission)
        }
        // What else is wrong the loader says.
        _ => Ok(()),
    }
}

/// The object with direct loads, completed for this kernel: aya resolves no functions of the kernel.
fn direct() -> Result<Vec<u8>, BpfError> {
    let btf = Btf::from_sys_fs().map_err(|error| BpfError::Other(chain(&error)))?;
    let id = btf
        .id_by_type_name_kind(CAST, BtfKind::Func)
        .map_err(|_| BpfError::Other(format!("no {CAST}() in this kernel")))?;
    let mut call = PLACEHOLDER;
    call[1] = 0x20; // BPF_PSEUDO_KFUNC_CALL
    call[4..].copy_from_slice(&id.to_ne_bytes());
    let mut object = DIRECT.to_vec();
    // Instructions are aligned to their size.
    for instruction in object.chunks_exact_mut(call.len()) {
        if *instruction == PLACEHOLDER {
            instruction.copy_from_slice(&call);
        }
    }
    Ok(object)
}

/// Returns the memory in which the kernel's BTF was parsed, some 40 MiB: glibc keeps it else.
fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only returns free memory, and may be called from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Before Linux 5.11 maps count as locked memory, of which 64 KiB are allowed by default.
fn raise_locked_memory() {
    let limit = getrlimit(Resource::Memlock);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Memlock, wanted);
}

fn explain(error: EbpfError) -> BpfError {
    match &error {
        EbpfError::MapError(MapError::CreateError { io_error, .. }) => from_io(io_error),
        EbpfError::ProgramError(error) => refused(error),
        error => BpfError::Other(chain(error)),
    }
}

fn from_io(error: &io::Error) -> BpfError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        BpfError::Permission
    } else {
        BpfError::Other(error.to_string())
    }
}

fn refused(error: &ProgramError) -> BpfError {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        return BpfError::Other(chain(error));
    };
    if is_confidential() {
        return BpfError::Lockdown;
    }
    // It was not the verifier: its log is no reason then.
    let scarce = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::AGAIN,
        Errno::INTR,
    ];
    if scarce
        .iter()
        .any(|errno| io_error.raw_os_error() == Some(errno.raw_os_error()))
    {
        return BpfError::Other(io_error.to_string());
    }
    if io_error.kind() == io::ErrorKind::PermissionDenied && verifier_log.to_string().is_empty() {
        return BpfError::Permission;
    }
    let log = verifier_log.to_string();
    BpfError::Refused {
        reason: reason(&log).unwrap_or(&io_error.to_string()).to_owned(),
        log: keep(&log),
    }
}

/// The verifier's last line before its summary.
fn reason(log: &str) -> Option<&str> {
    const SUMMARY: [&str; 3] = ["processed ", "stack depth ", "verification time "];
    let says =
        |line: &&str| !line.is_empty() && !SUMMARY.iter().any(|summary| line.starts_with(summary));
    log.lines().map(str::trim).rfind(says)
}

/// Keeps the verifier's log for a bug report; it replaces the one before.
fn keep(log: &str) -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    let dir = xdg::directory(variable, "XDG_STATE_HOME", ".local/state")?.join("slabscope");
    fs::create_dir_all(&dir).ok()?;
    let path = dir.join("bpf-verifier.log");
    let _ = fs::remove_file(&path);
    let mut file = File::options();
    let file = file.write(true).create_new(true).mode(0o600);
    file.open(&path).ok()?.write_all(log.as_bytes()).ok()?;
    Some(path)
}

fn at(log: Option<&Path>) -> String {
    log.map_or(String::new(), |path| {
        format!("; its log is {}", printable(path))
    })
}

fn is_confidential() -> bool {
    lockdown(Path::new("/")).is_some_and(|level| level == "confidentiality")
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Loaded {
    /// The kind of this reader.
    pub fn kind(&self) -> Kind {
        Kind::Bpf {
            flags: self.known & KNOWN_FLAGS != 0,
        }
    }

    /// How it reads and, if that is not by direct loads, why.
    pub fn reads(&self) -> (Reads, Option<&str>) {
        (self.reads, self.instead.as_deref())
    }

    /// Hands a request to the program; its directories first.
    pub(super) fn ask(&mut self, request: &State, work: &[Unit]) -> Result<(), BpfError> {
        self.rows.get_mut().work[..work.len()].copy_from_slice(work);
        self.state
            .set(0, *request, 0)
            .map_err(|error| BpfError::Other(chain(&error)))
    }

    /// Runs the program once and reads its answer.
    pub(super) fn run(&mut self) -> Result<(State, &Rows), BpfError> {
        let program: &RawTracePoint = self
            .ebpf
            .program("census")
            .and_then(|program| program.try_into().ok())
            .ok_or_else(|| BpfError::Other("the object has no program".into()))?;
        program
            .test_run(RawTracePointRunOptions::default())
            .map_err(|error| BpfError::Other(chain(&error)))?;
        let state = self.state.get(&0, 0);
        let state = state.map_err(|error| BpfError::Other(chain(&error)))?;
        Ok((state, self.rows.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifier_log_yields_its_last_words_before_the_summary() {
        let log = "12: (4f) r1 |= r2\nR1 bitwise operator |= on pointer prohibited\nverification time \
                   9 usec\nstack depth 16+0\nprocessed 338 insns (limit 1000000)\n";
        let words = "R1 bitwise operator |= on pointer prohibited";
        assert_eq!(reason(log), Some(words));
        assert_eq!(reason("processed 3 insns"), None);
    }
}
