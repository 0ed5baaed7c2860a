use std::collections::BTreeMap;

use super::super::plan::{PlanView, text};
use super::super::text::plain;
use super::*;
use crate::acts::ActState;
use crate::cli::render::markdown::plan::{MarkdownView, text as markdown};
use crate::model::act::{Os, RecordId};
use crate::model::clock::Timestamp;
use crate::model::{ActId, ActionKind, Epoch, Name, Realm};
use crate::plan::file::SavedPlan;
use crate::plan::{Note, Plan, Stop};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An act on the device with this number.
pub(in crate::cli) fn act(action: &str, kind: ActionKind, number: u32) -> PlannedAct {
    let serial = Serial::new(&format!("DMPX{number:04}")).unwrap();
    PlannedAct {
        id: ActId { action: name(action), serial },
        kind,
        class: kind.class(),
        connection: Some(Realm::Mdm(name("contoso"))),
        token: Some(name("main")),
        epoch: Some(Epoch {
            record: RecordId(format!("9bb2e1a6-0000-0000-0000-{number:012}")),
            enrolled: "2026-09-01T08:00:00Z".parse().unwrap(),
        }),
        device: Some(ActDevice {
            name: format!("Front desk {number}"),
            model: "iPad Air".to_owned(),
            os: Os::Ipados,
            os_version: "26.1".to_owned(),
            user: "ada@contoso.com".to_owned(),
            supervised: Some(true),
        }),
        known: None,
        state: ActState::Waiting,
        next: ActNext::Send,
        does: Some("erases everything; it asks for the lock's code or for the user afterwards".to_owned()),
        reason: Some("left on the train".to_owned()),
        tenant: Some("11111111-2222-3333-4444-555555555555".to_owned()),
        needs: Vec::new(),
        requested_at: "2026-11-22T08:00:00Z".parse().unwrap(),
        expires: "2026-11-29T08:00:00Z".parse().unwrap(),
        notes: vec![Note::new("L-4", format!("the code of DMPX{number:04} is sealed with the intent"))],
        digest: format!("sha256:{}", "ab".repeat(32)),
    }
}

fn show(plan: &Plan) -> String {
    let saved = SavedPlan::new(plan, None, Timestamp::UNIX_EPOCH);
    let text = plain(&text(&saved, PlanView::default())).replace(&saved.digest, "[digest]");
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    let long = text.lines().find(|line| line.chars().count() > 80 && !line.contains("sha256:"));
    assert!(widest <= 80 || long.is_none_or(|line| line.starts_with("Plan:")), "{long:?}");
    text
}

#[test]
fn an_act_says_everything_and_a_wipe_stands_among_what_is_destructive() {
    let stop = Stop {
        gate: "approval/act/lost/DMPX0001".to_owned(),
        reason: "1 approval is needed".to_owned(),
        steps: vec!["wipe DeviceAction/lost DMPX0001".to_owned()],
        next: "`espalier action approve lost DMPX0001`".to_owned(),
    };
    let plan = Plan {
        acts: vec![act("lost", ActionKind::Wipe, 1), act("locked", ActionKind::Lock, 2)],
        stops: vec![stop],
        ..Plan::default()
    };
    insta::assert_snapshot!(show(&plan), @r#"
    Destructive
      - wipe DeviceAction/lost  DMPX0001
          device "Front desk 1", iPad Air, iPadOS 26.1, of ada@contoso.com,
                 supervised
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main, record 9bb2e1a6-0000-0000-0000-000000000001
                 enrolled 2026-09-01T08:00:00Z
          why    left on the train
          class  destructive
          code   L-4: its bypass code is sealed with the intent; without it, a proof
                 or a waiver it is not sent
          note   L-4: the code of DMPX0001 is sealed with the intent
          gate   stopped by approval/act/lost/DMPX0001
          digest sha256:abababababababababababababababababababababababababababababababab

    Actions
      ~ lock DeviceAction/locked  DMPX0002
          device "Front desk 2", iPad Air, iPadOS 26.1, of ada@contoso.com,
                 supervised
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main, record 9bb2e1a6-0000-0000-0000-000000000002
                 enrolled 2026-09-01T08:00:00Z
          why    left on the train
          class  disruptive
          note   L-4: the code of DMPX0002 is sealed with the intent

    Gates that stop apply
      ! approval/act/lost/DMPX0001
          why    1 approval is needed
          stops  wipe DeviceAction/lost DMPX0001
          next   `espalier action approve lost DMPX0001`

    Plan: 0 to create, 0 to update, 0 devices to assign, 0 to delete, 1 action to send; 1 action to be approved.
    About 0 writes and 0 reads, 0 s.
    Digest [digest]
    "#);
}

#[test]
fn many_devices_of_one_document_are_one_paragraph_and_what_differs_stands_apart() {
    let mut acts: Vec<PlannedAct> =
        (1..=40).map(|number| act("carts", ActionKind::Restart, number)).collect();
    acts[7].next = ActNext::Stop {
        row: Some("D-3".to_owned()),
        why: "2 live records carry the serial DMPX0008".to_owned(),
        next: "delete the stale record in the portal".to_owned(),
    };
    acts[8].next = ActNext::Wait { why: "no record at the MDM".to_owned(), until: None };
    acts[9].state = ActState::Sent;
    acts[9].next = ActNext::Follow;
    acts[10].state = ActState::Done;
    insta::assert_snapshot!(show(&Plan { acts, ..Plan::default() }), @r#"
    Blocked and unknown
      ! restart DeviceAction/carts  DMPX0008
          device "Front desk 8", iPad Air, iPadOS 26.1, of ada@contoso.com,
                 supervised
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main, record 9bb2e1a6-0000-0000-0000-000000000008
                 enrolled 2026-09-01T08:00:00Z
          why    left on the train
          class  disruptive
          note   L-4: the code of DMPX0008 is sealed with the intent
          stop   D-3: 2 live records carry the serial DMPX0008
          next   delete the stale record in the portal

    Actions
      ~ restart DeviceAction/carts  36 devices
          which  DMPX0001 "Front desk 1" (ada@contoso.com), DMPX0002 "Front desk 2"
                 (ada@contoso.com), DMPX0003 "Front desk 3" (ada@contoso.com),
                 DMPX0004 "Front desk 4" (ada@contoso.com), DMPX0005 "Front desk 5"
                 (ada@contoso.com) and 31 more
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main
          why    left on the train
          class  disruptive
          note   L-4: the code of SERIAL is sealed with the intent

      = restart DeviceAction/carts  DMPX0010
          device "Front desk 10", iPad Air, iPadOS 26.1, of ada@contoso.com,
                 supervised
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main, record 9bb2e1a6-0000-0000-0000-000000000010
                 enrolled 2026-09-01T08:00:00Z
          why    left on the train
          class  disruptive
          state  sent
          note   L-4: the code of DMPX0010 is sealed with the intent
          then   apply looks what came of it, and sends nothing

    Waiting
      = restart DeviceAction/carts  DMPX0009
          device "Front desk 9", iPad Air, iPadOS 26.1, of ada@contoso.com,
                 supervised
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main, record 9bb2e1a6-0000-0000-0000-000000000009
                 enrolled 2026-09-01T08:00:00Z
          why    left on the train
          class  disruptive
          note   L-4: the code of DMPX0009 is sealed with the intent
          for    no record at the MDM

    Left alone  1 action that has ended

    Plan: 0 to create, 0 to update, 0 devices to assign, 0 to delete, 36 actions to send; 1 action stopped, 1 action waiting, 1 action followed.
    About 0 writes and 0 reads, 0 s.
    Digest [digest]
    "#);
}

#[test]
fn what_only_waits_is_no_change() {
    let mut waiting = act("lost", ActionKind::Wipe, 1);
    waiting.next = ActNext::Wait { why: "no record at the MDM".to_owned(), until: None };
    let mut ended = act("lost", ActionKind::Wipe, 2);
    ended.state = ActState::Done;
    insta::assert_snapshot!(show(&Plan { acts: vec![waiting, ended], ..Plan::default() }), @r#"
    Waiting
      = wipe DeviceAction/lost  DMPX0001
          device "Front desk 1", iPad Air, iPadOS 26.1, of ada@contoso.com,
                 supervised
          does   erases everything; it asks for the lock's code or for the user
                 afterwards
          where  contoso, token main, record 9bb2e1a6-0000-0000-0000-000000000001
                 enrolled 2026-09-01T08:00:00Z
          why    left on the train
          class  destructive
          note   L-4: the code of DMPX0001 is sealed with the intent
          for    no record at the MDM

    Left alone  1 action that has ended

    No changes; 1 action waiting.
    "#);
}

#[test]
fn markdown_folds_devices_and_lets_no_name_be_markup() {
    let mut acts: Vec<PlannedAct> = (1..=3).map(|number| act("carts", ActionKind::Wipe, number)).collect();
    for act in &mut acts {
        act.reason = Some("<b>@everyone</b> [x](http://e)".to_owned());
    }
    let plan = Plan { acts, tenants: BTreeMap::new(), ..Plan::default() };
    let saved = SavedPlan::new(&plan, None, Timestamp::UNIX_EPOCH);
    let view = MarkdownView { show_unmanaged: false, as_wished: None, limit: 60_000, see: "" };
    insta::assert_snapshot!(markdown(&saved, view).replace(&saved.digest, "[digest]"), @r#"
    ## espalier plan

    **0 to create, 0 to update, 0 devices to assign, 0 to delete, 3 actions to send.**

    - Digest `[digest]`

    ### Destructive

    <details open>
    <summary>- wipe <code>DeviceAction/carts 3 devices</code>, <b>destructive</b></summary>

    - **does** erases everything; it asks for the lock's code or for the user afterwards
    - **where** contoso, token main
    - **why** `<b>@everyone</b> [x](http://e)`
    - **code** `L-4`: its bypass code is sealed with the intent; without it, a proof or a waiver it is not sent
    - **note** `L-4`: the code of SERIAL is sealed with the intent

    <details>
    <summary>3 devices</summary>

    `DMPX0001 Front desk 1 ada@contoso.com`, `DMPX0002 Front desk 2 ada@contoso.com`, `DMPX0003 Front desk 3 ada@contoso.com`

    </details>

    </details>
    "#);
}

#[test]
fn where_no_record_tells_of_a_device_it_is_said_what_is_known() {
    let mut plan = Plan::default();
    let mut released = act("gone", ActionKind::Release, 1);
    (released.device, released.known) = (None, Some("listed at Apple as iPad Air, order 4711".to_owned()));
    let mut unread = act("unread", ActionKind::Wipe, 2);
    let why = "not known: the devices of Connection/contoso: the service is throttled";
    (unread.device, unread.known) = (None, Some(why.to_owned()));
    plan.acts = vec![released, unread];
    let shown = show(&plan).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("device listed at Apple as iPad Air, order 4711"), "{shown}");
    assert!(shown.contains(why), "{shown}");
    assert!(!shown.contains("no record"), "{shown}");
}

#[test]
fn the_digest_that_an_override_needs_is_shown_where_everything_is_stopped() {
    let wipe = act("lost", ActionKind::Wipe, 1);
    let stopped = |gate: &str| {
        let stop = Stop {
            gate: gate.to_owned(),
            reason: "it is too much".to_owned(),
            next: "look".to_owned(),
            steps: vec![wipe.step_id()],
        };
        show(&Plan { acts: vec![wipe.clone()], stops: vec![stop], ..Plan::default() })
    };
    let limited = stopped("limit/wipe/main");
    assert!(limited.contains("No changes") && limited.contains("Digest [digest]"), "{limited}");
    // Acts heed overrides of limits alone.
    for gate in ["approval/act/lost/DMPX0001", "window/destructive", "protected/serial/DMPX0001"] {
        let shown = stopped(gate);
        assert!(!shown.contains("Digest"), "{shown}");
    }
}
