//! `slabscope module install` and `remove`: the module built for the running kernel, loaded, and kept over reboots; and
//! all of that undone. What packages do where there are some.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use walkdir::WalkDir;

use super::super::confirm::ask;
use super::super::{Context, Exit, Failure, READ_ONLY};
use super::{NAME, load, secure_boot, status, unload};
use crate::base::text::{printable, reason};
use crate::base::trusted;

/// Version of the module's source that this program comes with.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Directories of programs that administrators run. PATH does not count: what is run here runs as root.
const PROGRAMS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Has the module loaded when the system starts.
const AT_BOOT: &str = "/etc/modules-load.d/slabscope.conf";

/// In the directory of the source that `install` made, so that `remove` removes no other.
const MARK: &str = ".installed";

/// Bytes of one file of the source: some ten thousand in practice.
const MOST_BYTES: u64 = 4 << 20;

/// Build the module for the running kernel, load it, and keep it over reboots
#[derive(Debug, clap::Args)]
pub struct Install {
    /// Directory of the module's source [default: /usr/src/slabscope-VERSION, or beside the program]
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

/// What is where on this machine.
struct Machine {
    release: String,
    dkms: bool,
}

impl Machine {
    fn this() -> Self {
        Self {
            release: status::release(),
            dkms: find("dkms").is_some(),
        }
    }

    fn build_tree(&self) -> PathBuf {
        Path::new("/lib/modules").join(&self.release).join("build")
    }

    /// Where the module goes without DKMS.
    fn module(&self) -> PathBuf {
        let dir = Path::new("/lib/modules").join(&self.release);
        dir.join("updates").join(format!("{NAME}.ko"))
    }

    /// What stands in the way, with the command that removes it.
    fn lacks(&self) -> Result<(), Failure> {
        let mut packages = Vec::new();
        for (program, package) in [("make", "make"), ("gcc", "gcc")] {
            if find(program).is_none() {
                packages.push(package.to_owned());
            }
        }
        let like = distribution();
        if !self.build_tree().join("Makefile").exists() {
            let release = &self.release;
            packages.push(match like {
                Distribution::Debian => format!("linux-headers-{release}"),
                Distribution::Fedora => format!("kernel-devel-{release}"),
                Distribution::Arch => "linux-headers".to_owned(),
                Distribution::Other => format!("the headers of the kernel {release}"),
            });
        }
        if packages.is_empty() {
            return Ok(());
        }
        let packages = packages.join(" ");
        let remedy = match like {
            Distribution::Debian => format!("apt install {packages}"),
            Distribution::Fedora => format!("dnf install {packages}"),
            Distribution::Arch => format!("pacman -S {packages}"),
            Distribution::Other => format!("install {packages}"),
        };
        Err(Failure::new(
            Exit::Missing,
            format!("nothing was done: building the module takes {packages}: {remedy}"),
        ))
    }
}

/// Names of packages, and the command that installs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distribution {
    Debian,
    Fedora,
    Arch,
    Other,
}

fn distribution() -> Distribution {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    of_os_release(&text)
}

/// os-release(5): ID is what it is, ID_LIKE what it is made from.
fn of_os_release(text: &str) -> Distribution {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let names = [value("ID="), value("ID_LIKE=")];
    let mut names = names
        .into_iter()
        .flatten()
        .flat_map(|names| names.trim_matches('"').split(' '));
    names
        .find_map(|name| match name {
            "debian" | "ubuntu" => Some(Distribution::Debian),
            "fedora" | "rhel" | "centos" => Some(Distribution::Fedora),
            "arch" => Some(Distribution::Arch),
            _ => None,
        })
        .unwrap_or(Distribution::Other)
}

/// Path of an administrator's program.
fn find(program: &str) -> Option<PathBuf> {
    PROGRAMS
        .iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.is_file())
}

/// A command that neither PATH nor other variables of the caller affect.
fn command(words: &[String]) -> Option<Command> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(find(program)?);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PROGRAMS.join(":"))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    Some(command)
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

/// The source that was named, is installed, or lies beside the program as in the archive of a release.
fn source(named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.clone());
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.parent()?.join("share/slabscope/kmod")));
    [Some(kept_source()), beside]
        .into_iter()
        .flatten()
        .find(|dir| dir.join("Kbuild").exists())
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
    let mut steps = Vec::new();
    if from != kept {
        steps.push(Step {
            words: format!("copy {} to {}", printable(from), kept.display()),
            act: Act::Copy {
                from: from.to_owned(),
                to: kept.clone(),
            },
        });
    }
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
                let ended = command(words).map(|mut command| command.status());
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

fn agreed(
    title: &str,
    steps: &[Step],
    notes: &[String],
    how: How,
    verb: &str,
) -> Result<bool, Failure> {
    let plan = |out: &mut dyn Write| -> Result<(), Failure> {
        writeln!(out, "{title}")?;
        for step in steps {
            writeln!(out, "  {}", step.words)?;
        }
        for note in notes {
            writeln!(out, "{note}")?;
        }
        Ok(())
    };
    if how.dry_run {
        plan(&mut io::stdout().lock())?;
        return Ok(false);
    }
    if how.yes {
        return Ok(true);
    }
    ask(plan, verb)
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

impl Install {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let machine = Machine::this();
        if !self.how.dry_run {
            may_change(context)?;
        }
        let from = source(self.source.as_ref())?;
        machine.lacks()?;
        let steps = plan_install(&machine, &from);
        let mut notes = vec![match machine.dkms {
            true => "DKMS builds it again for each kernel that is installed later.".to_owned(),
            false => format!(
                "For {} alone: with the package dkms it would be built again for each kernel that is installed later.",
                machine.release
            ),
        }];
        if secure_boot::state() == Some(true) {
            notes.push(format!(
                "Secure Boot is on, and asks for a key that the kernel trusts; {}",
                secure_boot::enrol()
            ));
        }
        let title = format!("To install the module for Linux {}:", machine.release);
        if !agreed(&title, &steps, &notes, self.how, "install it")? {
            return Ok(if self.how.dry_run {
                Exit::Ok
            } else {
                Exit::Partial
            });
        }
        for (done, step) in steps.iter().enumerate() {
            if let Err(failure) = step.act.carry_out() {
                // Nothing half-done stays.
                if done > 0 {
                    for step in plan_remove(&machine).iter().filter(|_| !is_packaged()) {
                        step.act.carry_out().ok();
                    }
                }
                let message = format!(
                    "{}\nnothing is installed: what had been done was undone",
                    failure.message
                );
                return Err(Failure::new(failure.exit, message));
            }
        }
        Ok(Exit::Ok)
    }
}

impl Remove {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if !self.how.dry_run {
            may_change(context)?;
        }
        if is_packaged() {
            return Err(Failure::new(
                Exit::Usage,
                "a package has installed it: remove that, as by `apt purge slabscope-dkms`",
            ));
        }
        let machine = Machine::this();
        let steps = plan_remove(&machine);
        if steps.is_empty() {
            return Err(Failure::new(Exit::Missing, "it is not installed"));
        }
        if !agreed("To remove the module:", &steps, &[], self.how, "remove it")? {
            return Ok(if self.how.dry_run {
                Exit::Ok
            } else {
                Exit::Partial
            });
        }
        for step in &steps {
            step.act.carry_out()?;
        }
        Ok(Exit::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_is_what_it_is_or_what_it_is_made_from() {
        for (text, distribution) in [
            ("NAME=\"x\"\nID=debian\n", Distribution::Debian),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Distribution::Debian,
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                Distribution::Fedora,
            ),
            ("ID=arch\n", Distribution::Arch),
            ("ID=alpine\n", Distribution::Other),
            ("", Distribution::Other),
        ] {
            assert_eq!(of_os_release(text), distribution, "{text}");
        }
    }

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
    fn plan_with_dkms_needs_no_copy_of_an_installed_source() {
        let machine = Machine {
            release: "6.12.1".into(),
            dkms: true,
        };
        let steps = plan_install(&machine, &kept_source());
        assert_eq!(
            lines(&steps)[0],
            format!("dkms install slabscope/{VERSION} -k 6.12.1")
        );
    }
}
