use proptest::prelude::*;

use super::plan::{MarkdownView, text};
use super::*;
use crate::apply::ApplyReport;
use crate::cli::render::plan::tests::{name, step, whole_plan};
use crate::model::clock::Timestamp;
use crate::model::live::Cause;
use crate::model::{Fields, Realm, Value};
use crate::plan::file::SavedPlan;
use crate::plan::{Action, Blocked, Class, FieldChange, LeftAlone, Note, Plan, Reason};

const SEE: &str = "See everything with `espalier plan`.";

fn shown(plan: &Plan, limit: usize) -> String {
    let saved = SavedPlan::new(plan, Some("4f64367".to_owned()), Timestamp::UNIX_EPOCH);
    let view = MarkdownView { show_unmanaged: true, as_wished: None, limit, see: SEE };
    text(&saved, view).replace(saved.digest.as_str(), "[digest]")
}

/// What is wrong with a markdown text as its hosts read it; nothing for one in order.
fn faults(text: &str) -> Vec<String> {
    const TAGS: [&str; 8] =
        ["<details>", "<details open>", "</details>", "<summary>", "</summary>", "<code>", "</code>", "<b>"];
    let mut faults = Vec::new();
    let mut fence: Option<usize> = None;
    let mut depth = 0_i32;
    for (at, line) in text.lines().enumerate() {
        let mut fault = |what: &str| faults.push(format!("line {}: {what}: {line:?}", at + 1));
        if line.chars().any(|c| c.is_control()) {
            fault("control character");
        }
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            Some(open) => {
                if ticks >= open && line.trim_matches('`').is_empty() {
                    fence = None;
                }
                continue;
            }
            None if ticks >= 3 && !line[ticks..].contains('`') => {
                fence = Some(ticks);
                continue;
            }
            None => {}
        }
        let is_html = line.starts_with("<summary>");
        let mut rest = if is_html {
            line.to_owned()
        } else {
            without_code(line).unwrap_or_else(|| {
                fault("an open code span");
                String::new()
            })
        };
        depth += rest.matches("<details").count() as i32 - rest.matches("</details>").count() as i32;
        for (open, close) in [("<summary>", "</summary>"), ("<code>", "</code>"), ("<b>", "</b>")] {
            if rest.matches(open).count() != rest.matches(close).count() {
                fault("a tag that is not closed");
            }
        }
        if is_html {
            // Hosts leave alone what is in `<code>`.
            while let (Some(open), Some(close)) = (rest.find("<code>"), rest.find("</code>")) {
                if rest[open + 6..close].contains('<') {
                    fault("a tag in code");
                }
                rest.replace_range(open..close + 7, "");
            }
        }
        for tag in TAGS.iter().chain(&["</b>"]) {
            rest = rest.replace(tag, "");
        }
        // What is ours: headings, the marks of steps, pictures by name.
        for ours in ["### ", "## ", ":no_entry:", ":information_source:"] {
            rest = rest.replacen(ours, "", 1);
        }
        let rest = rest.trim_start_matches("~ ");
        if rest.contains(['<', '@', '[', ']', '|', '#', '\\', '$', '~', '_']) {
            fault("markup");
        }
        if rest.contains("://") || rest.contains("www.") || rest.contains("evil") {
            fault("an address");
        }
    }
    if fence.is_some() {
        faults.push("a fence is open at the end".to_owned());
    }
    if depth != 0 {
        faults.push(format!("{depth} details are open at the end"));
    }
    faults
}

/// The line without its code spans; `None` where one is not closed.
fn without_code(line: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let ticks = rest[at..].chars().take_while(|c| *c == '`').count();
        let inner = &rest[at + ticks..];
        let mut from = 0;
        let close = loop {
            let found = from + inner[from..].find('`')?;
            let run = inner[found..].chars().take_while(|c| *c == '`').count();
            if run == ticks {
                break found;
            }
            from = found + run;
        };
        rest = &inner[close + ticks..];
    }
    out.push_str(rest);
    Some(out)
}

/// A plan in which `evil` stands wherever others write texts.
fn plan_with(evil: &str, tokens: usize) -> Plan {
    let mut plan = whole_plan();
    for step in &mut plan.steps {
        step.name = evil.to_owned();
        step.notes = vec![Note::new("P-28", format!("{evil} is felt"))];
    }
    let change = |text: String| FieldChange {
        field: "description".into(),
        before: Value::text("before"),
        after: Value::text(text),
    };
    for token in 0..tokens {
        let token = format!("t{token}");
        let fields = Fields::from([
            ("displayName".into(), Value::text(evil)),
            ("scopeTags".into(), Value::List(vec![evil.to_owned()])),
        ]);
        plan.steps.push(step(
            &token,
            Action::CreateProfile { fields, vpp_token: None },
            Reason::New,
            Class::Safe,
        ));
        let changes = vec![change(format!("{evil}\n{evil}{token}"))];
        let action = Action::UpdateProfile { changes, adopt: false, vpp_token: None };
        plan.steps.push(step(&token, action, Reason::Drifted, Class::Disruptive));
        plan.blocked.push(Blocked {
            connection: Realm::Mdm(name("tenant")),
            token: Some(name(&token)),
            address: None,
            cause: Cause::Unavailable,
            rule: None,
            reason: format!("{token} said {evil}"),
            next: evil.to_owned(),
        });
        plan.left_alone.push(LeftAlone {
            token: name(&token),
            what: "profile".to_owned(),
            name: format!("{evil}{token}"),
            id: evil.to_owned(),
            count: 1,
            why: evil.to_owned(),
            was_managed: false,
        });
    }
    plan.stops[0].reason = evil.to_owned();
    plan.waiting[0].reason = evil.to_owned();
    plan.tenants.insert(Realm::Mdm(name("tenant")), evil.to_owned());
    plan.findings.push(
        crate::diag::Diagnostic::new(
            "code",
            crate::diag::Severity::Warn,
            crate::diag::Place { file: evil.into(), line: 1, column: 1 },
            evil,
        )
        .next(evil),
    );
    plan
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("```"),
        Just("`"),
        Just("\n"),
        Just("\n\n"),
        Just("</details>"),
        Just("<details>"),
        Just("</summary>"),
        Just("<img src=x onerror=evil>"),
        Just("@org/team"),
        Just("@evil"),
        Just("https://evil.example/a"),
        Just("www.evil.example"),
        Just("[evil](javascript:evil)"),
        Just("![evil](x)"),
        Just("#12"),
        Just("org/repo#1"),
        Just("/merge"),
        Just("\n/close\n"),
        Just("\r\n"),
        Just("\x1b[31m"),
        Just("~~~"),
        Just("|"),
        Just("\\"),
        Just("<!--"),
        Just("$evil$"),
        Just("**"),
        Just("_"),
        Just("&lt;"),
        Just("<code>"),
        Just("</code>"),
        Just("word "),
        Just(" "),
        Just("校長"),
        Just("\u{202e}"),
        Just("a.evil@example.org"),
    ];
    prop::collection::vec(prop_oneof![4 => piece.prop_map(str::to_owned), 1 => "\\PC{0,8}"], 0..24)
        .prop_map(|pieces| pieces.concat())
        // Free letters may not spell what the checks look for.
        .prop_filter("spells an address", |text| !text.replace(['\n', '\r'], "").is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_others_write_the_markdown_is_whole_and_within_its_limit(
        evil in hostile(), tokens in 0_usize..40, limit in SMALLEST_SIZE..30_000,
    ) {
        let text = shown(&plan_with(&evil, tokens), limit);
        prop_assert!(text.len() <= limit, "{} of {limit}", text.len());
        prop_assert_eq!(faults(&text), Vec::<String>::new(), "{}", text);
    }

    #[test]
    fn a_report_is_whole_and_within_its_limit(evil in hostile(), limit in SMALLEST_SIZE..9_000) {
        let plan = plan_with(&evil, 30);
        let mut report = crate::cli::render::report::tests::report();
        report.blocked = plan.blocked;
        report.stops = plan.stops;
        for step in &mut report.steps {
            step.not_taken = vec![evil.clone()];
            if let crate::apply::StepOutcome::Failed { reason, next, .. } = &mut step.outcome {
                reason.clone_from(&evil);
                next.clone_from(&evil);
            }
        }
        let text = report::text(&report, "sha256:00", limit);
        prop_assert!(text.len() <= limit, "{} of {limit}", text.len());
        prop_assert_eq!(faults(&text), Vec::<String>::new(), "{}", text);
    }
}

#[test]
fn the_checks_see_what_they_look_for() {
    for text in ["<details>\n", "```\n", "a `b", "hello @org", "<b>x", "see https://x", "\x1b[0m", "<img>"] {
        assert!(!faults(text).is_empty(), "{text:?}");
    }
}

#[test]
fn a_whole_plan() {
    insta::assert_snapshot!(shown(&whole_plan(), DEFAULT_SIZE), @r#"
    ## espalier plan

    **1 to create, 0 to update, 8 devices to assign, 1 default to set, 1 token to sync, 1 to delete; 1 blocked, 1 step stopped by gates, 3 waiting.**

    - :no_entry: **Gates stop apply**: `limit/delete/school`
    - :warning: **Blocked**: `EnrollmentToken/branch`
    - Digest `[digest]`
    - Tenant `tenant` (`t`)
    - Commit `4f64367`
    - About 5 writes and 2 reads, 4 s; made 1970-01-01T00:00:00Z, can be applied until 1970-01-01T01:00:00Z

    ### Blocked and unknown

    <details open>
    <summary>:x: <code>EnrollmentToken/branch</code></summary>

    - **why** `T-6` the token expired 3 days ago (request id `\u{1b}[31m42)`
    - **next** renew it in the Intune portal

    </details>

    ### Destructive

    <details open>
    <summary>- delete <code>EnrollmentProfile/old@school</code> <code>&quot;Old&quot;</code>, <b>destructive</b>, <b>stopped by a gate</b></summary>

    - **where** `tenant`, token `school`
    - **why** the document says state: absent
    - **felt** by no device
    - **gate** stopped by `limit/delete/school`

    </details>

    ### Creates

    <details>
    <summary>+ create <code>EnrollmentProfile/ipads@school</code> <code>&quot;iPads of the school&quot;</code></summary>

    ```diff
    + displayName: "iPads of the school"
    + supervised: true
    + userAffinity: none
    + setupAssistant.hide: privacy, siri
    + setupAssistant.show: location
    ```

    - **where** `tenant`, token `school`
    - **why** not at the service yet
    - **felt** by no device

    </details>

    ### Actions

    <details>
    <summary>~ make the default <code>EnrollmentProfile/ipads@school</code> <code>&quot;iPads of the school&quot;</code></summary>

    - **set** `"Kiosk"` → `iPads of the school`
    - **where** `tenant`, token `school`
    - **why** changed in the documents
    - **felt** by no device

    </details>

    <details>
    <summary>+ assign <code>EnrollmentProfile/ipads@school</code> <code>&quot;iPads of the school&quot;</code>, <b>disruptive</b></summary>

    - **give** 7 devices `(none)` → `"iPads of the school"`
    - **give** 1 device `"Kiosk"` → `"iPads of the school"`
    - **where** `tenant`, token `school`
    - **why** named serials have another profile or none
    - **felt** at next activation; 1 enrolled device keeps what it has until it is wiped; 7 take it at activation
    - **after** `create EnrollmentProfile/ipads@school`

    <details>
    <summary>8 serials</summary>

    `C02X0000`, `C02X0001`, `C02X0002`, `C02X0003`, `C02X0004`, `C02X0005`, `C02X0006`, `C02X0020`

    </details>

    </details>

    <details>
    <summary>= sync <code>EnrollmentToken/school</code> <code>&quot;iPads of the school&quot;</code></summary>

    - **where** `tenant`, token `school`
    - **why** named serials are not at Intune yet
    - **felt** at next sync with Apple
    - **wait** not before 1970-01-01T00:00:00Z

    <details>
    <summary>3 serials</summary>

    `C02X0040`, `C02X0041`, `C02X0042`

    </details>

    </details>

    ### Waiting

    <details>
    <summary>3 serials for <code>EnrollmentProfile/ipads@school</code></summary>

    - **for** a sync with Apple shows them

    <details>
    <summary>3 serials</summary>

    `C02X0040`, `C02X0041`, `C02X0042`

    </details>

    </details>

    <details>
    <summary>Left alone: 2 profiles</summary>

    - profile on `school`: `Kiosk` (`77`)
      - **why** no document names it

    - profile on `school`: `Former` (`78`)
      - **why** no document names it

    </details>

    ### Gates that stop apply

    <details open>
    <summary>:no_entry: <code>limit/delete/school</code> stops 1 step</summary>

    - **why** delete on school: 1 of 4 profiles, allowed 0
    - **stops** `delete EnrollmentProfile/old@school`
    - **next** split the change, or override this gate

    </details>
    "#);
}

#[test]
fn what_was_cut_is_told_by_section_and_how_to_see_it() {
    let text = shown(&plan_with("x", 400), 4_000);
    let last = text.lines().last().expect("a line");
    assert!(last.starts_with("> **Cut to fit 4,000 characters.**"), "{last}");
    assert!(last.contains("Not shown: ") && last.ends_with(SEE), "{last}");
    assert!(text.contains("to create") && text.contains("Digest"), "the summary is there: {text}");
    // What is most dangerous comes first.
    assert!(text.contains("### Blocked and unknown"), "{text}");
    assert!(!shown(&plan_with("x", 2), DEFAULT_SIZE).contains("Cut to fit"));
}

#[test]
fn one_profile_over_seventy_tokens_is_one_paragraph_with_the_tokens_listed() {
    let fields = Fields::from([("displayName".into(), Value::text("iPads"))]);
    let steps = (0..70).map(|n| {
        step(
            &format!("t{n}"),
            Action::CreateProfile { fields: fields.clone(), vpp_token: None },
            Reason::New,
            Class::Safe,
        )
    });
    let plan = Plan { steps: steps.collect(), ..Plan::default() };
    let text = shown(&plan, DEFAULT_SIZE);
    assert_eq!(text.matches("+ create").count(), 1, "{text}");
    assert!(
        text.contains("EnrollmentProfile/ipads on 70 tokens")
            && text.contains("<summary>70 tokens</summary>")
    );
    assert!((0..70).all(|n| text.contains(&format!("`t{n}`"))), "{text}");
}

#[test]
fn nothing_to_do_is_short() {
    let text = shown(&Plan::default(), DEFAULT_SIZE);
    assert!(text.contains("**No changes.**") && !text.contains("<details>"), "{text}");
    let report = report::text(&ApplyReport::default(), "sha256:00", DEFAULT_SIZE);
    assert!(report.contains("**Nothing to do.**"), "{report}");
}
