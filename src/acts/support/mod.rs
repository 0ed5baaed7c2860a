//! Which action a device can do, and what it does there: one table, with the source and the date of
//! each cell. Where two sources disagree the newer one holds; where that leaves a doubt, the cell is unknown and
//! the act is refused.

mod table;
#[cfg(test)]
mod tests;

use super::mutation::Rule;
use crate::model::ActionKind;
use crate::model::act::{Os, Ownership, Record};
use table::{Need, Row, Says};

/// Whether a device can do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// Nobody says, or the record does not tell what it hangs on.
    Unknown,
}

/// One cell of the table, for one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What is done.
    pub kind: ActionKind,
    /// What runs on the device.
    pub os: Os,
    /// Whether it can.
    pub verdict: Verdict,
    /// What it does there, in words; empty where it cannot.
    pub does: &'static str,
    /// Why it cannot, or what is not known; empty where it can.
    pub why: String,
    /// Who says so.
    pub source: &'static str,
    /// When: year, or year and month.
    pub date: &'static str,
    /// The requirement row.
    pub row: &'static str,
}

impl Cell {
    /// Why an act is refused, with the cell.
    pub fn refusal(&self) -> String {
        let Cell { kind, os, why, source, date, .. } = self;
        format!("{kind} on {os}: {why} ({source}, {date})")
    }

    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self.verdict {
            Verdict::Unknown => {
                "sync the device and run it again; `espalier devices` shows what the MDM tells of it"
            }
            Verdict::Yes | Verdict::No => {
                "take the document out; an action that the device can do takes a new name"
            }
        }
    }
}

/// What the table says of an action on a device.
pub fn cell(kind: ActionKind, record: &Record) -> Cell {
    let row = table::row(kind, record.os);
    let cell = |verdict, does, why: String| Cell {
        kind,
        os: record.os,
        verdict,
        does,
        why,
        source: row.source,
        date: row.date,
        row: row.row,
    };
    // What manages the device comes first: without it nothing of the MDM reaches it.
    if kind != ActionKind::Release
        && let Some((verdict, why)) = unmanaged(&record.agent)
    {
        return Cell {
            source: "documentation of 2017, which no newer source contradicts",
            date: "2017",
            row: "R-4",
            ..cell(verdict, "", why)
        };
    }
    let (does, needs) = match row.says {
        Says::Does(does, needs) => (does, needs),
        Says::Not(why) => return cell(Verdict::No, "", why.to_owned()),
        Says::Unsure(why) => return cell(Verdict::Unknown, "", why.to_owned()),
    };
    let told = needs.iter().map(|need| (*need, is_met(*need, record)));
    let (mut missing, mut untold) = (None, None);
    for (need, met) in told {
        match met {
            Some(true) => {}
            Some(false) => missing = missing.or(Some(need)),
            None => untold = untold.or(Some(need)),
        }
    }
    match (missing, untold) {
        (Some(need), _) => cell(Verdict::No, "", format!("it needs {}", need.words())),
        (None, Some(need)) => {
            cell(Verdict::Unknown, "", format!("it needs {}, and the MDM does not tell that", need.words()))
        }
        (None, None) => cell(Verdict::Yes, does, String::new()),
    }
}

/// What an action does on a platform, for people; `None` where it is nothing.
pub fn does(kind: ActionKind, os: Os) -> Option<&'static str> {
    match table::row(kind, os).says {
        Says::Does(does, _) => Some(does),
        Says::Not(_) | Says::Unsure(_) => None,
    }
}

/// The agents through which no action of this kind reaches a device.
fn unmanaged(agent: &str) -> Option<(Verdict, String)> {
    let no = |why: &str| Some((Verdict::No, why.to_owned()));
    match agent.trim().to_ascii_lowercase().as_str() {
        "eas" => no(
            "it is managed through Exchange ActiveSync alone, and no source confirms that it can be acted on",
        ),
        "intuneclient" | "easintuneclient" => {
            no("it is managed by the Intune software client, which can neither lock nor reset it")
        }
        "configurationmanagerclient" => no("it is managed by Configuration Manager alone"),
        "" | "unknown" => Some((Verdict::Unknown, "the MDM does not say what manages it".to_owned())),
        _ => None,
    }
}

fn is_met(need: Need, record: &Record) -> Option<bool> {
    match need {
        Need::Supervised => record.supervised,
        Need::Company => match record.ownership {
            Ownership::Company => Some(true),
            Ownership::Personal => Some(false),
            Ownership::Unknown => None,
        },
        Need::Personal => match record.ownership {
            Ownership::Personal => Some(true),
            Ownership::Company => Some(false),
            Ownership::Unknown => None,
        },
        Need::LostMode => record.lost_mode,
        Need::Automated => match record.enrollment.trim().to_ascii_lowercase().as_str() {
            "" | "unknown" => None,
            enrollment => Some(enrollment.starts_with("applebulk")),
        },
        Need::Dedicated => match record.enrollment.trim().to_ascii_lowercase().as_str() {
            "" | "unknown" => None,
            enrollment => Some(enrollment.contains("dedicated")),
        },
        Need::From(major, minor) => Some(version(&record.os_version)? >= (major, minor)),
    }
}

/// The first two numbers of a version; `None` where it begins with none.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().split(|one: char| !one.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

/// A row of the table as it is shown in documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What is done.
    pub kind: ActionKind,
    /// Where.
    pub os: Os,
    /// `yes`, `no`, `unknown`, or what it needs.
    pub verdict: String,
    /// What it does, or why it cannot.
    pub words: &'static str,
    /// What an older source says otherwise; empty where none does.
    pub formerly: &'static str,
    /// Who says so, and when.
    pub source: String,
    /// The requirement row.
    pub row: &'static str,
}

/// The whole table, action by action.
pub fn shown() -> Vec<Shown> {
    let each = ActionKind::ALL.into_iter().flat_map(|kind| table::OSES.into_iter().map(move |os| (kind, os)));
    each.map(|(kind, os)| {
        let Row { says, formerly, source, date, row, .. } = table::row(kind, os);
        let (verdict, words) = match says {
            Says::Does(does, []) => ("yes".to_owned(), *does),
            Says::Does(does, needs) => {
                let needs: Vec<String> = needs.iter().map(|need| need.words()).collect();
                (format!("with {}", needs.join(" and ")), *does)
            }
            Says::Not(why) => ("no".to_owned(), *why),
            Says::Unsure(why) => ("unknown".to_owned(), *why),
        };
        Shown { kind, os, verdict, words, formerly, source: format!("{source}, {date}"), row }
    })
    .collect()
}

/// Whether the table stands in the way of an action on a device.
pub fn refuses(kind: ActionKind, record: &Record) -> Option<Cell> {
    let cell = cell(kind, record);
    Rule::Support.stops(cell.verdict != Verdict::Yes).then_some(cell)
}
