//! Making the lab from nothing, step by step; a step that is done is skipped.

pub mod archive;
pub mod cache;
pub mod command;
pub mod debian;
pub mod host;
pub mod image;
pub mod kernel;
pub mod module;
pub mod programs;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use cache::{Cache, disk_usage};
use command::Log;
use kernel::Kernel;
use programs::Programs;

/// The series of kernels used when none is named.
pub const DEFAULT_SERIES: &str = "7.3";

/// What a first set-up takes at most, with some to spare.
const NEEDED_BYTES: u64 = 6 << 30;

/// Everything a guest is made of.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Where it is kept.
    pub cache: Cache,
    /// The kernel.
    pub kernel: Kernel,
    /// The guest's root filesystem.
    pub root_image: PathBuf,
    /// The module, built for the kernel.
    pub module: PathBuf,
    /// The guest's programs.
    pub programs: Programs,
}

/// How to go about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The series of kernels.
    pub series: String,
    /// Whether to look for a newer kernel of that series.
    pub update: bool,
    /// Whether to name the steps that are done already, too.
    pub verbose: bool,
}

/// The root of the workspace: the module's and the program's sources are found from there.
pub fn workspace() -> PathBuf {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.ancestors().nth(2).unwrap_or(lab).to_owned()
}

/// Makes what is missing.
pub fn run(options: &Options) -> Result<Lab> {
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    let mut steps = Steps {
        cache: &cache,
        number: 0,
        verbose: options.verbose,
    };
    steps.host()?;
    let base = debian::base_path(&cache);
    steps.make("Debian's base", &base, debian::bootstrap)?;
    let compilers = kernel::compilers_path(&cache);
    steps.make("the kernel's compilers", &compilers, |partial, log| {
        debian::copy(&base, partial, log)?;
        kernel::install_compilers(partial, log)
    })?;
    let kernel = steps.kernel(options)?;
    let tree = kernel.build_tree(&cache);
    steps.make(
        &format!("kernel source {} and Rust metadata", kernel.upstream),
        &tree,
        |partial, log| kernel::prepare(&cache, &kernel, partial, log),
    )?;
    kernel::check(&cache, &kernel)?;
    let root_image = image::root_path(&cache);
    steps.make(
        "the guest's root filesystem",
        &root_image,
        |partial, log| image::make_root(&base, partial, log),
    )?;
    let module = module::path(&cache, &kernel)?;
    steps.make("the module", &module, |partial, log| {
        module::build(&cache, &kernel, partial, log)
    })?;
    let programs = steps.programs()?;
    Ok(Lab {
        cache: cache.clone(),
        kernel,
        root_image,
        module,
        programs,
    })
}

/// Numbers the steps and says how each goes.
struct Steps<'a> {
    cache: &'a Cache,
    number: usize,
    verbose: bool,
}

impl Steps<'_> {
    const TOTAL: usize = 8;

    fn line(&self, text: &str) {
        eprintln!("setup {}/{} {text}", self.number, Self::TOTAL);
    }

    fn log(&self) -> Result<Log> {
        Log::create(self.cache.path(format!("logs/setup-{}.log", self.number)))
    }

    /// Runs one step and prints its line: what, then how big and how long.
    fn timed(&self, what: &str, make: impl FnOnce(&Log) -> Result<u64>) -> Result<()> {
        eprint!("setup {}/{} {what} ... ", self.number, Self::TOTAL);
        std::io::stderr().flush().ok();
        let started = Instant::now();
        let made = self.log().and_then(|log| make(&log));
        match made {
            Ok(bytes) => {
                eprintln!(
                    "{} MB, {:.0} s",
                    bytes / 1_000_000,
                    started.elapsed().as_secs_f64()
                );
                Ok(())
            }
            Err(error) => {
                eprintln!("failed");
                Err(error.context(format!("setup could not make {what}")))
            }
        }
    }

    fn make(
        &mut self,
        what: &str,
        target: &Path,
        make: impl FnOnce(&Path, &Log) -> Result<()>,
    ) -> Result<()> {
        self.number += 1;
        if target.exists() {
            if self.verbose {
                self.line(&format!("{what}: there"));
            }
            return Ok(());
        }
        host::require_root("making the lab")?;
        self.timed(what, |log| {
            self.cache.publish(target, |partial| make(partial, log))?;
            Ok(disk_usage(target))
        })
    }

    fn host(&mut self) -> Result<()> {
        self.number += 1;
        let missing = host::missing();
        if missing.is_empty() {
            if self.verbose {
                self.line("the host's packages: there");
            }
        } else {
            self.timed(
                &format!("the host's packages {}", missing.join(" ")),
                |log| {
                    host::install(&missing, log)?;
                    Ok(0)
                },
            )?;
        }
        let free = self.cache.free_bytes()?;
        if !debian::base_path(self.cache).exists() && free < NEEDED_BYTES {
            bail!(
                "{} has {} MB free, the lab needs {} MB: free some space, or set SLABSCOPE_CACHE to a roomier directory",
                self.cache.path("").display(),
                free / 1_000_000,
                NEEDED_BYTES / 1_000_000
            );
        }
        Ok(())
    }

    /// The kernel chosen before stays, while it is complete, until an update is asked for.
    fn kernel(&mut self, options: &Options) -> Result<Kernel> {
        let known = archive::remembered(self.cache, &options.series)
            .filter(|kernel| !options.update && kernel.modules_image(self.cache).exists());
        let kernel = match known {
            Some(kernel) => kernel,
            None => {
                host::require_root("making the lab")?;
                let log = self.log()?;
                archive::choose(self.cache, &options.series, &log)
                    .context("cannot choose a kernel")?
            }
        };
        let image = kernel.modules_image(self.cache);
        self.make(
            &format!("kernel {}", kernel.release),
            &image,
            |partial, log| {
                let unpacked = kernel.unpacked(self.cache);
                if !unpacked.exists() {
                    self.cache.publish(&unpacked, |dir| {
                        kernel::unpack(self.cache, &kernel, dir, log)
                    })?;
                }
                let modules = unpacked.join("usr/lib/modules").join(&kernel.release);
                image::make(&modules, partial, 0, log)
            },
        )?;
        Ok(kernel)
    }

    /// Cargo itself knows what has changed.
    fn programs(&mut self) -> Result<Programs> {
        self.number += 1;
        let programs = programs::paths(self.cache);
        let first = !programs.agent.exists() || !programs.slabscope.exists();
        if first {
            self.line("the guest's programs ...");
        }
        let started = Instant::now();
        programs::build(self.cache, first)?;
        if first || self.verbose {
            let bytes = disk_usage(&programs.slabscope) + disk_usage(&programs.agent);
            self.line(&format!(
                "the guest's programs: {} MB, {:.0} s",
                bytes / 1_000_000,
                started.elapsed().as_secs_f64()
            ));
        }
        Ok(programs)
    }
}
