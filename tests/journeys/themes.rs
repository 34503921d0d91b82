//! The colours of each theme.

use slabscope::kernel::session::Status;
use slabscope::ui::look::{Look, Theme};

use crate::support::App;

/// Slabs, a plan to confirm and a ledger: between them every role of a colour is used.
fn screens(theme: Theme) -> String {
    let mut slabs = App::sampled(80, 24);
    slabs.keys("j");
    let mut plan = App::in_ext4(80, 24);
    plan.keys("p");
    plan.plan(crate::support::census().rows[0].below);
    let mut ledger = App::pruning(80, 24);
    ledger.pruned(Status::Complete, 999_900);
    let mut all = String::new();
    for mut app in [slabs, plan, ledger] {
        app.model.look = Look::new(true, true).with_theme(theme);
        all += &app.styled();
        all += "\n";
    }
    all
}

#[test]
fn each_theme_keeps_its_colours() {
    let _bound = crate::support::snapshot::kept_in("../snapshots");
    for theme in Theme::ALL {
        insta::assert_snapshot!(format!("theme_{theme}"), screens(theme));
    }
}
