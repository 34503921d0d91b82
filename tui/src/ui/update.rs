//! The only place that changes the model: messages in, effects out. No I/O, no clock.

mod asking;
mod browse;
mod cgroups;
mod charts;
mod copy;
mod counting;
mod field;
mod filesystems;
mod filter;
mod grid;
mod hotspots;
mod jump;
mod leave;
mod make_way;
mod marks;
mod messages;
mod mounts;
mod mouse;
mod names;
mod operation;
mod palette;
mod prune;
mod refill;
mod rung;
mod search;
mod settings;
mod slabs;
mod tree;
mod tree_order;
mod who;
mod wider;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::cache::history::Rates;
use crate::kernel::session::Counters;
use crate::kernel::source::{Mount, Sample};
use crate::reclaim::audit::AuditEntry;
use crate::ui::keymap::{self, Action};
use crate::ui::keys_now;
use crate::ui::model::{Inert, InputMode, Model, Page, Question, Screen, Shown};
pub use browse::{BrowseEffect, BrowseMsg, Pages};
pub use hotspots::HotspotsMsg;
pub use messages::{Effect, Msg};
pub use names::{NamesEffect, NamesMsg};
pub use rung::{EndedRung, RungMsg};
pub use settings::SettingsMsg;
pub use who::{WhoEffect, WhoMsg};

/// Changes the model by a message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let arranged = !matches!(
        msg,
        Msg::Progress { .. }
            | Msg::Attributes { .. }
            | Msg::Clock { .. }
            | Msg::Tick { .. }
            | Msg::Drawn
            | Msg::Idle { .. }
            | Msg::Hidden
    );
    let effects = happened(model, msg);
    let effects = make_way::make_way(model, effects);
    asking::follow(model);
    model.waiting = model.waits().then(|| model.waiting.unwrap_or(model.now));
    if arranged {
        match model.screen {
            Screen::Slabs => model.arrange(),
            Screen::Filesystems => model.arrange_filesystems(),
            _ => {}
        }
    }
    effects
}

fn happened(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event) if event.kind != KeyEventKind::Release => return key(model, event),
        Msg::Key(_) => {}
        Msg::Pasted(text) => return field::pasted(model, &text),
        Msg::Drawn => asking::drawn(model),
        Msg::Idle { asked } => model.asking.idle(asked),
        Msg::Hidden => model.asking.hide(),
        Msg::Mouse(event) => return mouse::event(model, event),
        Msg::Size(columns, rows) => model.size = (columns, rows),
        Msg::Sample { at, sample } => return take(model, at, *sample),
        Msg::Saved(result) => saved(model, result),
        Msg::Tick { at } => model.now = model.now.max(at),
        Msg::Clock { at, clock } => model.clock = Some((at, clock)),
        Msg::Mounts(mounts) => {
            mounts::ours(model, mounts);
            return jump::opening(model);
        }
        Msg::MountsGap(gap) => model.tree.gap = gap,
        Msg::Freeable(freeable) => model.filesystems.freeable = freeable,
        Msg::Cgroups { job, at, result } => cgroups::read(model, job, at, result),
        Msg::MountsOf { pid, result } => return jump::to_process(model, pid, result),
        Msg::Started { dentries } => model.started = Some(dentries),
        Msg::Open(path) => return jump::open(model, path),
        Msg::Progress { job, at, so_far } => progress(model, job, at, so_far),
        Msg::Counting { job, at, part } => tree::part(model, job, at, *part),
        Msg::Counted { job, at, result } => return tree::counted(model, job, at, result),
        Msg::Planned { job, result } => prune::planned(model, job, result),
        Msg::Held { job, result } => prune::held(model, job, result),
        Msg::Recounted { job, at, result } => refill::counted(model, job, at, result),
        Msg::PruneBegan {
            job,
            at,
            clock,
            sample,
        } => return prune::began(model, job, at, clock, *sample),
        Msg::Pruned {
            job,
            at,
            pruned,
            last,
        } => return prune::ended(model, job, at, *pruned, last),
        Msg::Ladder(ladder) => model.ladder = ladder,
        Msg::Rung(msg) => return rung::happened(model, msg),
        Msg::Settings(msg) => return settings::happened(model, msg),
        Msg::Hotspots(msg) => hotspots::happened(model, msg),
        Msg::Browse(msg) => return browse::happened(model, msg),
        Msg::Who(msg) => who::happened(model, msg),
        Msg::Names(msg) => return names::happened(model, msg),
        Msg::Attributes { cache, result } => slabs::attributes(model, &cache, result),
    }
    Vec::new()
}

/// Rates over less than this are noise: the older ones are kept.
const SHORTEST: Duration = Duration::from_millis(100);

fn take(model: &mut Model, at: Duration, sample: Sample) -> Vec<Effect> {
    model.now = model.now.max(at);
    model.history.push(at, &sample);
    let rates = match &model.latest {
        Some(last) if at <= last.at => return Vec::new(),
        Some(last) if at - last.at < SHORTEST => kept(last, &sample),
        Some(last) => Rates::new(&sample, &last.sample, at - last.at),
        None => Rates::default(),
    };
    let shown = Arc::new(Shown { at, sample, rates });
    if model.frozen.is_none() {
        model.shown = Some(Arc::clone(&shown));
    }
    model.latest = Some(shown);
    let mut effects = slabs::reread(model);
    effects.extend(cgroups::due(model));
    effects.extend(refill::due(model));
    effects
}

/// The rates of `last`, if they are still those of the same caches.
fn kept(last: &Shown, sample: &Sample) -> Rates {
    fn caches(sample: &Sample) -> impl Iterator<Item = (&str, u32)> {
        let caches = sample.caches.as_deref().unwrap_or_default();
        caches
            .iter()
            .map(|cache| (cache.name.as_str(), cache.twins))
    }
    let mut rates = last.rates.clone();
    if !caches(&last.sample).eq(caches(sample)) {
        rates.caches.clear();
    }
    rates
}

fn progress(model: &mut Model, job: u64, at: Duration, counters: Box<Counters>) {
    model.now = model.now.max(at);
    match &mut model.mode {
        InputMode::Planning {
            job: of, so_far, ..
        } if *of == job => *so_far = counters,
        InputMode::Pruning(pruning) if pruning.job == job => pruning.so_far = counters,
        _ => names::progress(model, job, counters),
    }
}

fn key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    if event.modifiers.contains(KeyModifiers::ALT) && is_a_byte(event.code) {
        return behind_escape(model, event);
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        // In raw mode the terminal sends no signals for these keys.
        return match event.code {
            KeyCode::Char('c') => vec![Effect::Quit],
            KeyCode::Char('z') => vec![Effect::Suspend],
            KeyCode::Char(letter) => match keymap::control(letter) {
                Some(key) => pressed(model, key),
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
    }
    pressed(model, event.code)
}

/// Keys that terminals send as they are, not as a sequence that itself begins with Esc.
fn is_a_byte(key: KeyCode) -> bool {
    use KeyCode::{Backspace, Char, Enter, Tab};
    matches!(key, Backspace | Char(_) | Enter | Tab)
}

/// A terminal sends Alt as an Esc before the key, which looks like Esc and a key that were read at
/// once: it is taken for these.
fn behind_escape(model: &mut Model, mut event: KeyEvent) -> Vec<Effect> {
    let mut effects = pressed(model, KeyCode::Esc);
    // Esc does not close each plan at once. The key behind it is no answer to one.
    if Question::of(model).is_none() {
        event.modifiers.remove(KeyModifiers::ALT);
        effects.extend(key(model, event));
    }
    effects
}

fn pressed(model: &mut Model, key: KeyCode) -> Vec<Effect> {
    model.notice = None;
    // Behind a search each other key has its usual action.
    let found = matches!(model.mode, InputMode::Search { typing: false, .. });
    if found && keys_now::action(model, key).is_none() {
        model.mode = model.below();
    }
    match keys_now::action(model, key) {
        Some(action) => act(model, action),
        None => unbound(model, key),
    }
}

/// A key without a meaning of its own: typed into a field, a letter of a menu, or nothing.
fn unbound(model: &mut Model, key: KeyCode) -> Vec<Effect> {
    if let KeyCode::Char(c) = key {
        if let Some(effects) = field::typed(model, c) {
            return effects;
        }
        if matches!(model.mode, InputMode::SortMenu { .. }) {
            match model.screen {
                Screen::Tree => tree_order::letter(model, c),
                Screen::Filesystems | Screen::Cgroups => grid::letter(model, c),
                _ => slabs::sort_letter(model, c),
            }
            return Vec::new();
        }
    }
    asking::urge(model)
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    if let Some(why) = off(model, action) {
        model.notice = Some(why);
        return Vec::new();
    }
    if let Some(effects) = grid::act(model, action).or_else(|| own(model, action)) {
        return effects;
    }
    match action {
        Action::Quit => return leave::quit(model),
        Action::Leave => return vec![Effect::Quit],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Refresh => return vec![Effect::Refresh],
        Action::Faster => return interval(model, -1),
        Action::Slower => return interval(model, 1),
        Action::Mouse => return mouse::toggle(model),
        Action::Theme => theme(model),
        Action::Help => {
            model.mode = InputMode::Help {
                scroll: 0,
                text: String::new(),
                typing: false,
            };
        }
        Action::Close if filter::ends(model) => {}
        Action::Close => model.mode = model.below(),
        Action::Screen(screen) => return show(model, screen),
        Action::Freeze => freeze(model),
        Action::Move(steps) => moved(model, steps),
        Action::Page(pages) if asking::page(model, pages) => {}
        Action::Page(pages) => {
            // All but the lines of head and foot; a guess on the short side is harmless.
            let page = i64::from(model.size.1.saturating_sub(11).max(1));
            moved(model, pages * page);
        }
        Action::Sort(column) => slabs::sort(model, column),
        Action::SortMenu if model.screen == Screen::Tree => tree_order::menu(model),
        Action::SortMenu => slabs::sort_menu(model),
        Action::SortChosen if model.screen == Screen::Tree => tree_order::chosen(model),
        Action::SortChosen => slabs::sort_chosen(model),
        Action::ToggleColumn => slabs::toggle_column(model),
        Action::Reverse if model.screen == Screen::Tree => tree_order::reverse(model),
        Action::Reverse => model.slabs.reverse ^= true,
        Action::DirectoriesFirst => tree_order::directories_first(model),
        Action::Palette => return palette::open(model),
        Action::PaletteErase => palette::erase(model),
        Action::PaletteComplete => palette::complete(model),
        Action::PaletteGo => return palette::go(model),
        Action::Search => search::begin(model),
        Action::SearchErase => return search::erase(model),
        Action::SearchKeep => search::keep(model),
        Action::SearchNext(by) => search::next(model, by),
        Action::SearchBack => search::back(model),
        Action::Copy => return copy::copy(model),
        Action::Save => return save(model),
        Action::Filter => filter::begin(model),
        Action::Hotspots(action) => return hotspots::act(model, action),
        Action::Names(action) => return names::act(model, action),
        Action::Who(action) => return who::act(model, action),
        Action::FilterErase => return filter::erase(model),
        Action::FilterClear => return filter::clear(model),
        Action::Class => slabs::class(model),
        Action::Mark => slabs::mark(model),
        Action::Summary => {
            model.slabs.summary = Some(!crate::ui::view::shows_summary(model));
        }
        Action::Detail => return slabs::detail(model),
        Action::DetailClose => slabs::detail_close(model),
        Action::PlanShrink => return rung::plan_cache(model),
        Action::CycleSort => tree_order::next(model),
        Action::Enter => return tree::enter(model),
        Action::Up => return tree::up(model),
        Action::Recount => return counting::recount(model),
        Action::MarkRow => marks::toggle(model),
        Action::Unmark => model.marks.clear(),
        Action::RecountRow => return counting::recount_row(model),
        Action::CountAll => return mounts::count_all(model),
        Action::LookUp => return counting::look_up(model),
        Action::PageCache => return browse::ask(model),
        Action::Jump => jump::begin(model),
        Action::JumpErase => jump::erase(model),
        Action::JumpKeep => jump::keep(model),
        Action::JumpGo => return jump::go(model),
        Action::PlanRow => return prune::plan_row(model),
        Action::PlanHere => return prune::plan_here(model),
        Action::Cancel => return operation::cancel(model),
        Action::Choose(mode) => return prune::choose(model, mode),
        Action::ChooseNext(by) => prune::choose_next(model, by),
        Action::WriteBack => prune::write_back(model),
        Action::Urge => return asking::urge(model),
        Action::Zoom(closer) => charts::zoom(model, closer),
        Action::Pan(steps) => charts::pan(model, steps),
        Action::Cursor(steps) => charts::step(model, steps),
        Action::NextMark(steps) => charts::mark(model, steps),
        Action::Follow => model.charts.follow(),
        Action::Reopen => prune::reopen(model),
        Action::Holders => return prune::ask_holders(model),
        Action::Layers => return prune::plan_layers(model),
        Action::Prune => return prune::confirmed(model),
        Action::Rung(action) => return operation::act(model, action),
        Action::Settings(action) => return settings::act(model, action),
    }
    Vec::new()
}

/// Why a key does nothing: no action is allowed, or the running kernel is another one than that of
/// the captured files on the screen.
fn off(model: &Model, action: Action) -> Option<String> {
    if let Some(why) = asking::unheard(model, action) {
        return Some(why.into());
    }
    let counts = action.counts() && matches!(model.screen, Screen::Tree | Screen::Filesystems);
    match (model.inert.as_ref()?, action.acts()) {
        (Inert::Captured(root), acts) => {
            let what = acts.or(counts.then_some("counting"))?;
            let root = crate::base::text::printable(root);
            Some(format!(
                "{what} is off: these are files below {root}, not this machine"
            ))
        }
        (Inert::ReadOnly, acts) => Some(format!("{} is off: read-only", acts?)),
    }
}

/// Times between two samples that `+` and `-` step through, in milliseconds.
const INTERVALS: [u64; 11] = [
    100, 200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 300_000,
];

fn interval(model: &mut Model, steps: i64) -> Vec<Effect> {
    let now = u64::try_from(model.interval.as_millis()).unwrap_or(u64::MAX);
    let at = if steps > 0 {
        INTERVALS.iter().position(|&millis| millis > now)
    } else {
        INTERVALS.iter().rposition(|&millis| millis < now)
    };
    if let Some(at) = at {
        model.interval = Duration::from_millis(INTERVALS[at]);
    }
    let every = crate::base::text::duration(model.interval);
    model.notice = Some(format!("a sample every {every}"));
    vec![Effect::Interval(model.interval)]
}

/// Saves the settings that were changed since they were read.
fn save(model: &mut Model) -> Vec<Effect> {
    let changes = model.settings_now().changes(&model.kept);
    if changes.is_empty() {
        model.notice = Some("no setting was changed since the start".into());
        return Vec::new();
    }
    vec![Effect::Save(changes)]
}

/// They were saved, or not.
fn saved(model: &mut Model, result: Result<PathBuf, String>) {
    model.notice = Some(match result {
        Ok(path) => {
            model.kept = model.settings_now();
            format!("saved in {}", crate::base::text::printable(path))
        }
        Err(why) => format!("not saved: {why}"),
    });
}

fn theme(model: &mut Model) {
    let theme = model.look.theme().next();
    model.look = model.look.with_theme(theme);
    model.notice = Some(format!("theme: {theme}"));
}

fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.screen = screen;
    model.mode = model.below();
    match screen {
        // Mounts change: they are read each time their list is shown.
        Screen::Tree if model.tree.stack.is_empty() => vec![mounts::read(model)],
        Screen::Filesystems => filesystems::show(model),
        Screen::Cgroups => cgroups::due(model).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn freeze(model: &mut Model) {
    model.frozen = match (&model.frozen, &model.latest) {
        (None, Some(latest)) => Some(latest.at),
        _ => None,
    };
    model.shown.clone_from(&model.latest);
}

fn moved(model: &mut Model, steps: i64) {
    match &mut model.mode {
        InputMode::Help { scroll, .. } => {
            *scroll = scrolled(*scroll, steps);
            return;
        }
        InputMode::Settings(settings) => {
            settings::moved(settings, steps);
            return;
        }
        InputMode::Palette { .. } => return palette::moved(model, steps),
        _ => {}
    }
    if model.asking.wider.is_some() {
        return wider::moved(model, steps);
    }
    if asking::scroll(model, steps) {
        return;
    }
    match model.screen {
        _ if model.who_is_shown() => who::moved(model, steps),
        Screen::Tree if model.page == Some(Page::Hotspots) => hotspots::moved(model, steps),
        Screen::Tree if model.page == Some(Page::Names) => names::moved(model, steps),
        Screen::Slabs => slabs::moved(model, steps),
        Screen::Tree => tree::moved(model, steps),
        Screen::Filesystems | Screen::Cgroups => grid::moved(model, steps),
        Screen::History => {
            let journal = &mut model.journal;
            journal.scroll = stepped(journal.scroll, steps, journal.records.len());
        }
    }
}

/// Lines above the screen after `steps` more. The view goes no further than the text's end.
fn scrolled(scroll: u16, steps: i64) -> u16 {
    u16::try_from(stepped(scroll.into(), steps, 1_000)).unwrap_or(0)
}

/// The index `steps` from `index` among `len`, and no further than the ends.
fn stepped(index: usize, steps: i64, len: usize) -> usize {
    let last = i64::try_from(len).unwrap_or(i64::MAX).max(1) - 1;
    let index = i64::try_from(index).unwrap_or(i64::MAX);
    usize::try_from(index.saturating_add(steps).clamp(0, last)).unwrap_or(0)
}

/// Actions of the screens of filesystems and cgroups alone; boxes over them have keys of their own.
fn own(model: &mut Model, action: Action) -> Option<Vec<Effect>> {
    match (&model.mode, model.screen) {
        (InputMode::Browse | InputMode::SortMenu { .. }, Screen::Filesystems) => {
            filesystems::act(model, action)
        }
        (InputMode::Browse | InputMode::SortMenu { .. }, Screen::Cgroups) => {
            cgroups::act(model, action)
        }
        _ => None,
    }
}

/// Why there is nothing to prune on a filesystem in memory.
fn pinned(mount: &Mount) -> String {
    format!(
        "nothing to prune: {} pins every dentry for as long as its file exists",
        mount.fs
    )
}

/// Notes an action in the log, and whether it is in the audit file.
fn record(model: &mut Model, record: AuditEntry, recorded: Result<(), String>) {
    if let Err(error) = &recorded {
        model.notice = Some(format!("not recorded: {error}"));
    }
    model.journal.push(record, recorded.err());
}
