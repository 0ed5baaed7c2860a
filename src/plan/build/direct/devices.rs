//! Which device of a direct token gets which profile.
//!
//! Every device has at most one wish: that of the assignment that names it, else the default of its
//! family, else the successor of the profile that it has. One pass over the devices settles it, by
//! places and not by ids; ids are compared only for devices that are to be moved.

use std::collections::BTreeMap;
use std::iter::Peekable;

use super::super::apple::some;
use super::super::assign::{self, Moves};
use super::super::domain::{Domain, Target};
use super::super::serials::{Claim, Serials};
use super::{DEVICES_PER_REQUEST, Planned};
use crate::diag::words::{count, form};
use crate::ledger::Cooling;
use crate::model::clock::Timestamp;
use crate::model::desired::State;
use crate::model::live::{Cause, EnrollmentState, LiveDevice};
use crate::model::{Address, Family, Name, Platform, ProfileId, Serial};
use crate::plan::effect::{Effect, When};
use crate::plan::{Action, Bookkeeping, Class, LeftAlone, Note, Reason, Relation, Waiting};

/// What one document's profile is for devices.
struct Wish<'a> {
    name: &'a Name,
    platform: Platform,
    is_shared: bool,
    /// None: it is blocked, and says so itself.
    target: Option<Target>,
    /// Its place among the profiles that devices have.
    place: Option<usize>,
    moves: Moves<'a>,
    /// How many of those to be moved an assignment names.
    named: u64,
    /// P-14: phones that a profile of Shared iPad is refused to.
    phones: Vec<Serial>,
}

/// What a profile that devices have is to the documents.
#[derive(Clone, Copy, Default)]
struct Standing<'a> {
    document: Option<&'a Name>,
    /// The wish of that document.
    wish: Option<usize>,
    /// The document says `state: absent`.
    is_absent: bool,
}

/// What is to be done about a device.
#[derive(Clone, Copy)]
enum Verdict {
    /// Nothing, for nobody wishes anything else.
    Rest,
    /// Nobody knows, or it may not be.
    Blocked,
    /// It gets the profile of a wish.
    Give(usize, Relation),
    /// Its profile goes.
    Take,
}

/// Devices whose profile goes with its document.
#[derive(Default)]
struct Taken {
    serials: Vec<Serial>,
    enrolled: u64,
    /// Those that an assignment or a default gives the very profile to.
    still_named: u64,
}

type Cooled<'a> = Peekable<std::collections::btree_map::Iter<'a, Serial, Cooling>>;

/// The devices of a token in the counting.
struct Count<'a> {
    now: Timestamp,
    wishes: Vec<Wish<'a>>,
    /// The wish of each assignment that names the token.
    by_assignment: BTreeMap<u32, usize>,
    /// The default of each family.
    by_family: [Option<usize>; Family::ALL.len()],
    /// By place of the profile.
    standing: Vec<Standing<'a>>,
    /// A file of serials could not be read: who it names is not known.
    is_unread: bool,
    cooling: Option<Cooled<'a>>,
    /// Entries of the ledger that have had their time.
    cooled: Vec<Serial>,
    /// Devices left in peace: by wish, why, whether three times or more, and until when.
    in_peace: BTreeMap<(usize, &'a str, bool, Timestamp), Vec<Serial>>,
    taken: BTreeMap<&'a Name, Taken>,
    /// Devices that stay, by the place of their profile.
    left: Vec<u64>,
    without_profile: u64,
    elsewhere: BTreeMap<&'a Name, u64>,
    moved_away: BTreeMap<&'a Name, u64>,
    other_platform: u64,
    unknown_family: u64,
    perhaps_named: u64,
}

/// Plans the assignments on a direct token, and what is taken off devices.
pub(super) fn plan<'a>(domain: &mut Domain<'a>, serials: &mut Serials<'a>, planned: &Planned<'a>) {
    let mut count = Count::over(domain, serials, planned);
    serials.join(domain, |device, claim| count.device(device, claim, domain));
    if let Some(rest) = count.cooling.take() {
        count.cooled.extend(rest.map(|(serial, _)| *serial));
    }
    let Count { wishes, cooled, in_peace, taken, .. } = count;
    for ((wish, why, is_often, until), serials) in in_peace {
        domain.waiting.push(Waiting {
            token: Some(domain.name.clone()),
            profile: Some(wishes[wish].name.clone()),
            assignment: None,
            serials,
            reason: cooling_words(why, is_often).to_owned(),
            until: Some(until),
        });
    }
    if !cooled.is_empty() {
        let token_id = domain.live.id.clone();
        domain.bookkeeping.push(Bookkeeping::Cooled { token_id, serials: cooled });
    }
    for wish in wishes {
        give(domain, wish);
    }
    for (name, taken) in taken {
        take(domain, name, taken);
    }
    leave(domain, count.left, &count.standing);
    tell(
        domain,
        &Told {
            without_profile: count.without_profile,
            elsewhere: count.elsewhere,
            moved_away: count.moved_away,
            other_platform: count.other_platform,
            unknown_family: count.unknown_family,
            perhaps_named: count.perhaps_named,
        },
    );
    assign::warn_of_size(domain);
}

impl<'a> Count<'a> {
    fn over(domain: &Domain<'a>, serials: &Serials<'a>, planned: &Planned<'a>) -> Self {
        let held: BTreeMap<&ProfileId, usize> = domain.devices.profiles().iter().zip(0..).collect();
        let mut index: BTreeMap<&'a Name, usize> = BTreeMap::new();
        let mut wishes = Vec::new();
        let mut is_absent: BTreeMap<&'a Name, bool> = BTreeMap::new();
        for (name, document) in domain.whole.profiles_on(domain.name).iter().copied() {
            is_absent.insert(name, document.identity.state == State::Absent);
            let target = domain.targets.get(name).cloned();
            let place = target.as_ref().and_then(|target| held.get(target.id.as_ref()?).copied());
            index.insert(name, wishes.len());
            wishes.push(Wish {
                name,
                platform: document.platform,
                is_shared: planned.shared.contains(name),
                target,
                place,
                moves: Moves::default(),
                named: 0,
                phones: Vec::new(),
            });
        }
        let by_assignment = serials.naming(domain.name);
        let by_assignment =
            by_assignment.filter_map(|(at, one)| Some((at, *index.get(&one.profile)?))).collect();
        let default = |family| index.get(domain.document.defaults.of_family(family)?).copied();
        let standing = domain.devices.profiles().iter().map(|id| {
            let document = planned.lineage.document_of(id);
            let wish = document.and_then(|name| index.get(name).copied());
            let is_absent = document.is_some_and(|name| is_absent.get(name) == Some(&true));
            Standing { document, wish, is_absent }
        });
        let cooling = domain.input.ledger.cooling.get(&domain.live.id);
        Self {
            now: domain.input.now,
            by_assignment,
            by_family: Family::ALL.map(default),
            standing: standing.collect(),
            is_unread: !domain.input.desired.unread_files.is_empty(),
            cooling: cooling.map(|all| all.iter().peekable()),
            cooled: Vec::new(),
            in_peace: BTreeMap::new(),
            taken: BTreeMap::new(),
            left: vec![0; domain.devices.profiles().len()],
            without_profile: 0,
            elsewhere: BTreeMap::new(),
            moved_away: BTreeMap::new(),
            other_platform: 0,
            unknown_family: 0,
            perhaps_named: 0,
            wishes,
        }
    }

    /// Takes the next device, in ascending order of serials.
    fn device(&mut self, device: &'a LiveDevice, claim: Claim<'a>, domain: &Domain<'a>) {
        let cooling = self.cooling_of(&device.serial);
        let place = domain.devices.place_of(device);
        let standing = place.map(|place| self.standing[place]).unwrap_or_default();
        let verdict = self.judge(device, claim, place, standing);
        // What is left in peace stays remembered: how often it failed counts.
        let is_awaited = match verdict {
            Verdict::Give(wish, _) => {
                let target = self.wishes[wish].target.as_ref().and_then(|target| target.id.as_ref());
                cooling.is_some_and(|one| target == Some(&one.profile))
            }
            Verdict::Blocked => cooling.is_some(),
            Verdict::Rest | Verdict::Take => false,
        };
        if cooling.is_some() && !is_awaited {
            self.cooled.push(device.serial);
        }
        match verdict {
            Verdict::Blocked => {}
            // What has its default is as wished, and nobody leaves it alone.
            Verdict::Rest if self.default_of(device).is_some() => {}
            Verdict::Rest => match place {
                Some(place) if matches!(claim, Claim::Nowhere) => self.left[place] += 1,
                None if matches!(claim, Claim::Nowhere) => self.without_profile += 1,
                _ => {}
            },
            Verdict::Give(wish, relation) => {
                if let Some(cooling) = cooling.filter(|one| is_awaited && one.until > self.now) {
                    let key = (wish, cooling.why.as_str(), cooling.times >= 3, cooling.until);
                    self.in_peace.entry(key).or_default().push(device.serial);
                    return;
                }
                let wish = &mut self.wishes[wish];
                wish.named += u64::from(matches!(claim, Claim::Here { .. }));
                wish.moves.add(device, domain.devices.profile_of(device), relation);
            }
            Verdict::Take => {
                let Some(document) = standing.document else { return };
                let taken = self.taken.entry(document).or_default();
                taken.serials.push(device.serial);
                taken.enrolled += u64::from(device.state == EnrollmentState::Enrolled);
            }
        }
    }

    /// The default of a device's family.
    fn default_of(&self, device: &LiveDevice) -> Option<usize> {
        device.family.and_then(|family| self.by_family[family as usize])
    }

    fn judge(
        &mut self,
        device: &LiveDevice,
        claim: Claim<'a>,
        place: Option<usize>,
        standing: Standing<'a>,
    ) -> Verdict {
        let mut is_claimed = true;
        let wish = match claim {
            Claim::Elsewhere(first) => {
                *self.elsewhere.entry(&first.name).or_default() += 1;
                return Verdict::Rest;
            }
            Claim::Left(first) => {
                *self.moved_away.entry(&first.name).or_default() += 1;
                return Verdict::Rest;
            }
            Claim::Here { index, .. } => match self.by_assignment.get(&index) {
                Some(wish) => *wish,
                None => return Verdict::Blocked,
            },
            Claim::Nowhere => {
                let default = self.default_of(device);
                is_claimed = default.is_some();
                match default.or(standing.wish) {
                    Some(wish) => wish,
                    None => return Verdict::Rest,
                }
            }
        };
        let is_named = matches!(claim, Claim::Here { .. });
        let verdict = self.judge_wish(device, wish, is_claimed, place, standing);
        let changes = matches!(verdict, Verdict::Give(..) | Verdict::Take);
        if changes && !is_named && self.is_unread {
            self.perhaps_named += 1;
            return Verdict::Blocked;
        }
        verdict
    }

    fn judge_wish(
        &mut self,
        device: &LiveDevice,
        wish: usize,
        is_claimed: bool,
        place: Option<usize>,
        standing: Standing<'a>,
    ) -> Verdict {
        let is_own = standing.wish == Some(wish);
        let wish_at = wish;
        let wish = &mut self.wishes[wish];
        let Some(_) = &wish.target else {
            if standing.is_absent && is_own {
                if is_claimed {
                    self.taken.entry(wish.name).or_default().still_named += 1;
                    return Verdict::Blocked;
                }
                return Verdict::Take;
            }
            return Verdict::Blocked;
        };
        if wish.place.is_some() && wish.place == place {
            return Verdict::Rest;
        }
        if device.platform != Some(wish.platform) {
            match device.platform {
                None => self.unknown_family += 1,
                Some(_) => self.other_platform += 1,
            }
            return Verdict::Blocked;
        }
        if wish.is_shared && matches!(device.family, Some(Family::Iphone | Family::Ipod)) {
            wish.phones.push(device.serial);
            return Verdict::Blocked;
        }
        let relation = match device.state {
            EnrollmentState::Removed => Relation::Removed,
            _ if is_own => Relation::Earlier,
            _ => Relation::Other,
        };
        Verdict::Give(wish_at, relation)
    }

    /// The ledger's entry for a device. Entries of serials that the token does not have are passed by:
    /// they have had their time.
    fn cooling_of(&mut self, serial: &Serial) -> Option<&'a Cooling> {
        let cooling = self.cooling.as_mut()?;
        while let Some((gone, _)) = cooling.next_if(|(one, _)| *one < serial) {
            self.cooled.push(*gone);
        }
        cooling.next_if(|(one, _)| *one == serial).map(|(_, cooling)| cooling)
    }
}

/// Why a device is left in peace.
fn cooling_words(why: &str, is_often: bool) -> &'static str {
    match (why, is_often) {
        ("THROTTLED", _) => {
            "Apple throttles them, because they were given profiles too often; they are left in peace for a while (A-3)"
        }
        (_, true) => {
            "Apple failed on them three times or more: ask Apple's support, with these serials; a later run tries again (A-3)"
        }
        ("MISSING", false) => "Apple's answer left them out; a later run tries again (A-3)",
        (_, false) => "Apple failed on them; a later run tries again (A-3)",
    }
}

/// The step that gives one document's profile to devices.
fn give<'a>(domain: &mut Domain<'a>, wish: Wish<'a>) {
    let Wish { name, target, moves, named, phones, .. } = wish;
    let address = Address::profile(name, domain.name);
    if !phones.is_empty() {
        let reason = format!(
            "{} that would get it {} no iPad, and a profile of Shared iPad is refused there: {}",
            count(phones.len(), "device"),
            form(phones.len(), "is", "are"),
            some(&phones)
        );
        let next = "give them another profile: name them in another assignment, or write `ipad` and `iphone` instead of `ios` into `defaultProfiles`";
        domain.block(Some(address.clone()), Cause::Manifest, Some("P-14"), reason, next.to_owned());
    }
    let Some(target) = target else { return };
    let all = moves.all();
    if all == 0 {
        if let Some(define) = target.step.as_ref() {
            let has_holders = target.id.as_ref().is_some_and(|id| domain.holders_of(id).all() > 0);
            let step = domain.steps.iter_mut().find(|step| step.id == *define).filter(|_| !has_holders);
            if let Some(step) = step {
                step.notes.push(Note::new(
                    "A-3",
                    "no device gets it yet: it is defined all the same, and the ledger remembers it",
                ));
            }
        }
        return;
    }
    let (removed, earlier) = (moves.of(Relation::Removed), moves.of(Relation::Earlier));
    let Some(mut step) = assign::plan_moves(domain, name, &target, moves) else { return };
    step.reason = match () {
        () if removed == all => Reason::Drifted,
        () if earlier == all => Reason::Succeeded,
        () if named == all => Reason::Assigned,
        () => Reason::Unclaimed,
    };
    if removed > 0 {
        step.notes.push(Note::new(
            "A-3",
            format!(
                "{removed} of them {} none any more: it was taken off their record at Apple outside",
                form(removed, "has", "have")
            ),
        ));
    }
    let requests = all.div_ceil(DEVICES_PER_REQUEST);
    if requests > 1 {
        step.notes.push(Note::new(
            "A-3",
            format!(
                "{requests} requests of up to {DEVICES_PER_REQUEST} devices, about {}; Apple throttles a device that is given profiles too often, so that none is given the one that it has",
                about(requests)
            ),
        ));
    }
    domain.steps.push(step);
}

/// About half a second a request.
fn about(requests: u64) -> String {
    match requests.div_ceil(2) {
        seconds @ ..60 => count(seconds, "second"),
        seconds => count(seconds / 60, "minute"),
    }
}

/// The step that takes the profile of a document with `state: absent` off the devices that nobody
/// wishes another one for.
fn take<'a>(domain: &mut Domain<'a>, name: &'a Name, taken: Taken) {
    let Taken { serials, enrolled, still_named } = taken;
    let address = Address::profile(name, domain.name);
    if domain.blocked.iter().any(|blocked| blocked.address.as_ref() == Some(&address)) {
        return;
    }
    if still_named > 0 {
        let reason = format!(
            "{} that {} it {} given it still, by an assignment or by default",
            count(still_named, "device"),
            form(still_named, "has", "have"),
            form(still_named, "is", "are")
        );
        let next = "name another profile in their assignments and in `defaultProfiles`";
        domain.block(Some(address.clone()), Cause::Manifest, None, reason, next.to_owned());
    }
    if serials.is_empty() {
        return;
    }
    let document = &domain.input.desired.profiles[name];
    let display_name = domain.display_name_of(document).to_owned();
    let waiting = serials.len() as u64 - enrolled;
    let action = Action::Unassign { serials };
    let mut step = domain.step(address, None, &display_name, action, Reason::StateAbsent);
    step.class = Class::Destructive;
    step.effect =
        Effect { when: When::NextActivation, feel: 0, after_reset: enrolled, at_activation: waiting };
    step.notes.push(Note::new(
        "P-31",
        "without a profile a device cannot enroll, nor enroll again after a wipe, until it gets one",
    ));
    domain.steps.push(step);
}

/// Tells the devices that keep what they have, by profile.
fn leave(domain: &mut Domain<'_>, left: Vec<u64>, standing: &[Standing<'_>]) {
    let mut strangers = 0;
    for (at, many) in left.into_iter().enumerate().filter(|(_, many)| *many > 0) {
        let id = &domain.devices.profiles()[at];
        let name = domain.name_of_profile(id).unwrap_or_else(|| id.to_string());
        if standing[at].document.is_some() {
            let what = format!("{} with {name:?}", count(many, "device"));
            let why = "no document names them; they keep the profile that they have";
            assign::leave_devices(domain, many, what, why, true);
            continue;
        }
        let have = format!(
            "{} {} it and {} it",
            count(many, "device"),
            form(many, "has", "have"),
            form(many, "keeps", "keep")
        );
        let owners = domain.whole.owners_of(&domain.live.id, id);
        let (why, was_managed) = match owners.first() {
            None => (format!("no document names it; {have}"), false),
            Some((address, _)) => (
                format!(
                    "no document of this token names it any more (it was {address}), and at Apple nothing is deleted; {have}"
                ),
                true,
            ),
        };
        strangers += many;
        domain.left_alone.push(LeftAlone {
            token: domain.name.clone(),
            what: "profile".to_owned(),
            name,
            id: id.0.clone(),
            count: 1,
            why,
            was_managed,
        });
    }
    assign::leave_devices(domain, strangers, count(strangers, "device"), "no document names them", false);
}

/// What is told of devices that nothing is done about.
struct Told<'a> {
    without_profile: u64,
    elsewhere: BTreeMap<&'a Name, u64>,
    moved_away: BTreeMap<&'a Name, u64>,
    other_platform: u64,
    unknown_family: u64,
    perhaps_named: u64,
}

fn tell(domain: &mut Domain<'_>, told: &Told<'_>) {
    let name = format!("{} of other platforms", count(told.other_platform, "device"));
    let why = "the profile that a document gives them is for another platform (P-32)";
    assign::leave_devices(domain, told.other_platform, name, why, true);
    let name = format!("{} of an unknown family", count(told.unknown_family, "device"));
    let why = "whether the profile that a document gives them is for their platform is not known (P-32)";
    assign::leave_devices(domain, told.unknown_family, name, why, true);
    for (assignment, many) in &told.elsewhere {
        let name = format!("{} of DeviceAssignment/{assignment}", count(*many, "serial"));
        let why = "they are on this token, which their assignment does not name; `token` of an assignment moves devices, where the tokens have `apple` (A-2)";
        assign::leave_devices(domain, *many, name, why, true);
    }
    for (assignment, many) in &told.moved_away {
        let name = format!("{} of DeviceAssignment/{assignment}", count(*many, "serial"));
        assign::leave_devices(domain, *many, name, assign::LEFT, true);
    }
    let name = format!("{} without any profile", count(told.without_profile, "device"));
    let why = "they cannot enroll before they get one; `espalier devices --unassigned` lists them (P-31)";
    assign::leave_devices(domain, told.without_profile, name, why, true);
    if told.perhaps_named > 0 {
        let files: Vec<String> =
            domain.input.desired.unread_files.iter().map(|file| file.display().to_string()).collect();
        let reason = format!(
            "{} that no assignment names may be named by a file that could not be read ({}): {}",
            count(told.perhaps_named, "device"),
            files.join(", "),
            form(told.perhaps_named, "it is left as it is", "they are left as they are")
        );
        let address = Some(Address::token(domain.name));
        domain.block(address, Cause::Manifest, Some("A-1"), reason, "correct the file".to_owned());
    }
}
