//! `slabscope tune`: two settings of the kernel that say how long dentries and inodes stay.

use std::io::Write;

use serde::Serialize;

use super::{Context, Exit, Failure, Run, confirm};
use crate::base::json;
use crate::base::say::say;
use crate::base::text::{counted, printable};
use crate::kernel::source::Kernel;
use crate::reclaim::ReclaimError;
use crate::reclaim::audit;
use crate::reclaim::tune::{SETTINGS, Setting, why_not};
use crate::ui::config::Config;

/// Show or change the kernel's settings for how long dentries and inodes stay cached
///
/// Without arguments both settings are shown, with what they mean. A change holds until reboot; the old value is kept in the record, and --restore puts it back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// vm.vfs_cache_pressure or fs.dentry-negative
    #[arg(value_name = "SETTING", value_parser = setting)]
    setting: Option<&'static Setting>,

    /// Its new value
    #[arg(value_parser = super::whole::<u64>, requires = "setting", conflicts_with = "restore")]
    value: Option<u64>,

    /// Restore the value from before the last change
    #[arg(long, requires = "setting")]
    restore: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

fn setting(text: &str) -> Result<&'static Setting, String> {
    let names = SETTINGS.map(|setting| setting.name).join(" or ");
    Setting::of(text).ok_or_else(|| format!("expected {names}"))
}

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    value: Option<u64>,
    default: u64,
    /// Its value before the last change, by the record.
    former: Option<u64>,
    meaning: &'static str,
    change: &'static str,
    why_not: Option<String>,
}

impl Run for Args {
    fn run(&self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
        let kernel = Kernel::new(&context.root);
        match self.setting {
            Some(setting) if self.value.is_some() || self.restore => {
                context.live("a change")?;
                self.change(setting, &kernel, context, out)
            }
            _ => self.show(&kernel, out),
        }
    }
}

impl Args {
    fn show(&self, kernel: &Kernel, out: &mut dyn Write) -> Result<Exit, Failure> {
        let audit = match Config::load() {
            Ok(config) => audit::Log::of(&config.audit),
            Err(error) => {
                say!("cannot read earlier changes: {error}");
                audit::Log::Off
            }
        };
        let wanted = |setting: &&Setting| self.setting.is_none_or(|this| this == *setting);
        let all: Vec<Shown> = SETTINGS
            .iter()
            .filter(wanted)
            .map(|setting| shown(setting, kernel, &audit))
            .collect();
        if self.json {
            #[derive(Serialize)]
            struct Document {
                settings: Vec<Shown>,
            }
            json::write(out, "slabscope.tune/1", &Document { settings: all })?;
            return Ok(Exit::Ok);
        }
        for shown in &all {
            let value = shown.value.map_or("-".into(), |value| value.to_string());
            writeln!(
                out,
                "{} = {value} (the kernel's own: {})",
                shown.name, shown.default
            )?;
            if let Some(why) = &shown.why_not {
                writeln!(out, "  {why}")?;
            }
            writeln!(out, "  {}", shown.meaning)?;
            writeln!(out, "  {}", shown.change)?;
            if let Some(former) = shown.former {
                writeln!(
                    out,
                    "  was {former}: slabscope tune {} --restore",
                    shown.name
                )?;
            }
        }
        Ok(Exit::Ok)
    }

    fn change(
        &self,
        setting: &'static Setting,
        kernel: &Kernel,
        context: &Context,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure> {
        let audit = confirm::record(context)?;
        let name = setting.name;
        let value = match self.value {
            Some(value) => value,
            None => former(setting, &audit)?.ok_or_else(|| {
                Failure::new(Exit::Failed, format!("{name}: no change of it is recorded"))
            })?,
        };
        let now = setting.read(kernel).map_err(|error| {
            let exit = match error.cause {
                crate::kernel::source::Cause::Unreadable(std::io::ErrorKind::NotFound, _) => {
                    Exit::Missing
                }
                _ => Exit::Failed,
            };
            Failure::new(exit, format!("{name}: {}", why_not(setting, &error)))
        })?;
        let plan = |text: &mut dyn Write| {
            writeln!(text, "{name}: {now} -> {value}, system-wide, until reboot")?;
            Ok(writeln!(text, "  {}", setting.change)?)
        };
        if now != value && !self.yes && !confirm::ask(plan, "change it")? {
            say!("nothing was changed");
            return Ok(Exit::Partial);
        }
        let (exit, line) = set(setting, kernel, [now, value], &audit)?;
        let told = if self.json {
            let shown = shown(setting, kernel, &audit);
            json::write(out, "slabscope.tune/1", &shown).map_err(Failure::from)
        } else {
            writeln!(out, "{line}").map_err(Failure::from)
        };
        super::done(exit, told)
    }
}

/// Sets it, and prints the outcome.
fn set(
    setting: &Setting,
    kernel: &Kernel,
    [now, value]: [u64; 2],
    audit: &audit::Log,
) -> Result<(Exit, String), Failure> {
    let name = setting.name;
    let done = setting
        .set(kernel, value, audit)
        .map_err(|error| match error {
            error @ ReclaimError::Refused(_) => Failure::new(Exit::Usage, error),
            error => error.into(),
        })?;
    let Some(done) = done else {
        let line = format!("{name} = {value}: already so, nothing was changed");
        return Ok((Exit::Ok, line));
    };
    let recorded = done.recorded.is_ok();
    let exit = super::deed(true, done.recorded);
    done.result?;
    // Without a record the command has to name the old value.
    let back = match audit {
        audit::Log::File(_) if recorded => "--restore".into(),
        _ => now.to_string(),
    };
    let line = format!("{name}: {now} -> {value}; undo with: slabscope tune {name} {back}");
    Ok((exit, line))
}

/// Its value before the last change, and a sentence on the part of the record that could not be
/// read.
fn former(setting: &Setting, audit: &audit::Log) -> Result<Option<u64>, ReclaimError> {
    let former = setting.former(audit)?;
    if let (1.., Some(path)) = (former.skipped, audit.path()) {
        let lines = counted(former.skipped, "line");
        say!("{}: {lines} skipped: not records", printable(path));
    }
    Ok(former.value)
}

fn shown(setting: &Setting, kernel: &Kernel, audit: &audit::Log) -> Shown {
    let read = setting.read(kernel);
    let former = former(setting, audit).unwrap_or_else(|error| {
        say!("the old value of {} is unknown: {error}", setting.name);
        None
    });
    Shown {
        name: setting.name,
        default: setting.default,
        former,
        meaning: setting.meaning,
        change: setting.change,
        why_not: read.as_ref().err().map(|error| why_not(setting, error)),
        value: read.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn outcome_says_how_to_restore_the_old_value() {
        let name = format!("slabscope-cli-tune-{}", std::process::id());
        let root = crate::private::directory().join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("proc/sys/vm")).unwrap();
        fs::write(root.join("proc/sys/vm/vfs_cache_pressure"), "100\n").unwrap();
        let kernel = Kernel::new(&root);
        let pressure = setting("vfs_cache_pressure").unwrap();
        let file = audit::Log::File(root.join("audit.jsonl"));
        let said = |change, audit| set(pressure, &kernel, change, audit).unwrap().1;
        let name = "vm.vfs_cache_pressure";
        assert_eq!(
            said([100, 200], &file),
            format!("{name}: 100 -> 200; undo with: slabscope tune {name} --restore")
        );
        assert_eq!(
            said([200, 200], &file),
            format!("{name} = 200: already so, nothing was changed")
        );
        assert_eq!(
            said([200, 50], &audit::Log::Off),
            format!("{name}: 200 -> 50; undo with: slabscope tune {name} 200")
        );
        fs::remove_dir_all(root).unwrap();
    }
}
