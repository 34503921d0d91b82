//! `cargo lab learn`: the list, a guest for the guide, and what is recorded of all experiments.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::guide::BOOT;
use super::run::Record;
use super::{EXPERIMENTS, Experiment, SOURCES, page};
use crate::guest::Guest;
use crate::interactive;
use crate::relay::{self, End};
use crate::setup::Lab;
use crate::setup::cache::Cache;
use crate::setup::kernel::Kernel;

/// How long an experiment may take with nobody watching.
const PATIENCE: Duration = Duration::from_secs(300);

/// Functions of the kernel that experiments show: the file that has them, and their first line without its end.
const FUNCTIONS: [(&str, &str, &str); 3] = [
    (
        "simple_lookup",
        "fs/libfs.c",
        "struct dentry *simple_lookup(",
    ),
    ("d_delete", "fs/dcache.c", "void d_delete("),
    (
        "kmem_cache_destroy",
        "mm/slab_common.c",
        "void kmem_cache_destroy(",
    ),
];

/// A function out of a file of C in the kernel's style: from its first line to the brace at the beginning of a line.
fn function(text: &str, head: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with(head))
        .peekable();
    lines.peek()?;
    let mut function = String::new();
    for line in lines {
        function.push_str(line);
        function.push('\n');
        if line.starts_with('}') {
            return Some(function);
        }
    }
    None
}

/// Gives the guest the functions, from the source of the very kernel that it runs.
pub fn give_sources(guest: &Guest, cache: &Cache, kernel: &Kernel) -> Result<()> {
    for (name, file, head) in FUNCTIONS {
        let path = kernel.build_tree(cache).join(file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let function =
            function(&text, head).with_context(|| format!("{} has no {name}()", path.display()))?;
        let command = format!("mkdir -p {SOURCES} && cat >{SOURCES}/{name}.c");
        let status = guest.stream(&command, function.as_bytes(), PATIENCE, |_, _| {})?;
        ensure!(
            status == 0,
            "{name}() does not reach the guest: status {status}"
        );
    }
    Ok(())
}

/// Leads through one experiment, or through the list; `back`: to which that one leads back.
pub fn guide(lab: &Lab, number: Option<usize>, back: bool) -> Result<End> {
    lab.require_rust("`cargo lab learn`")?;
    let guest = interactive::boot(lab)?;
    guest.load_module()?;
    give_sources(&guest, &lab.cache, &lab.kernel)?;
    let which = number.map(|number| number.to_string()).unwrap_or_default();
    let end = relay::run(&guest, &format!("exec agent learn {which}"))?;
    let End::Program(status) = end else {
        return Ok(end);
    };
    match after(status, back) {
        Some(arguments) => begin_anew(guest, lab, &arguments),
        None => Ok(end),
    }
}

/// What this program is to be begun anew with, once a guide has ended with this status.
fn after(status: i32, back: bool) -> Option<Vec<String>> {
    let apart = status
        .checked_sub(i32::from(BOOT))
        .filter(|number| (1..10).contains(number));
    let list = "learn".to_owned();
    match apart {
        Some(number) => Some(vec![list, number.to_string(), "--back".to_owned()]),
        None => (back && status == 0).then(|| vec![list]),
    }
}

/// In a guest of its own. By a new program: the keyboard's reader of this one would take a key of the next.
fn begin_anew(guest: Guest, lab: &Lab, arguments: &[String]) -> Result<End> {
    drop(guest);
    let this = std::env::current_exe().context("cannot find this program")?;
    let error = Command::new(this)
        .args(["--kernel", &lab.kernel.series])
        .args(arguments)
        .exec();
    Err(error).context("cannot begin anew")
}

/// Boots a guest with the module loaded.
fn boot(lab: &Lab) -> Result<Guest> {
    let guest = Guest::boot(lab)?;
    guest.load_module()?;
    Ok(guest)
}

/// Runs an experiment with nobody watching, in a guest that has the module loaded.
pub fn run(guest: &Guest, lab: &Lab, experiment: &Experiment) -> Result<Record> {
    give_sources(guest, &lab.cache, &lab.kernel)?;
    let command = format!("agent learn {} --unattended", experiment.number);
    let said = guest.sh_within(&command, PATIENCE)?;
    serde_json::from_str(&said).with_context(|| format!("not understood: {said}"))
}

/// Fails unless every check holds, and fails without its step.
pub fn verify(record: &Record) -> Result<()> {
    for part in &record.parts {
        for check in &part.checks {
            ensure!(
                check.holds,
                "{}.: {}: {} is {:?}; readings {:?}; the commands said:\n{}",
                record.number,
                part.title,
                check.what,
                check.figure,
                part.readings,
                part.said
            );
            ensure!(
                !check.holds_without,
                "{}.: {}: {} passes when the step is left out",
                record.number,
                part.title,
                check.what
            );
        }
    }
    Ok(())
}

/// Runs every experiment on one kernel: what came of each.
fn all_on(lab: &Lab) -> Result<Vec<Record>> {
    let guest = boot(lab)?;
    let mut records = Vec::new();
    for experiment in EXPERIMENTS {
        let record = if experiment.own_boot {
            run(&boot(lab)?, lab, experiment)?
        } else {
            run(&guest, lab, experiment)?
        };
        verify(&record)?;
        let (number, title) = (experiment.number, experiment.title);
        eprintln!("Linux {}: {number}. {title}: ok", record.release);
        records.push(record);
    }
    guest.poweroff()?;
    Ok(records)
}

/// Runs every experiment on kernels of some series, side by side, and writes the pages.
pub fn record(labs: &[Lab], dir: &Path) -> Result<()> {
    for lab in labs {
        lab.require_rust("`cargo lab learn --record`")?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let series: Vec<Vec<Record>> = thread::scope(|scope| {
        let threads: Vec<_> = labs.iter().map(|lab| scope.spawn(|| all_on(lab))).collect();
        let results = threads.into_iter().map(|thread| {
            let result = thread.join();
            result.unwrap_or_else(|_| Err(anyhow!("the thread of a series panicked")))
        });
        results.collect::<Result<_>>()
    })?;
    for (index, experiment) in EXPERIMENTS.iter().enumerate() {
        let records: Vec<Record> = series
            .iter()
            .filter_map(|records| records.get(index).cloned())
            .collect();
        write(dir, experiment.name, &page::page(experiment, &records))?;
    }
    write(dir, "README", &page::index())
}

fn write(dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = dir.join(format!("{name}.md"));
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_apart_leads_back_to_the_list_unless_it_was_left() {
        let after = |status, back| after(status, back).map(|arguments| arguments.join(" "));
        assert_eq!(
            after(i32::from(BOOT) + 7, false),
            Some("learn 7 --back".to_owned())
        );
        assert_eq!(after(0, true), Some("learn".to_owned()));
        for (status, back) in [(0, false), (130, true), (1, true), (i32::from(BOOT), true)] {
            assert_eq!(after(status, back), None, "{status}");
        }
    }

    #[test]
    fn a_function_is_found_to_its_last_brace() {
        let text = "int b;\nint a(void)\n{\n\tif (b) {\n\t}\n}\nint c;\n";
        let found = function(text, "int a(").unwrap_or_default();
        assert_eq!(found, "int a(void)\n{\n\tif (b) {\n\t}\n}\n");
        assert_eq!(function(text, "int d("), None);
    }
}
