//! Who reads the dentry cache: the kernel module, or a BPF program where there is none. Both walk
//! below an open directory, look nothing up, and yield the same [`Record`]s.
//!
//! The choice is made once, by `--via`, before anything is read: [`choose`].

pub mod bpf;

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

use crate::kernel::session::{Device, Record, Session, SessionError, Walk};

/// What `--via` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// The module if it is loaded, else BPF; for the tree, else names from readdir.
    #[default]
    Auto,
    /// The kernel module alone.
    Module,
    /// The BPF program alone.
    Bpf,
    /// Only names, and whether they are cached: no counts.
    Readdir,
}

static CHOSEN: OnceLock<Via> = OnceLock::new();

/// Settles which reader this process uses. To be called once, before the first [`open`].
pub fn choose(via: Via) {
    let _ = CHOSEN.set(via);
}

/// The reader that [`choose`] settled on.
pub fn chosen() -> Via {
    CHOSEN.get().copied().unwrap_or_default()
}

/// Which reader a figure is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The kernel module.
    #[default]
    Module,
    /// The BPF program.
    Bpf {
        /// The kernel's BTF names the bits of `d_flags` (7.3 does, 6.12 does not).
        flags: bool,
    },
}

impl Kind {
    /// Its name on the command line, in JSON, in the head of a screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Bpf { .. } => "bpf",
        }
    }

    /// Whether it reads `d_flags`: membership of the LRU, mount points, lookups under way.
    pub fn knows_flags(self) -> bool {
        matches!(self, Self::Module | Self::Bpf { flags: true })
    }

    /// Whether what it counts can be pruned by the same way.
    pub fn prunes(self) -> bool {
        self == Self::Module
    }

    /// Whether it knows which inodes are dirty or being written.
    pub fn knows_dirty(self) -> bool {
        self == Self::Module
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A walk under way: its records, the last of which is [`Record::Total`].
pub trait Records: Iterator<Item = Result<Record, SessionError>> {
    /// Ends the walk early, once; the records up to the total still follow.
    fn stop(&mut self) -> Result<(), SessionError>;

    /// Whether dentries came or went in a way that part of the walk had to be repeated.
    fn changed(&self) -> bool {
        false
    }
}

impl Records for Session {
    fn stop(&mut self) -> Result<(), SessionError> {
        Session::stop(self)
    }
}

/// A reader that works here.
#[derive(Debug)]
pub enum Reader {
    /// The module's device, open.
    Module(Device),
    /// The BPF program, loaded.
    Bpf(Box<bpf::Loaded>),
}

/// What a reader finds below a directory, without changing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As [`Walk::Census`].
    Census {
        /// Depth down to which directories are reported; 0: only the total.
        depth: u32,
    },
    /// As [`Walk::List`].
    List,
}

/// Opens the module's device, which alone prunes, unless a reader was chosen that only reads.
pub fn module() -> Result<Device, SessionError> {
    match chosen() {
        Via::Auto | Via::Module => Device::open(),
        Via::Bpf | Via::Readdir => Err(SessionError::OnlyReads),
    }
}

/// Opens the chosen reader. If none was chosen and neither works, the error says why for both.
pub fn open() -> Result<Reader, SessionError> {
    match chosen() {
        Via::Auto => match Device::open() {
            Ok(device) => Ok(Reader::Module(device)),
            Err(module) => bpf::take()
                .map(Reader::Bpf)
                .map_err(|bpf| neither(module, bpf)),
        },
        Via::Module => Device::open().map(Reader::Module),
        Via::Bpf => bpf::take().map(Reader::Bpf).map_err(SessionError::Bpf),
        Via::Readdir => Err(SessionError::NoCounts),
    }
}

fn neither(module: SessionError, bpf: bpf::BpfError) -> SessionError {
    let module = Box::new(module);
    SessionError::NoReader { module, bpf }
}

/// Why no reader can be opened, as far as that is known without loading the BPF program, which may
/// take seconds.
pub fn refused() -> Option<SessionError> {
    match chosen() {
        Via::Auto => bpf::failed().and_then(|bpf| Some(neither(Device::open().err()?, bpf))),
        Via::Module => Device::open().err(),
        Via::Bpf => bpf::failed().map(SessionError::Bpf),
        Via::Readdir => Some(SessionError::NoCounts),
    }
}

/// Which reader can be opened; it is not kept open.
pub fn works() -> Result<Kind, SessionError> {
    open().map(|reader| {
        let kind = reader.kind();
        if let Reader::Bpf(loaded) = reader {
            bpf::give_back(loaded);
        }
        kind
    })
}

impl Reader {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Module(_) => Kind::Module,
            Self::Bpf(loaded) => loaded.kind(),
        }
    }

    /// Starts a walk below `dir`, which has to stay open until its end.
    pub fn begin<'d>(
        self,
        dir: BorrowedFd<'d>,
        look: Look,
    ) -> Result<Box<dyn Records + 'd>, SessionError> {
        Ok(match (self, look) {
            (Self::Module(device), Look::Census { depth }) => {
                Box::new(device.begin(dir, Walk::Census { depth })?)
            }
            (Self::Module(device), Look::List) => Box::new(device.begin(dir, Walk::List)?),
            (Self::Bpf(loaded), Look::Census { depth }) => {
                Box::new(bpf::Walk::census(loaded, dir, depth))
            }
            (Self::Bpf(loaded), Look::List) => Box::new(bpf::Walk::list(loaded, dir)),
        })
    }
}
