//! Making the lab from nothing, step by step; a step that is done is skipped.

pub mod alive;
pub mod archive;
pub mod cache;
pub mod command;
pub mod debian;
pub mod host;
pub mod image;
pub mod kernel;
pub mod module;
pub mod own;
pub mod packages;
pub mod programs;
pub mod release;
pub mod series;
mod steps;
pub mod sudo;
pub mod suite;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use cache::Cache;
use kernel::Kernel;
use module::{DEMO, PEER, SLABSCOPE};
use programs::Programs;
use steps::Steps;
use suite::Front;

/// The series of kernels used when none is named.
pub const DEFAULT_SERIES: &str = "7.3";

/// Upper bound on the bytes of a first set-up, with some to spare.
const NEEDED_BYTES: u64 = 6 << 30;

/// Everything a guest is made of.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Its cache.
    pub cache: Cache,
    /// The kernel.
    pub kernel: Kernel,
    /// The guest's root filesystem.
    pub root_image: PathBuf,
    /// The modules built for the kernel, if it supports them.
    pub modules: Modules,
    /// The guest's programs.
    pub programs: Programs,
}

/// Modules built for one kernel.
#[derive(Clone, Debug)]
pub struct Modules {
    /// The project's.
    pub slabscope: PathBuf,
    /// The demonstration module.
    pub demo: Option<PathBuf>,
    /// The module that the measurements compare with, if it was requested.
    pub peer: Option<PathBuf>,
}

impl Lab {
    /// Fails if modules in Rust cannot be built for the kernel.
    pub fn require_rust(&self, what: &str) -> Result<()> {
        ensure!(
            self.kernel.front() == Front::Rust,
            "{what} needs modules in Rust, which are built for kernels from {} on: not for {}. Leave --kernel out, or name such a series",
            suite::OLDEST_WITH_RUST,
            self.kernel.release
        );
        Ok(())
    }
}

/// Options of a set-up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The series of kernels, or [`own::OWN`].
    pub series: String,
    /// Whether to look for a newer kernel of that series.
    pub update: bool,
    /// Whether to list the steps that are done already, too.
    pub verbose: bool,
    /// Whether to build the module that the measurements compare with, too.
    pub peer: bool,
    /// Whether to make only what needs root, for the user who called sudo.
    pub root_part: bool,
}

impl Options {
    /// The set-up of a series, without output for what exists.
    pub fn new(series: &str) -> Self {
        Self {
            series: series.to_owned(),
            update: false,
            verbose: false,
            peer: false,
            root_part: false,
        }
    }
}

/// The root of the workspace: the module's and the program's sources are found from there.
pub fn workspace() -> PathBuf {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.ancestors().nth(2).unwrap_or(lab).to_owned()
}

/// The default series of kernels to look at, with the module that takes less to make: the one in Rust where the
/// kernel's source is prepared already, else the one that the headers are enough for.
pub fn shortest() -> Result<String> {
    let cache = Cache::open()?;
    let kernel = archive::complete(&cache, DEFAULT_SERIES);
    let prepared = kernel.is_some_and(|kernel| kernel.build_tree(&cache).exists());
    Ok(match prepared {
        true => DEFAULT_SERIES.to_owned(),
        false => format!("{DEFAULT_SERIES}{}", suite::PLAIN),
    })
}

/// Makes what is missing.
pub fn run(options: &Options) -> Result<Lab> {
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    let own = own::source_of(&options.series);
    let front = suite::Suite::of(own.unwrap_or(&options.series))?.front;
    let total = match front {
        Front::Rust => 9,
        Front::Plain => 8,
    };
    let total = total + usize::from(options.peer) + usize::from(own.is_some());
    let mut steps = Steps::new(&cache, total, options.verbose);
    steps.base()?;
    let kernel = match own {
        Some(series) => {
            let stock = steps.kernel(series, false)?;
            steps.compilers()?;
            steps.headers(&stock)?;
            steps.own_kernel(&options.series, &stock)?
        }
        None => {
            let kernel = steps.kernel(&options.series, options.update)?;
            steps.compilers()?;
            match front {
                Front::Rust => steps.build_tree(&kernel)?,
                Front::Plain => steps.headers(&kernel)?,
            }
            kernel
        }
    };
    let modules = modules(&mut steps, &kernel, options.peer)?;
    kernel::check(&cache, &kernel, &kernel::FOR_A_GUEST)?;
    let root_image = image::root_path(&cache);
    let base = debian::base_path(&cache);
    steps.make(
        "the guest's root filesystem",
        &root_image,
        |partial, log| image::make_root(&base, partial, log),
    )?;
    let programs = match options.root_part {
        true => programs::paths(&cache),
        false => steps.programs()?,
    };
    Ok(Lab {
        cache: cache.clone(),
        kernel,
        root_image,
        modules,
        programs,
    })
}

/// The modules. The one to learn with is in Rust alone.
fn modules(steps: &mut Steps<'_>, kernel: &Kernel, peer: bool) -> Result<Modules> {
    let rust = kernel.front() == Front::Rust;
    if rust {
        kernel::check(steps.cache(), kernel, &kernel::FOR_THE_MODULE)?;
    }
    Ok(Modules {
        slabscope: steps.module(kernel, SLABSCOPE)?,
        demo: rust.then(|| steps.module(kernel, DEMO)).transpose()?,
        peer: peer.then(|| steps.module(kernel, PEER)).transpose()?,
    })
}

/// Builds the module for a release of Debian's kernel, and returns its path.
pub fn module_for(release: &str, output: Option<&Path>) -> Result<PathBuf> {
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    release::check(release)?;
    let mut steps = Steps::new(&cache, 6, false);
    steps.base()?;
    steps.compilers()?;
    let kernel = release::find(&cache, release, &steps.log()?)?;
    steps.headers(&kernel)?;
    if kernel.front() == Front::Rust {
        steps.build_tree(&kernel)?;
        kernel::check(&cache, &kernel, &kernel::FOR_THE_MODULE)?;
    }
    let module = steps.module(&kernel, SLABSCOPE)?;
    let Some(output) = output else {
        return Ok(module);
    };
    let output = if output.is_dir() {
        output.join("slabscope.ko")
    } else {
        output.to_owned()
    };
    fs::copy(&module, &output).with_context(|| format!("cannot write {}", output.display()))?;
    Ok(output)
}
