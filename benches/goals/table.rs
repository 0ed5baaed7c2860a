//! The table of results.

use std::fmt;

/// Rows of what was measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    goal: &'static str,
    what: String,
    measured: String,
    against: String,
    reach: Option<Reach>,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// The figure that was measured.
    pub figure: f64,
    /// The most that it may be.
    pub most: f64,
    /// Its unit, or `times`.
    pub unit: &'static str,
}

impl Table {
    /// Adds a figure with its goal.
    pub fn goal(
        &mut self,
        goal: &'static str,
        what: impl Into<String>,
        measured: impl Into<String>,
        against: impl Into<String>,
        reach: Reach,
    ) {
        self.push(goal, what.into(), measured.into(), against.into(), Some(reach));
    }

    /// Adds a figure that has no goal of its own.
    pub fn note(&mut self, goal: &'static str, what: impl Into<String>, measured: impl Into<String>) {
        self.push(goal, what.into(), measured.into(), String::new(), None);
    }

    fn push(
        &mut self,
        goal: &'static str,
        what: String,
        measured: String,
        against: String,
        reach: Option<Reach>,
    ) {
        let row = Row { goal, what, measured, against, reach };
        // A run takes minutes: each row is told when it is known.
        eprintln!("{row}");
        self.rows.push(row);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { goal, what, measured, against, reach } = self;
        write!(f, "| {goal} | {what} | {measured} | {against} |")?;
        match reach {
            Some(Reach { figure, most, unit }) => {
                let mark = if figure <= most { "reached" } else { "**missed**" };
                {
                    // Three digits of a second, and no tail of a division.
                    let most = format!("{most:.3}");
                    let most = most.trim_end_matches('0').trim_end_matches('.');
                    write!(f, " {figure:.3} {unit} | at most {most} {unit} | {mark} |")
                }
            }
            None => f.write_str(" | | |"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| goal | what | measured | against | figure | reach | |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
