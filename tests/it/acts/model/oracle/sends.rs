//! What may lead to a request, and what may not.

use std::collections::BTreeMap;

use espalier::sim::apple::organization::Lock;
use espalier::sim::device::ManagedAction;
use jiff::SignedDuration;

use super::super::chronicle::{Chronicle, LiveRecord, Row, Seen, Sent};
use super::super::paper::{Act, Grave, Kind};
use super::{candidates, gates, shown_serial, words};

/// Requests for which no document stands.
pub fn broken(chronicle: &Chronicle) -> Vec<String> {
    let unfounded = chronicle.sent.iter().filter_map(|sent| unfounded(chronicle, sent));
    unfounded.chain(not_identical(chronicle)).collect()
}

/// Why nothing stands for a request; `None`: a document does.
fn unfounded(chronicle: &Chronicle, sent: &Sent) -> Option<String> {
    let candidates = candidates(chronicle, sent);
    let mut best: Option<(String, Vec<String>)> = None;
    for (name, act) in candidates {
        let reasons = reasons(chronicle, sent, name, act);
        if reasons.is_empty() {
            return None;
        }
        if best.as_ref().is_none_or(|(_, known)| reasons.len() < known.len()) {
            best = Some((name.clone(), reasons));
        }
    }
    Some(match best {
        Some((name, reasons)) => format!("{} for {name}, although {}", words(sent), reasons.join("; ")),
        None => format!("{}, for which no document of the folder asks", words(sent)),
    })
}

/// The entries of the ledger that promise requests of an act, as far as this lineage of it knows.
pub fn promises<'c>(chronicle: &'c Chronicle, sent: &Sent, name: &str) -> Vec<&'c Row> {
    let lineage = chronicle.runs[sent.run].lineage;
    let serial = shown_serial(chronicle, sent).to_string();
    let rows = chronicle.log.iter().filter(|row| row.lineage == lineage && row.at <= sent.at);
    rows.filter(|row| {
        let promised = row.act("promised");
        promised.is_some_and(|one| one["act"]["action"] == name && one["act"]["serial"] == serial.as_str())
    })
    .collect()
}

/// Everything that speaks against a request for a document.
pub fn reasons(chronicle: &Chronicle, sent: &Sent, name: &str, act: &Act) -> Vec<String> {
    let run = &chronicle.runs[sent.run];
    let serial = shown_serial(chronicle, sent);
    let mut all = Vec::new();
    let mut not = |wrong: bool, why: &str| {
        if wrong {
            all.push(why.to_owned());
        }
    };
    // The folder and its commit.
    not(run.narrowed, "the run was narrowed");
    not(run.tree.broken, "the folder has a document that cannot be read");
    not(run.behind, "a newer commit is not checked out");
    not(!chronicle.is_forward(run), "the commit neither is the last applied one nor descends from it");
    if let Some(saved) = &run.looked_at {
        let is_grave = act.kind.grave() >= Grave::Destructive;
        let lifetime = SignedDuration::from_hours(if is_grave { 1 } else { 24 });
        not(!saved.acts.contains(&(name.to_owned(), serial)), "the plan that was looked at did not send it");
        not(run.before.at > saved.at + lifetime, "the plan that was looked at was too old");
    }
    // The identity.
    let bound = chronicle.memory(sent.run).bound.get(name).filter(|bound| bound.run <= sent.run);
    match bound {
        None => not(true, "it was never bound"),
        Some(bound) => {
            not(bound.content != act.content(), "its content was changed after it was seen first");
            not(!bound.serials.contains(&serial), "its serial was added after it was seen first");
        }
    }
    let gone =
        chronicle.memory(sent.run).cancelled.get(&(name.to_owned(), serial)).filter(|gone| **gone < sent.run);
    let was_on_its_way = act.kind == Kind::HandOver
        && gone.is_some_and(|gone| {
            let gone = chronicle.runs[*gone].before.at;
            promises(chronicle, sent, name).iter().any(|row| row.at < gone)
        });
    not(gone.is_some() && !was_on_its_way, "its document was gone in a run before");
    not(run.over.contains(&(name.to_owned(), serial)), "it had ended before");
    // The times.
    not(sent.at >= act.expires(), "its time was over");
    not(act.requested > sent.at + SignedDuration::from_mins(5), "it was requested in the future");
    not(act.requested < run.born, "it was requested before the ledger's birth");
    not(act.requested < sent.enrolled, "it was requested before the device's life began");
    let promises = promises(chronicle, sent, name);
    not(promises.is_empty(), "the ledger has no promise of it");
    if let Some(first) = promises.first().and_then(|row| row.act("promised")) {
        let (record, enrolled) = (&first["epoch"]["record"], &first["epoch"]["enrolled"]);
        let is_same = sent.action.is_none()
            || (record.as_str().is_some_and(|id| id.eq_ignore_ascii_case(&sent.record))
                && enrolled.as_str().and_then(|at| at.parse().ok()) == Some(sent.enrolled));
        not(!is_same, "it was bound to another life of the device");
    }
    all.extend(about_the_device(chronicle, sent, act));
    all.extend(gates::reasons(chronicle, sent, name, act));
    all
}

/// Promises of what is sent again under an approval elsewhere, and is another request than the one before.
fn not_identical(chronicle: &Chronicle) -> Vec<String> {
    let mut former: BTreeMap<(usize, String), &serde_json::Value> = BTreeMap::new();
    let mut broken = Vec::new();
    for row in &chronicle.log {
        let Some(now) = row.act("promised") else { continue };
        let key = (row.lineage, format!("{} {}", now["act"], now["leg"]));
        let before = former.insert(key, now);
        if now["approvedElsewhere"].is_string()
            && before.is_none_or(|before| before["request"] != now["request"])
        {
            broken
                .push(format!("{} was approved elsewhere, and is sent again as another request", now["act"]));
        }
    }
    broken
}

/// What the device itself says against a request.
fn about_the_device(chronicle: &Chronicle, sent: &Sent, act: &Act) -> Vec<String> {
    let run = &chronicle.runs[sent.run];
    let mut all = Vec::new();
    let mut not = |wrong: bool, why: &str| {
        if wrong {
            all.push(why.to_owned());
        }
    };
    let (Some(before), Some(after)) =
        (run.before.devices.get(&sent.serial), run.after.devices.get(&sent.serial))
    else {
        return vec!["the world knows no such device".to_owned()];
    };
    // What changed while the run went on may have been seen either way.
    let both = |holds: &dyn Fn(&Seen) -> bool| holds(before) && holds(after);
    let shown = shown_serial(chronicle, sent);
    let is_old_record = act.kind == Kind::HandOver && sent.action == Some(ManagedAction::Delete);
    if sent.action.is_some() && !is_old_record {
        let several = run.before.showing(shown) > 1 && run.after.showing(shown) > 1;
        not(several || run.ghosts, "more than one live record has the serial");
        not(run.other_serials, "its record showed another serial when it was read by its id");
    }
    if is_old_record {
        let newer = |one: &&LiveRecord| one.id != sent.record && one.enrolled > sent.enrolled;
        let is_second = before.live.len() == 2 && before.live.iter().filter(newer).count() == 1;
        not(!is_second, "no second record alone stands for the next life");
    }
    let plain = |text: &str| text.trim().to_lowercase();
    let differs = |wished: &Option<String>, shown: &str| {
        wished.as_ref().is_some_and(|wished| plain(wished) != plain(shown))
    };
    let unexpected = |seen: &Seen| {
        differs(&act.expect.model, &seen.model)
            || differs(&act.expect.user, &seen.user)
            || differs(&act.expect.name, &seen.name)
    };
    not(!is_old_record && both(&unexpected), "the device is not what the document expects");
    if let Some(action) = sent.action {
        // That a device is a Shared iPad no list tells.
        let untold = matches!(act.kind, Kind::LogOutSharedIpadUser | Kind::DeleteSharedIpadUser);
        not(!untold && both(&|seen| seen.unable.contains(&action)), "the device cannot do that");
    }
    if act.kind.takes_the_code() && sent.action != Some(ManagedAction::BypassActivationLock) && !is_old_record
    {
        not(!is_safeguarded(chronicle, sent, act, before, after), "nothing stands for its bypass code");
    }
    let wipes = sent.action == Some(ManagedAction::Wipe);
    not(wipes && both(&|seen| !seen.comes_back), "nothing gives it a profile when it comes back");
    if wipes && act.kind == Kind::HandOver {
        not(both(&|seen| seen.lock == Lock::User), "it was locked by its user");
    }
    not(sent.action.is_none() && both(&|seen| seen.lock != Lock::None), "it was locked");
    if act.kind.grave() >= Grave::Destructive {
        if let Some(other) = hanging(chronicle, sent, act) {
            all.push(format!(
                "{other}, an earlier destructive act of the device, is not known to have ended"
            ));
        }
        let erases = |action: &ManagedAction| matches!(action, ManagedAction::Wipe | ManagedAction::Retire);
        let waits = |seen: &Seen, number: u64| seen.open.iter().any(|(open, _)| *open == number);
        let memory = chronicle.memory(sent.run);
        // What was asked after the copy was made a ledger that was put back does not know.
        let is_known = |number: u64| {
            let of_it = chronicle.sent.iter().find(|one| one.number == number && one.serial == sent.serial);
            of_it.is_none_or(|one| memory.runs.contains(&one.run))
        };
        let open = before.open.iter().find(|(number, action)| {
            *number < sent.number && erases(action) && waits(after, *number) && is_known(*number)
        });
        let resolved = memory.resolved.iter().any(|(_, serial)| *serial == shown);
        if let Some((_, action)) = open.filter(|_| act.kind != Kind::HandOver && !resolved) {
            all.push(format!("{action:?} was asked of it earlier, and waits for it"));
        }
    }
    all
}

/// A destructive act of the same device under another name that had not ended when a request was promised, by
/// the entries of the ledger before that.
fn hanging(chronicle: &Chronicle, sent: &Sent, act: &Act) -> Option<String> {
    let lineage = chronicle.runs[sent.run].lineage;
    let serial = shown_serial(chronicle, sent).to_string();
    let own: Vec<&str> = candidates(chronicle, sent).iter().map(|(name, _)| name.as_str()).collect();
    let promises = own.iter().flat_map(|name| promises(chronicle, sent, name));
    let promise = promises.map(|row| row.seq).max()?;
    let mut open: BTreeMap<String, bool> = BTreeMap::new();
    let before = chronicle.log.iter().filter(|row| row.lineage == lineage && row.seq < promise);
    for row in before {
        for what in ["promised", "moved", "resolved"] {
            let Some(entry) = row.act(what).filter(|entry| entry["act"]["serial"] == serial.as_str()) else {
                continue;
            };
            let Some(name) = entry["act"]["action"].as_str() else { continue };
            let to = entry["to"].as_str().unwrap_or("promised");
            let part = !matches!(entry["leg"].as_str(), Some("whole") | None);
            let ended = match (part, to) {
                (true, "done") => false,
                (_, to) => {
                    !matches!(to, "promised" | "approvalElsewhere" | "sent" | "acknowledged" | "unknown")
                }
            };
            open.insert(name.to_owned(), !ended);
        }
    }
    let is_grave = |name: &str| {
        let bound = chronicle.memory(sent.run).bound.get(name);
        bound.is_some_and(|bound| {
            bound.content.kind.grave() >= Grave::Destructive && bound.content != act.content()
        })
    };
    open.into_iter()
        .find(|(name, open)| *open && !own.contains(&name.as_str()) && is_grave(name))
        .map(|(name, _)| name)
}

/// Whether a code was read and sealed, or was proven or said not to be needed.
fn is_safeguarded(chronicle: &Chronicle, sent: &Sent, act: &Act, before: &Seen, after: &Seen) -> bool {
    let run = &chronicle.runs[sent.run];
    if !before.supervised || !after.supervised {
        return true;
    }
    let unlocked = before.lock == Lock::None || after.lock == Lock::None;
    if before.in_organisation && unlocked {
        return true;
    }
    let shows_code = |seen: &Seen| seen.code && seen.managed.as_ref() == Some(&sent.record);
    if act.waiver && !(shows_code(before) && shows_code(after)) {
        return true;
    }
    let serial = shown_serial(chronicle, sent).to_string();
    let same_epoch = |value: &serde_json::Value| {
        sent.action.is_none()
            || (value["epoch"]["record"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(&sent.record))
                && value["epoch"]["enrolled"].as_str().and_then(|at| at.parse().ok()) == Some(sent.enrolled))
    };
    let is_code = |value: &serde_json::Value| value["sealed"]["kind"] == "bypassCode";
    let kept =
        chronicle.log.iter().filter(|row| row.lineage == run.lineage && row.at <= sent.at).any(|row| {
            let early = row
                .act("sealed")
                .is_some_and(|one| one["serial"] == serial.as_str() && is_code(one) && same_epoch(one));
            let with_it = row.act("promised").is_some_and(|one| {
                one["act"]["serial"] == serial.as_str() && is_code(one) && same_epoch(one)
            });
            early || with_it
        });
    kept && sent.code_read
}
