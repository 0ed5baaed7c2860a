//! The named serials, joined with the devices of a token.
//!
//! Both sides are sorted by serial, so one pass over each token's list does it, without a map of
//! devices.

use std::collections::{BTreeMap, BTreeSet};

use super::apple::Stands;
use super::domain::Domain;
use crate::model::desired::{Assignment, Desired};
use crate::model::live::LiveDevice;
use crate::model::{Name, Platform, ProfileId, Serial};

/// Every named serial with the assignment that names it, sorted.
pub(super) struct Serials<'a> {
    pub assignments: Vec<&'a Assignment>,
    pub rows: Vec<Row>,
    /// The assignments that name each token, ascending.
    by_token: BTreeMap<&'a Name, Vec<u32>>,
    /// The platform of each assignment's profile; `None` where no document describes it.
    platforms: Vec<Option<Platform>>,
    /// For the token at hand: what each assignment means there. Kept from token to token, so that a
    /// token costs its own assignments and not all.
    here: Vec<Here>,
}

/// What an assignment means on the token at hand.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Here {
    /// It does not name the token.
    #[default]
    Elsewhere,
    /// Its profile is blocked there.
    Blocked,
    /// Its profile has still to be made.
    New,
    /// Its profile is there, and no device has it.
    Unheld,
    /// Its profile is there, at this place among those that devices have.
    Held(u32),
}

/// What the assignments say of a device of the token at hand.
#[derive(Clone, Copy)]
pub(super) enum Claim<'a> {
    /// None names it.
    Nowhere,
    /// Those that name it do not name the token; the first of them.
    Elsewhere(&'a Assignment),
    /// One names it, and at Apple it has left the token, or leaves it with this plan: its list is late.
    Left(&'a Assignment),
    /// One names it here.
    Here {
        /// Its place among all.
        index: u32,
        assignment: &'a Assignment,
        /// The platform of its profile.
        platform: Option<Platform>,
        here: Here,
    },
}

#[derive(Clone, Copy)]
pub(super) struct Row {
    pub serial: Serial,
    pub assignment: u32,
    pub found: Found,
}

/// Where a named serial was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nowhere,
    /// On a token of its assignment.
    There,
    /// On another token of this folder.
    Elsewhere,
}

impl<'a> Serials<'a> {
    /// Collects the serials of all assignments.
    pub fn gather(desired: &'a Desired) -> Self {
        let assignments: Vec<&Assignment> = desired.assignments.iter().collect();
        let mut rows =
            Vec::with_capacity(assignments.iter().map(|assignment| assignment.devices.len()).sum());
        for (at, assignment) in assignments.iter().enumerate() {
            let row = |serial| Row { serial, assignment: at as u32, found: Found::Nowhere };
            rows.extend(assignment.devices.iter().map(|device| row(device.serial)));
        }
        rows.sort_unstable_by_key(|row| (row.serial, row.assignment));
        rows.dedup_by_key(|row| (row.serial, row.assignment));
        let mut by_token: BTreeMap<&Name, Vec<u32>> = BTreeMap::new();
        for (at, assignment) in (0..).zip(&assignments) {
            for token in assignment.tokens.iter().collect::<BTreeSet<_>>() {
                by_token.entry(token).or_default().push(at);
            }
        }
        let here = vec![Here::default(); assignments.len()];
        let platform = |one: &&Assignment| Some(desired.profiles.get(&one.profile)?.platform);
        let platforms = assignments.iter().map(platform).collect();
        Self { assignments, rows, by_token, platforms, here }
    }

    /// The assignments that name a token, ascending.
    pub fn naming(&self, token: &Name) -> impl Iterator<Item = (u32, &'a Assignment)> {
        let all = self.by_token.get(token).into_iter().flatten();
        all.map(|at| (*at, self.assignments[*at as usize]))
    }

    /// Shows every device of a token with what the assignments say of it, in one pass, and notes for
    /// the serials where they were found.
    pub fn join(&mut self, domain: &Domain<'a>, mut visit: impl FnMut(&'a LiveDevice, Claim<'a>)) {
        self.turn_to(domain);
        let mut at = 0;
        for device in domain.devices.iter() {
            at = skip_to(&self.rows, at, device.serial);
            let mut taken: Option<u32> = None;
            let mut named = None;
            let mut row_at = at;
            let is_named = self.rows.get(at).is_some_and(|row| row.serial == device.serial);
            let whither = if is_named { whither(domain, &device.serial) } else { Whither::Stays };
            while let Some(row) = self.rows.get_mut(row_at).filter(|row| row.serial == device.serial) {
                row_at += 1;
                named = named.or(Some(row.assignment));
                if self.here[row.assignment as usize] != Here::Elsewhere {
                    // To another token of the folder: there it gets what it shall have.
                    if whither != Whither::Token {
                        row.found = Found::There;
                        taken = taken.or(Some(row.assignment));
                    }
                } else if row.found == Found::Nowhere && !device.released && whither == Whither::Stays {
                    row.found = Found::Elsewhere;
                }
            }
            let claim = match (taken, named) {
                (Some(index), _) => Claim::Here {
                    index,
                    assignment: self.assignments[index as usize],
                    platform: self.platforms[index as usize],
                    here: self.here[index as usize],
                },
                (None, Some(first)) if whither != Whither::Stays => {
                    Claim::Left(self.assignments[first as usize])
                }
                (None, Some(first)) => Claim::Elsewhere(self.assignments[first as usize]),
                (None, None) => Claim::Nowhere,
            };
            visit(device, claim);
        }
        self.turn_away(domain);
    }

    /// Notes what the assignments mean on a token; [`Serials::turn_away`] forgets it again.
    fn turn_to(&mut self, domain: &Domain<'a>) {
        let held: BTreeMap<&ProfileId, u32> = domain.devices.profiles().iter().zip(0..).collect();
        for at in self.by_token.get(domain.name).into_iter().flatten() {
            let target = domain.targets.get(&self.assignments[*at as usize].profile);
            self.here[*at as usize] = match target.map(|target| &target.id) {
                None => Here::Blocked,
                Some(None) => Here::New,
                Some(Some(id)) => held.get(id).map_or(Here::Unheld, |place| Here::Held(*place)),
            };
        }
    }

    fn turn_away(&mut self, domain: &Domain<'a>) {
        for at in self.by_token.get(domain.name).into_iter().flatten() {
            self.here[*at as usize] = Here::Elsewhere;
        }
    }
}

/// Where a device that a token's list shows is bound for at Apple.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whither {
    /// It stays, as far as is known.
    Stays,
    /// To another token of the folder.
    Token,
    /// Elsewhere, or to no service.
    Away,
}

fn whither(domain: &Domain<'_>, serial: &Serial) -> Whither {
    let here = |token: &Name| token == domain.name;
    match domain.whole.stands(serial, domain.name) {
        Stands::At(token) | Stands::Going { to: Some(token), .. } if here(token) => Whither::Stays,
        Stands::At(_) | Stands::Going { to: Some(_), .. } => Whither::Token,
        Stands::Going { to: None, .. }
        | Stands::Unassigned
        | Stands::Foreign(_)
        | Stands::NotListed(_)
        | Stands::Busy => Whither::Away,
        Stands::NotAsked | Stands::Unknown | Stands::OtherOrganisation => Whither::Stays,
    }
}

/// The rows from the first one that is not before `serial`. Tokens are small beside the whole, so
/// the way there is found by doubling steps and not row by row.
fn skip_to(rows: &[Row], from: usize, serial: Serial) -> usize {
    let mut step = 1;
    while rows.get(from + step).is_some_and(|row| row.serial < serial) {
        step *= 2;
    }
    let near = from + step / 2;
    let far = rows.len().min(from + step);
    near + rows[near..far].partition_point(|row| row.serial < serial)
}
