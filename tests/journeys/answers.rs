//! Answers to a question: `y`, typed by a user who saw all of it; and the keys that lead back.

use crate::support::App;
use slabscope::ui::model::{Ask, InputMode};
use slabscope::ui::update::{Effect, Msg, WhoEffect};

/// Every question, and the keys that lead to it, as far as they can be typed ahead.
fn questions() -> Vec<(&'static str, App)> {
    let mut shrink = App::sampled(80, 24);
    shrink.keys("K");
    shrink.shrink_planned();
    let mut superblock = App::on_filesystems(80, 24);
    superblock.keys("p");
    superblock.rung_planned();
    let mut settings = App::in_settings(80, 24);
    settings.typed_ahead("+");
    let mut who = App::in_ext4(80, 24);
    who.typed_ahead("w");
    let mut leave = App::watching(80, 24);
    leave.keys("<Esc>");
    leave.typed_ahead("q");
    vec![
        ("prune", App::planned(80, 24)),
        ("shrink", shrink),
        ("superblock", superblock),
        ("settings", settings),
        ("who", who),
        ("leave", leave),
    ]
}

fn acts(app: &mut App) -> bool {
    app.effects().iter().any(|effect| {
        matches!(
            effect,
            Effect::Prune { .. }
                | Effect::Rung { .. }
                | Effect::Change { .. }
                | Effect::Who(WhoEffect::Start { .. })
                | Effect::Quit
        )
    })
}

fn idle(app: &mut App) {
    if let Some(asked) = app.model.asking.waits() {
        app.msg(Msg::Idle { asked });
    }
}

#[test]
fn y_typed_before_the_question_was_drawn_answers_nothing() {
    for (kind, mut app) in questions() {
        app.effects();
        app.typed_ahead("y");
        assert!(!acts(&mut app), "{kind}");
        assert!(app.model.notice.is_some(), "{kind}: it is said");
        // Drawn, but input may have been pending.
        app.msg(Msg::Drawn);
        app.typed_ahead("y");
        assert!(!acts(&mut app), "{kind}");
        // An empty input before that proves nothing.
        app.msg(Msg::Idle { asked: 0 });
        app.typed_ahead("y");
        assert!(!acts(&mut app), "{kind}");
        idle(&mut app);
        app.typed_ahead("y");
        assert!(acts(&mut app), "{kind}");
    }
}

#[test]
fn pasted_y_answers_nothing() {
    for (kind, mut app) in questions() {
        app.looks();
        app.effects();
        app.paste("y");
        app.paste("y\n");
        assert!(!acts(&mut app), "{kind}");
        app.shows("pasted text was dropped");
    }
}

/// Chosen, adjusted, or made anew: it is another plan, which was not on the screen yet.
#[test]
fn y_typed_with_the_key_that_changes_the_plan_answers_nothing() {
    let mut app = App::planned(80, 24);
    app.looks();
    app.effects();
    for keys in ["2y", "jy", "3Wy", "ky"] {
        app.typed_ahead(keys);
        assert!(!acts(&mut app), "{keys}");
    }
    app.keys("y");
    assert!(acts(&mut app));
    let mut app = App::in_settings(80, 24);
    app.looks();
    app.effects();
    app.typed_ahead("++y");
    assert!(!acts(&mut app));
}

#[test]
fn y_typed_while_the_terminal_was_released_answers_nothing() {
    let mut app = App::planned(80, 24);
    app.looks();
    app.msg(Msg::Hidden);
    app.effects();
    app.typed_ahead("y");
    assert!(!acts(&mut app));
    app.keys("y");
    assert!(acts(&mut app));
}

/// Another width breaks the lines elsewhere: they are shown again.
#[test]
fn resized_plan_has_to_be_shown_again() {
    let mut app = App::planned(80, 24);
    app.looks();
    app.effects();
    app.resize(60, 15);
    app.typed_ahead("y");
    assert!(!acts(&mut app));
    app.shows("PgDn shows them");
}

#[test]
fn q_leads_back_from_what_covers_a_screen_and_quits_at_a_screen() {
    let mut names = App::in_names(80, 24);
    names.effects();
    names.keys("q");
    assert!(matches!(names.model.mode, InputMode::Browse));
    let mut hotspots = App::in_hotspots(80, 24);
    hotspots.keys("q");
    assert!(matches!(hotspots.model.mode, InputMode::Browse));
    let mut who = App::watching(80, 24);
    who.keys("q");
    assert!(matches!(who.model.mode, InputMode::Browse));
    for app in [&mut names, &mut hotspots, &mut who] {
        let effects = app.effects();
        let quits = effects.iter().any(|effect| matches!(effect, Effect::Quit));
        assert!(!quits, "{effects:?}");
    }
    names.keys("q");
    assert!(acts(&mut names), "at the screen it quits");
}

#[test]
fn q_with_a_trace_on_asks_and_ctrl_c_does_not() {
    let mut app = App::watching(80, 24);
    app.keys("qq");
    app.shows("A trace is running: dentries below /mnt/ext4");
    app.shows("type y to quit");
    app.effects();
    app.keys("<Enter>x<Esc>");
    assert!(!acts(&mut app));
    app.shows("below: 1,001,012 dentries");
    app.keys("qy");
    assert!(acts(&mut app));
    let mut app = App::watching(80, 24);
    app.effects();
    app.control('c');
    assert!(acts(&mut app));
}

#[test]
fn fields_are_bounded_and_take_the_first_pasted_line() {
    let mut app = App::in_ext4(80, 24);
    app.keys("o");
    app.paste(&format!("/{}", "x".repeat(20_000)));
    app.shows("pasted in part");
    let InputMode::Jump { text, .. } = &app.model.mode else {
        panic!("{:?}", app.model.mode);
    };
    assert_eq!(text.len(), 4_095);
    app.control_u();
    app.paste("/srv/a\u{1b}[31m\u{9b}b\r\n");
    app.shows(" open /srv/a[31mb");
    app.keys("<Esc>/");
    app.paste("dentry\n");
    app.shows("/dentry");
    assert_eq!(app.model.filter().text(), "dentry");
    app.paste(&"é".repeat(20_000));
    assert!(app.model.filter().text().len() <= 255);
}

/// Whatever is typed, pasted, drawn and answered meanwhile: with input behind every frame, nothing
/// acts.
#[test]
fn keys_without_a_quiet_moment_do_not_act() {
    const KEYS: &[u8] = b"yyyyynqpPEVwKo>12345jk+-iaWbH/ \r\x1bxlab";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    for round in 0..12 {
        let (columns, rows) = [(80, 24), (60, 15), (40, 10), (200, 50)][round % 4];
        let mut app = match round % 3 {
            0 => App::in_ext4(columns, rows),
            1 => App::on_filesystems(columns, rows),
            _ => App::sampled(columns, rows),
        };
        let mut questions = 0;
        for _ in 0..700 {
            match random(12) {
                0 => app.msg(Msg::Drawn),
                1 => app.paste("y\ny"),
                2 => app.msg(Msg::Idle { asked: 0 }),
                3 if random(20) == 0 => app.resize(40 + random(80) as u16, 10 + random(30) as u16),
                _ => {
                    let key = char::from(KEYS[random(KEYS.len())]);
                    let key = match key {
                        '\r' => "<Enter>".into(),
                        '\x1b' => "<Esc>".into(),
                        key => key.to_string(),
                    };
                    app.typed_ahead(&key);
                }
            }
            let acted: Vec<_> = app.effects.iter().filter(is_deed).collect();
            assert!(acted.is_empty(), "{acted:?}");
            answer(&mut app);
            questions += usize::from(slabscope::ui::model::Question::of(&app.model).is_some());
        }
        assert!(
            questions > 10,
            "round {round} met {questions} questions only"
        );
    }
}

fn is_deed(effect: &&Effect) -> bool {
    matches!(
        effect,
        Effect::Prune { .. }
            | Effect::Rung { .. }
            | Effect::Change { .. }
            | Effect::Who(WhoEffect::Start { .. })
    )
}

/// The requested plan arrives.
fn answer(app: &mut App) {
    match (&app.model.mode, app.effects.last()) {
        (InputMode::Planning { .. }, Some(Effect::Plan { paths, .. })) => {
            let found = vec![crate::support::census().rows[0].below; paths.len()];
            app.plan_all(&found);
        }
        (InputMode::PlanningRung { ask, .. }, Some(Effect::PlanRung { .. })) => match ask {
            Ask::Cache { .. } => app.shrink_planned(),
            _ => app.rung_planned(),
        },
        _ => {}
    }
}
