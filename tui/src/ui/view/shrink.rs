//! The boxes on the way to shrinking a cache: plan, waiting, what it freed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::popup;
use super::question::{Asked, Prompt, Words};
use crate::base::text::{bytes, count, counted, printable};
use crate::kernel::source::Cache;
use crate::ui::model::{ConfirmShrink, Model, Shrunk};

/// While the worker works.
pub(super) fn waiting(model: &Model, what: &str, cache: &str, frame: &mut Frame<'_>, area: Rect) {
    let title = format!("{what} {}", printable(cache));
    popup(model.look, &title, vec![Line::raw("...")], frame, area);
}

/// ```text
///  ┌ Shrink kmalloc-512 ────────────────────────────────────────────────────┐
///  │ frees  its slabs without objects, and what CPUs keep ready of it       │
///  │ now    2,404 slabs, 18.8 MiB; partial: 1,120; room for 569 slabs idle  │
///  │ stays  every object: nothing is evicted, no data goes                  │
///  │ reach  this cache only, with the names merged into it: a, b            │
///  │ does   write 1 to /sys/kernel/slab/kmalloc-512/shrink                  │
///  │ type y to shrink    Enter does nothing    Esc cancels                  │
///  └────────────────────────────────────────────────────────────────────────┘
/// ```
pub(super) fn asked(model: &Model, confirm: &ConfirmShrink) -> Asked {
    let look = model.look;
    let plan = &confirm.plan;
    let cache = &plan.cache;
    let size = bytes(cache.size(model.host.page_size));
    let partial = plan.partial.map_or("-".into(), count);
    let slab = cache.pages_per_slab.saturating_mul(model.host.page_size);
    let unallocated = plan.unallocated();
    let most = bytes(unallocated.saturating_mul(slab));
    let reach = match plan.merged.len() {
        0 => "Scope    this cache only".into(),
        n => {
            let names: Vec<_> = plan.merged.iter().map(printable).collect();
            format!(
                "Scope    this cache and {} merged into it: {}",
                counted(n as u64, "name"),
                names.join(", ")
            )
        }
    };
    let text = vec![
        Line::raw("Frees    slabs without objects, also those that CPUs keep ready"),
        Line::raw(format!(
            "Now      {}, {size}; {partial} of them partly used",
            counted(cache.slabs, "slab")
        )),
        Line::raw(format!(
            "         unallocated objects would fill {}, {most};",
            counted(unallocated, "slab")
        )),
        Line::raw("         plus those that CPUs keep ready: the result shows how many"),
        Line::raw("Keeps    every allocated object: nothing is evicted, no data is lost"),
        Line::raw(reach),
        Line::raw("Cost     a pass over its partial slabs; later allocations take new slabs"),
        Line::raw(format!("Does     write 1 to {}", printable(&plan.path))),
        Line::styled(
            "         mm/slub.c: shrink_store(), __kmem_cache_do_shrink()",
            look.dim(),
        ),
    ];
    Asked {
        title: format!("Shrink {}", printable(&cache.name)),
        text,
        prompt: Prompt::Asks(Words {
            go: "type y to shrink".into(),
            not: "nothing is shrunk before you type y",
            enter: true,
            leave: "Esc cancels",
            style: look.warn(),
        }),
    }
}

/// Before and after, as the kernel counts.
pub(super) fn ledger(model: &Model, shrunk: &Shrunk, frame: &mut Frame<'_>, area: Rect) {
    let look = model.look;
    let outcome = &shrunk.outcome;
    let page = model.host.page_size;
    let of = |value: &dyn Fn(&Cache) -> Option<u64>| {
        outcome
            .caches
            .each_ref()
            .map(|c| c.as_ref().and_then(value))
    };
    let size = of(&|cache| Some(cache.size(page)));
    let mut text = vec![
        Line::styled(
            format!("took {} ms   {}", outcome.took.as_millis(), shrunk.clock),
            look.dim(),
        ),
        Line::styled(
            format!("{:<14}{:>14}{:>14}{:>14}", "", "before", "after", "change"),
            look.dim(),
        ),
        line("slabs", of(&|cache| Some(cache.slabs)), count),
        line("bytes", size, bytes),
        line("partial slabs", outcome.partial, count),
        line("idle bytes", of(&|cache| cache.idle(page)), bytes),
        line("objects", of(&|cache| cache.active), count),
        line("Slab", outcome.slab, bytes),
        Line::raw(""),
    ];
    let freed = size[0]
        .zip(size[1])
        .map(|(before, after)| before.saturating_sub(after));
    text.push(match freed {
        Some(0) => Line::raw(
            "No slab was empty: idle bytes lie between objects in use, and are freed with them.",
        ),
        Some(freed) => Line::styled(format!("{} freed", bytes(freed)), look.good()),
        None => Line::styled("slabinfo no longer lists the cache", look.warn()),
    });
    let title = format!("Shrank {}", printable(&shrunk.plan.cache.name));
    popup(look, &title, text, frame, area);
}

fn line(name: &str, figures: [Option<u64>; 2], text: fn(u64) -> String) -> Line<'static> {
    let change = match figures {
        [Some(before), Some(after)] if after > before => format!("+{}", text(after - before)),
        [Some(before), Some(after)] if after < before => format!("-{}", text(before - after)),
        [Some(_), Some(_)] => "0".into(),
        _ => String::new(),
    };
    let [before, after] = figures.map(|figure| figure.map_or("-".into(), text));
    Line::raw(format!("{name:<14}{before:>14}{after:>14}{change:>14}"))
}
