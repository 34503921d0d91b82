//! The steps of a set-up: each prints what it makes, and is skipped when that exists.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::alive::Alive;
use super::cache::{Cache, disk_usage};
use super::command::Log;
use super::kernel::Kernel;
use super::module::Module;
use super::programs::Programs;
use super::suite::Front;
use super::{NEEDED_BYTES, archive, debian, host, image, kernel, module, own, programs};

/// Numbers the steps and prints the result of each.
pub(super) struct Steps<'a> {
    cache: &'a Cache,
    number: usize,
    total: usize,
    verbose: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(cache: &'a Cache, total: usize, verbose: bool) -> Self {
        Self {
            cache,
            number: 0,
            total,
            verbose,
        }
    }

    /// The cache.
    pub(super) fn cache(&self) -> &'a Cache {
        self.cache
    }

    /// The minimal root, from which everything else is made.
    pub(super) fn base(&mut self) -> Result<()> {
        self.host()?;
        let base = debian::base_path(self.cache);
        self.make("Debian's base", &base, debian::bootstrap)
    }

    /// The compilers of modules.
    pub(super) fn compilers(&mut self) -> Result<()> {
        let base = debian::base_path(self.cache);
        let compilers = kernel::compilers_path(self.cache);
        self.make("the kernel's compilers", &compilers, |partial, log| {
            debian::copy(&base, partial, log)?;
            kernel::install_compilers(partial, log)
        })
    }

    /// The tree in which modules for a kernel are built.
    pub(super) fn build_tree(&mut self, kernel: &Kernel) -> Result<()> {
        let cache = self.cache;
        self.make(
            &format!("kernel source {} and Rust metadata", kernel.upstream),
            &kernel.build_tree(cache),
            |partial, log| kernel::prepare(cache, kernel, partial, log),
        )
    }

    /// The headers with the configuration of the build tree, if that still has to be made.
    pub(super) fn headers(&mut self, kernel: &Kernel) -> Result<()> {
        let cache = self.cache;
        let rust = kernel.front() != Front::Plain;
        let there = [kernel.build_tree(cache), kernel.unpacked(cache)]
            .into_iter()
            .find(|path| rust && path.exists());
        self.make(
            &format!("the headers of {}", kernel.release),
            &there.unwrap_or_else(|| kernel.bare_headers(cache)),
            |partial, log| kernel::unpack_headers(cache, kernel, partial, log),
        )
    }

    /// A module for a kernel.
    pub(super) fn module(&mut self, kernel: &Kernel, module: Module) -> Result<PathBuf> {
        let cache = self.cache;
        let path = module::path(cache, kernel, module)?;
        self.make(
            &format!("the module {}.ko", module.name),
            &path,
            |partial, log| module::build(cache, kernel, module, partial, log),
        )?;
        Ok(path)
    }

    fn line(&self, text: &str) {
        eprintln!("setup {}/{} {text}", self.number, self.total);
    }

    pub(super) fn log(&self) -> Result<Log> {
        Log::create(self.cache.path(format!("logs/setup-{}.log", self.number)))
    }

    /// Runs one step and prints its line: what, then how big and how long.
    /// `make` yields the bytes that it made, if they are known.
    fn timed(&self, what: &str, make: impl FnOnce(&Log) -> Result<Option<u64>>) -> Result<()> {
        let line = format!("setup {}/{} {what} ... ", self.number, self.total);
        let alive = Alive::new(line);
        let started = Instant::now();
        let made = self.log().and_then(|log| make(&log));
        drop(alive);
        match made {
            Ok(bytes) => {
                eprintln!("{}", cost(bytes, started.elapsed()));
                Ok(())
            }
            Err(error) => {
                eprintln!("failed");
                Err(error.context(format!("setup could not make {what}")))
            }
        }
    }

    pub(super) fn make(
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
            Ok(Some(disk_usage(target)))
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
                    Ok(None)
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

    /// The kernel chosen before stays, while it is complete, until an update is requested.
    pub(super) fn kernel(&mut self, series: &str, update: bool) -> Result<Kernel> {
        let known = archive::complete(self.cache, series).filter(|_| !update);
        let kernel = match known {
            Some(kernel) => kernel,
            None => {
                host::require_root("making the lab")?;
                let log = self.log()?;
                archive::choose(self.cache, series, &log).context("cannot choose a kernel")?
            }
        };
        let cache = self.cache;
        self.modules_image(&kernel, |dir, log| kernel::unpack(cache, &kernel, dir, log))?;
        Ok(kernel)
    }

    /// The kernel of our own.
    pub(super) fn own_kernel(&mut self, series: &str, stock: &Kernel) -> Result<Kernel> {
        let cache = self.cache;
        let kernel = own::kernel(series, stock);
        self.make(
            &format!("kernel {} from source", kernel.release),
            &kernel.build_tree(cache),
            |partial, log| own::compile(cache, &kernel, stock, partial, log),
        )?;
        self.modules_image(&kernel, |dir, _| own::install(cache, &kernel, dir))?;
        Ok(kernel)
    }

    /// A kernel, by `unpack`, with its modules as a disk.
    fn modules_image(
        &mut self,
        kernel: &Kernel,
        unpack: impl FnOnce(&Path, &Log) -> Result<()>,
    ) -> Result<()> {
        let cache = self.cache;
        self.make(
            &format!("kernel {}", kernel.release),
            &kernel.modules_image(cache),
            |partial, log| {
                let unpacked = kernel.unpacked(cache);
                if !unpacked.exists() {
                    cache.publish(&unpacked, |dir| unpack(dir, log))?;
                }
                let modules = unpacked.join("usr/lib/modules").join(&kernel.release);
                image::make(&modules, partial, 0, log)
            },
        )
    }

    /// Cargo itself knows what has changed.
    pub(super) fn programs(&mut self) -> Result<Programs> {
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

/// Cost of a step, for the end of its line.
fn cost(bytes: Option<u64>, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match bytes {
        Some(bytes) => format!("{} MB, {seconds:.0} s", bytes / 1_000_000),
        None => format!("{seconds:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_of_unknown_size_is_time_alone() {
        let time = Duration::from_secs(90);
        assert_eq!(cost(None, time), "90 s");
        assert_eq!(cost(Some(128_000_000), time), "128 MB, 90 s");
    }
}
