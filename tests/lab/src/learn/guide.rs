//! Leading a person through an experiment, on a terminal of 80x24 or more, in the guest.

use std::fs::File;
use std::io::{Write as _, stdin, stdout};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use super::run::{Interrupt, Interrupted, Stage, read, shell};
use super::{Experiment, Look, Part, Seen, card, filled, find};

/// The guide ends with this and an experiment's number when that wants a boot of its own.
pub const BOOT: u8 = 100;

/// How long the program is on the screen before the commands begin.
const HEAD_START: u32 = 3;

/// Where their output is kept meanwhile.
const MEANWHILE: &str = "/run/learn.out";

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Enter,
    Char(char),
}

/// Prints lines on a clear screen.
fn show(lines: &[String]) -> Result<()> {
    say("\x1b[H\x1b[2J\x1b[3J")?;
    lines.iter().try_for_each(|line| say(&format!("{line}\n")))
}

fn say(text: &str) -> Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("the terminal has gone")
}

/// The terminal hands over each key at once, without its echo, until this is dropped.
struct Keys(Termios);

impl Keys {
    /// What was typed before the question is no answer to it.
    fn begin() -> Result<Self> {
        let saved = tcgetattr(stdin()).context("cannot read the terminal's modes")?;
        let mut modes = saved.clone();
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Flush, &modes)
            .context("cannot set the terminal's modes")?;
        Ok(Self(saved))
    }

    fn next(&self, interrupt: &Interrupt) -> Result<Key> {
        const LOOK: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        // A read goes on after a signal; and one may come right before it.
        let stdin = rustix::stdio::stdin();
        while let Ok(0) | Err(Errno::INTR) =
            poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&LOOK))
        {
            interrupt.check()?;
        }
        let mut byte = [0];
        // Not by std's, which reads ahead what is the program's.
        match rustix::io::read(stdin, &mut byte) {
            Ok(0) => Err(Interrupted.into()),
            Ok(_) => Ok(match byte[0] {
                b'\r' | b'\n' => Key::Enter,
                byte => Key::Char(char::from(byte)),
            }),
            Err(Errno::INTR) => Ok(CTRL_C),
            Err(error) => Err(error).context("cannot read the keyboard"),
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        tcsetattr(stdin(), OptionalActions::Now, &self.0).ok();
    }
}

const CTRL_C: Key = Key::Char('\u{3}');

/// Asks, and returns the key. Ctrl-C is one of the keys that interrupt.
fn ask(text: &str, interrupt: &Interrupt) -> Result<Key> {
    interrupt.check()?;
    let keys = Keys::begin()?;
    say(&format!("\n\x1b[7m {text} \x1b[0m "))?;
    let key = keys.next(interrupt)?;
    say("\r\x1b[2K")?;
    if key == CTRL_C {
        interrupt.raise();
    }
    interrupt.check()?;
    Ok(key)
}

/// The first card: what it is about.
pub fn about_card(experiment: &Experiment) -> Vec<String> {
    let mut lines = card::heading(&format!("{}. {}", experiment.number, experiment.title));
    for text in experiment.about {
        lines.push(String::new());
        lines.extend(card::paragraph(text, ""));
    }
    lines
}

/// A step's card: what is done, the commands, the question.
pub fn part_card(experiment: &Experiment, index: usize, n: u64) -> Vec<String> {
    let part = &experiment.parts[index];
    let place = format!("{}.{} {}", experiment.number, index + 1, part.title);
    let mut lines = card::heading(&place);
    lines.extend(card::paragraph(&filled(part.text, n), ""));
    if let Some(need) = part.needs.filter(|need| !need.met()) {
        lines.push(String::new());
        lines.extend(card::paragraph(need.without, ""));
        return lines;
    }
    lines.push(String::new());
    for command in part.prepare.iter().chain(part.commands) {
        lines.extend(card::command(&filled(command, n)));
    }
    lines.push(String::new());
    lines.extend(card::paragraph(&filled(part.question, n), "? "));
    lines
}

/// A step's second card: the figures, the checks, the answer.
pub fn result_card(experiment: &Experiment, index: usize, seen: &Seen) -> Vec<String> {
    let part = &experiment.parts[index];
    let mut lines = card::heading(&format!(
        "{}.{} what came of it",
        experiment.number,
        index + 1
    ));
    lines.push(format!("{:<40} {:>13} {:>13}", "", "before", "after"));
    for probe in part.probes {
        let [before, after] = [seen.before(*probe), seen.after(*probe)].map(|value| {
            if value.is_nan() {
                "none".to_owned()
            } else {
                card::figure(value)
            }
        });
        lines.push(format!("{:<40} {before:>13} {after:>13}", probe.name));
    }
    lines.push(String::new());
    for check in part.checks {
        let figure = (check.figure)(seen);
        let verdict = if check.holds(figure) {
            "as expected"
        } else {
            "NOT AS EXPECTED"
        };
        lines.push(format!(
            "{:<51} {:>10}  {verdict}",
            check.what,
            card::figure(figure)
        ));
        if !check.holds(figure) {
            lines.push(format!(
                "  expected {}",
                card::bounds(check.low, check.high)
            ));
        }
    }
    lines.push(String::new());
    lines.extend(card::paragraph(&filled(part.answer, seen.n as u64), ""));
    lines
}

/// Shows the list until an experiment is chosen. `None`: it is left.
fn choose(interrupt: &Interrupt) -> Result<Option<&'static Experiment>> {
    loop {
        let mut lines = card::heading("Slab internals you can touch");
        lines.extend(super::list().lines().map(str::to_owned));
        show(&lines)?;
        match ask("1 to 9 begins an experiment \u{b7} q leaves", interrupt)? {
            Key::Char('q') => return Ok(None),
            Key::Char(digit) => {
                let number = digit
                    .to_digit(10)
                    .and_then(|digit| usize::try_from(digit).ok());
                if let Some(experiment) = number.and_then(find) {
                    return Ok(Some(experiment));
                }
            }
            Key::Enter => {}
        }
    }
}

/// Leads through one experiment, or through the list. Returns the status to end with.
pub fn lead(one: Option<&Experiment>, n: Option<u64>) -> Result<u8> {
    let interrupt = Interrupt::listen()?;
    if let Some(experiment) = one {
        return experiment_with(experiment, n, &interrupt).map(|()| 0);
    }
    while let Some(experiment) = choose(&interrupt)? {
        if experiment.own_boot {
            return Ok(BOOT + u8::try_from(experiment.number)?);
        }
        experiment_with(experiment, n, &interrupt)?;
    }
    Ok(0)
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Leave,
}

fn experiment_with(experiment: &Experiment, n: Option<u64>, interrupt: &Interrupt) -> Result<()> {
    show(&about_card(experiment))?;
    let count = format!("{} steps", experiment.parts.len());
    if ask(&format!("Enter begins, {count} \u{b7} q leaves"), interrupt)? == Key::Char('q') {
        return Ok(());
    }
    say("making the scene:\n")?;
    for command in experiment.set_up {
        card::command(command)
            .iter()
            .try_for_each(|line| say(&format!("{line}\n")))?;
    }
    let n = n.unwrap_or(experiment.counts[0]);
    let stage = Stage::set_up(experiment, n, interrupt.clone())?;
    for index in 0..experiment.parts.len() {
        if part_with(&stage, experiment, index, interrupt)? == Then::Leave {
            break;
        }
    }
    stage.clean_up()?;
    let mut lines = card::heading("Try next");
    lines.extend(card::paragraph(experiment.next, ""));
    lines.push(String::new());
    let left = if experiment.own_boot {
        "This guest ends here, and with it all that was made for this."
    } else {
        "Everything that was made for this is removed."
    };
    lines.push(left.to_owned());
    show(&lines)?;
    ask("Enter goes on", interrupt).map(drop)
}

fn part_with(
    stage: &Stage<'_>,
    experiment: &Experiment,
    index: usize,
    interrupt: &Interrupt,
) -> Result<Then> {
    let part = &experiment.parts[index];
    loop {
        show(&part_card(experiment, index, stage.n()))?;
        if part.needs.is_some_and(|need| !need.met()) {
            let key = ask("Enter goes on \u{b7} q leaves", interrupt)?;
            return Ok(if key == Key::Char('q') {
                Then::Leave
            } else {
                Then::GoOn
            });
        }
        let watch = if part.look.is_some() {
            " \u{b7} w: while slabscope shows it"
        } else {
            ""
        };
        let key = ask(
            &format!("Think, then Enter runs the commands{watch} \u{b7} q leaves"),
            interrupt,
        )?;
        let seen = match (key, part.look) {
            (Key::Char('q'), _) => return Ok(Then::Leave),
            (Key::Enter, _) => run_here(stage, part, interrupt)?,
            (Key::Char('w'), Some(look)) => run_behind(stage, part, look, interrupt)?,
            _ => continue,
        };
        loop {
            show(&result_card(experiment, index, &seen))?;
            let look = if part.look.is_some() {
                " \u{b7} w: look at it in slabscope"
            } else {
                ""
            };
            match (
                ask(&format!("Enter goes on{look} \u{b7} q leaves"), interrupt)?,
                part.look,
            ) {
                (Key::Enter, _) => return Ok(Then::GoOn),
                (Key::Char('q'), _) => return Ok(Then::Leave),
                (Key::Char('w'), Some(look)) => open(look, interrupt)?,
                _ => {}
            }
        }
    }
}

/// Runs the commands, shows what they print, and reads the figures.
fn run_here(stage: &Stage<'_>, part: &Part, interrupt: &Interrupt) -> Result<Seen> {
    let echoed = |command: &str| -> Result<String> {
        for line in card::command(&filled(command, stage.n())) {
            say(&format!("{line}\n"))?;
        }
        stage.run(command, |line| {
            say(&format!("{line}\n")).ok();
        })
    };
    part.prepare
        .iter()
        .try_for_each(|command| echoed(command).map(drop))?;
    let before = read(part.probes)?;
    let mut said = String::new();
    for command in part.commands {
        said.push_str(&echoed(command)?);
    }
    say("reading the kernel's figures ...\n")?;
    let seen = stage.seen(part, &before, &said)?;
    ask("Enter shows what came of it", interrupt)?;
    Ok(seen)
}

/// Runs the commands while the program is on the screen.
fn run_behind(stage: &Stage<'_>, part: &Part, look: Look, interrupt: &Interrupt) -> Result<Seen> {
    for command in part.prepare {
        stage.run(command, |_| {})?;
    }
    let before = read(part.probes)?;
    let commands: Vec<String> = part
        .commands
        .iter()
        .map(|command| filled(command, stage.n()))
        .collect();
    let script = format!("set -e\nsleep {HEAD_START}\n{}", commands.join("\n"));
    let output = File::create(MEANWHILE).with_context(|| format!("cannot write {MEANWHILE}"))?;
    let errors = output.try_clone().context("cannot share a file")?;
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(std::process::Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .context("cannot run the commands")?;
    let opened = open(look, interrupt);
    say("waiting for the commands to end ...\n")?;
    let status = child.wait().context("cannot wait for the commands")?;
    opened?;
    interrupt.check()?;
    let said = shell(&format!("cat {MEANWHILE} && rm {MEANWHILE}"), |_| {})?;
    ensure!(
        status.success(),
        "the commands ended with {status}:\n{said}"
    );
    stage.seen(part, &before, &said)
}

/// Opens the program, and comes back when it is left.
fn open(look: Look, interrupt: &Interrupt) -> Result<()> {
    let mut lines = card::heading("slabscope opens");
    lines.extend(card::paragraph(look.hint, ""));
    lines.extend(card::paragraph("q there comes back here.", ""));
    show(&lines)?;
    ask("Enter opens it", interrupt)?;
    Command::new("sh")
        .args(["-c", look.command])
        .status()
        .context("cannot open slabscope")
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::EXPERIMENTS;

    /// The rows of a small terminal, without the one of the question and the empty one above it.
    const ROWS: usize = 22;

    #[test]
    fn every_card_fits_a_terminal_of_80x24() {
        for experiment in EXPERIMENTS {
            let n = experiment.counts[0];
            let mut cards = vec![about_card(experiment)];
            for (index, part) in experiment.parts.iter().enumerate() {
                let met = Part {
                    needs: None,
                    ..*part
                };
                let parts: &'static [Part] = vec![met; index + 1].leak();
                let alone = Experiment {
                    parts,
                    ..*experiment
                };
                cards.push(part_card(&alone, index, n));
                // Each check that fails takes a second line: the most there can be.
                cards.push(result_card(
                    experiment,
                    index,
                    &Seen {
                        n: n as f64,
                        ..Seen::default()
                    },
                ));
            }
            for card in cards {
                let wide = card.iter().find(|line| line.chars().count() > 80);
                assert_eq!(wide, None, "too wide: {card:#?}");
                assert!(card.len() <= ROWS, "{} rows: {card:#?}", card.len());
            }
        }
    }
}
