//! `slabscope module install` and `remove`: the module built for the running kernel, loaded, and kept over reboots; and
//! all of that undone. What packages do where there are some.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::super::confirm::ask;
use super::super::{Context, Exit, Failure, READ_ONLY};
use super::machine::Machine;
use super::{NAME, load, programs, secure_boot, unload};
use crate::base::text::{printable, reason};
use crate::base::trusted;

/// Version of the module's source that this program comes with.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Has the module loaded when the system starts.
const AT_BOOT: &str = "/etc/modules-load.d/slabscope.conf";

/// In the directory of the source that `install` made, so that `remove` removes no other.
const MARK: &str = ".installed";

/// Bytes of one file of the source: some ten thousand in practice.
const MOST_BYTES: u64 = 4 << 20;

/// Build the module for the running kernel, load it, and keep it over reboots
#[derive(Debug, clap::Args)]
pub struct Install {
    /// Directory of the module's source [default: share/slabscope/kmod beside the program's bin]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

/// Unload the module, and remove what `install` has made
#[derive(Debug, clap::Args)]
pub struct Remove {
    #[command(flatten)]
    how: How,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct How {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// One step: what it does, in words or as the command that would do it, and how.
struct Step {
    words: String,
    act: Act,
}

enum Act {
    Run(Vec<String>),
    Write(&'static str, &'static str),
    Copy { from: PathBuf, to: PathBuf },
    Delete(PathBuf),
    Load,
    Unload,
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn run(text: String) -> Step {
    Step {
        act: Act::Run(words(&text)),
        words: text,
    }
}

/// The source's directory while it is installed.
fn kept_source() -> PathBuf {
    PathBuf::from(format!("/usr/src/{NAME}-{VERSION}"))
}

/// Whether a package of the distribution has brought the source.
fn is_packaged() -> bool {
    kept_source().exists() && !kept_source().join(MARK).exists()
}

/// The source that was named, or lies beside the program as in the archive of a release.
fn source(named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.clone());
    }
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.parent()?.join("share/slabscope/kmod")))
        .filter(|dir| dir.join("Kbuild").exists())
        .ok_or_else(|| {
            Failure::new(
                Exit::Missing,
                "nothing was done: the module's source is not here; name its directory, which releases have as \
                 share/slabscope/kmod and checkouts as kmod: `slabscope module install --source DIR`",
            )
        })
}

fn plan_install(machine: &Machine, from: &Path) -> Vec<Step> {
    let release = &machine.release;
    let kept = kept_source();
    let mut steps = vec![Step {
        words: format!("copy {} to {}", printable(from), kept.display()),
        act: Act::Copy {
            from: from.to_owned(),
            to: kept.clone(),
        },
    }];
    if machine.dkms {
        steps.push(run(format!("dkms install {NAME}/{VERSION} -k {release}")));
    } else {
        let kept = kept.display();
        let tree = machine.build_tree();
        steps.push(run(format!("make -C {kept} KDIR={}", tree.display())));
        steps.push(run(format!(
            "install -D -m 644 {kept}/{NAME}.ko {}",
            machine.module().display()
        )));
        steps.push(run(format!("depmod {release}")));
    }
    steps.push(Step {
        words: format!("write {AT_BOOT}, so that it is loaded at boot"),
        act: Act::Write(AT_BOOT, "slabscope\n"),
    });
    steps.push(Step {
        words: "load it".into(),
        act: Act::Load,
    });
    steps
}

fn plan_remove(machine: &Machine) -> Vec<Step> {
    let kept = kept_source();
    let mut steps = Vec::new();
    if Path::new("/sys/module").join(NAME).exists() {
        steps.push(Step {
            words: "unload it".into(),
            act: Act::Unload,
        });
    }
    if machine.dkms && Path::new("/var/lib/dkms").join(NAME).exists() {
        steps.push(run(format!("dkms remove {NAME}/{VERSION} --all")));
    }
    let files = [machine.module(), AT_BOOT.into(), kept];
    let removed: Vec<PathBuf> = files.into_iter().filter(|path| path.exists()).collect();
    let depmod = removed.contains(&machine.module());
    steps.extend(removed.into_iter().map(|path| Step {
        words: format!("remove {}", path.display()),
        act: Act::Delete(path),
    }));
    if depmod {
        steps.push(run(format!("depmod {}", machine.release)));
    }
    steps
}

/// Copies the source, of which nobody but root may have written anything: it becomes a part of the kernel.
fn copy_source(from: &Path, to: &Path) -> io::Result<()> {
    let from = std::path::absolute(from)?;
    for entry in WalkDir::new(&from).follow_links(false) {
        let entry = entry.map_err(io::Error::from)?;
        let below = entry.path().strip_prefix(&from).map_err(io::Error::other)?;
        let target = to.join(below);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else if entry.file_type().is_file() && below != Path::new(MARK) {
            let bytes = trusted::read(entry.path(), MOST_BYTES).map_err(|error| {
                let path = printable(entry.path());
                io::Error::other(format!("{path}: {}", reason(&error)))
            })?;
            let mut file = File::create(target)?;
            file.write_all(&bytes)?;
            // Make would take an object that is older than its source for stale.
            file.set_modified(entry.metadata().map_err(io::Error::from)?.modified()?)?;
        }
    }
    fs::write(to.join(MARK), "by slabscope module install\n")
}

impl Act {
    fn carry_out(&self) -> Result<(), Failure> {
        let failed = |what: &Path, error: &io::Error| {
            let what = printable(what);
            Failure::new(Exit::Failed, format!("{what}: {}", reason(error)))
        };
        match self {
            Self::Run(words) => {
                let line = words.join(" ");
                let ended = programs::command(words).map(|mut command| command.status());
                match ended {
                    Some(Ok(status)) if status.success() => Ok(()),
                    Some(Ok(status)) => Err(Failure::new(
                        Exit::Failed,
                        format!("`{line}` failed: {status}"),
                    )),
                    Some(Err(error)) => Err(failed(Path::new(&line), &error)),
                    None => Err(Failure::new(
                        Exit::Missing,
                        format!("`{line}`: there is no such program"),
                    )),
                }
            }
            Self::Write(path, text) => {
                let path = Path::new(path);
                let dir = path.parent().unwrap_or(path);
                fs::create_dir_all(dir)
                    .and_then(|()| fs::write(path, text))
                    .map_err(|error| failed(path, &error))
            }
            Self::Copy { from, to } => copy_source(from, to).map_err(|error| {
                // Half a source must not pass for one.
                fs::remove_dir_all(to).ok();
                Failure::new(Exit::Failed, error)
            }),
            Self::Delete(path) => {
                let removed = match path.is_dir() {
                    true => fs::remove_dir_all(path),
                    false => fs::remove_file(path),
                };
                removed.map_err(|error| failed(path, &error))
            }
            Self::Load => load(None, false).map(drop),
            Self::Unload => unload().map(drop),
        }
    }
}

/// Whether to act: not in a dry run, which shows the plan; else by --yes or the answer.
fn agreed(
    plan: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    how: How,
    verb: &str,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    if how.dry_run {
        plan(out)?;
        return Ok(false);
    }
    Ok(how.yes || ask(plan, verb)?)
}

fn show(title: &str, steps: &[Step], out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{title}")?;
    for step in steps {
        writeln!(out, "  {}", step.words)?;
    }
    Ok(())
}

fn may_change(context: &Context) -> Result<(), Failure> {
    if context.read_only {
        return Err(Failure::new(Exit::Usage, READ_ONLY));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            Exit::Permission,
            "only root may install or remove a module: run with sudo",
        ));
    }
    Ok(())
}

impl How {
    /// How a command ends that did nothing.
    fn nothing(self) -> Exit {
        match self.dry_run {
            true => Exit::Ok,
            false => Exit::Partial,
        }
    }
}

impl Install {
    pub(super) fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let machine = Machine::this();
        if !self.how.dry_run {
            may_change(context)?;
        }
        none_is_here(&machine)?;
        let from = source(self.source.as_ref())?;
        machine.lacks()?;
        let steps = plan_install(&machine, &from);
        let plan = |out: &mut dyn Write| {
            let release = &machine.release;
            show(
                &format!("To install the module for Linux {release}:"),
                &steps,
                out,
            )?;
            match machine.dkms {
                true => writeln!(
                    out,
                    "DKMS builds it again for each kernel that is installed later."
                )?,
                false => writeln!(
                    out,
                    "For {release} alone: with the package dkms it would be built again for each kernel that is installed later."
                )?,
            }
            if secure_boot::state() == Some(true) {
                let enrol = secure_boot::enrol();
                writeln!(
                    out,
                    "Secure Boot is on, and asks for a key that the kernel trusts; {enrol}"
                )?;
            }
            Ok(())
        };
        if !agreed(plan, self.how, "install it", out)? {
            return Ok(self.how.nothing());
        }
        let done = steps.iter().try_for_each(|step| step.act.carry_out());
        done.map(|()| Exit::Ok).map_err(|failure| {
            // Nothing of it was there before: all that is there now is of these steps.
            let left: Vec<String> = plan_remove(&machine)
                .iter()
                .filter_map(|step| step.act.carry_out().err())
                .map(|failure| failure.message)
                .collect();
            let message = match left.is_empty() {
                true => format!(
                    "{}\nnothing is installed: what had been done was undone",
                    failure.message
                ),
                false => format!(
                    "{}\nnot all could be undone: {}",
                    failure.message,
                    left.join("; ")
                ),
            };
            Failure::new(failure.exit, message)
        })
    }
}

/// Fails if anything of an installation is there: what is undone after a failure must not be what was there before.
fn none_is_here(machine: &Machine) -> Result<(), Failure> {
    let remedy = if is_packaged() {
        "a package has installed it: `dkms autoinstall` builds it for this kernel, `slabscope module load` loads it"
    } else if plan_remove(machine).is_empty() {
        return Ok(());
    } else {
        "it is installed or loaded, at least in part: `slabscope module remove` first"
    };
    Err(Failure::new(
        Exit::Failed,
        format!("nothing was done: {remedy}"),
    ))
}

impl Remove {
    pub(super) fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        if !self.how.dry_run {
            may_change(context)?;
        }
        if is_packaged() {
            return Err(Failure::new(
                Exit::Usage,
                "a package has installed it: remove that, as by `apt purge slabscope-dkms`",
            ));
        }
        let steps = plan_remove(&Machine::this());
        if steps.is_empty() {
            return Err(Failure::new(Exit::Missing, "it is not installed"));
        }
        let plan = |out: &mut dyn Write| show("To remove the module:", &steps, out);
        if !agreed(plan, self.how, "remove it", out)? {
            return Ok(self.how.nothing());
        }
        steps.iter().try_for_each(|step| step.act.carry_out())?;
        Ok(Exit::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.words.as_str()).collect()
    }

    #[test]
    fn plan_without_dkms_is_for_the_running_kernel_alone() {
        let machine = Machine {
            release: "6.12.1".into(),
            dkms: false,
        };
        let steps = plan_install(&machine, Path::new("/opt/kmod"));
        let source = kept_source();
        let source = source.display();
        assert_eq!(
            lines(&steps),
            [
                format!("copy /opt/kmod to {source}"),
                format!("make -C {source} KDIR=/lib/modules/6.12.1/build"),
                format!(
                    "install -D -m 644 {source}/slabscope.ko /lib/modules/6.12.1/updates/slabscope.ko"
                ),
                "depmod 6.12.1".into(),
                "write /etc/modules-load.d/slabscope.conf, so that it is loaded at boot".into(),
                "load it".into(),
            ]
        );
    }

    #[test]
    fn plan_with_dkms_leaves_building_and_placing_to_it() {
        let machine = Machine {
            release: "6.12.1".into(),
            dkms: true,
        };
        let steps = plan_install(&machine, Path::new("/opt/kmod"));
        assert_eq!(
            lines(&steps)[1],
            format!("dkms install slabscope/{VERSION} -k 6.12.1")
        );
        assert_eq!(steps.len(), 4);
    }
}
