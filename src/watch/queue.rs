//! What is to be looked at next, and why. PURE: events and instants in, rounds out.
//!
//! ```text
//! files, start, resync ─┐
//! back-off ended ───────┼─> wanted, per token ── take ─> one round ── ended ─> holds, due times
//! something is due ─────┘         ^ what comes meanwhile waits here: exactly one more round
//! ```
//!
//! One round runs at a time. A token that is wanted ten times is looked at once; a token whose
//! service failed waits for the end of its pause and holds up nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::backoff::{Domain, Hold, Holds};
use crate::model::clock::{Timestamp, after};
use crate::model::{Name, Realm};

/// Why a token is looked at.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// The watch began.
    Start,
    /// The documents changed.
    Documents,
    /// The time of the next full look has come.
    Resync,
    /// The pause after a failure has passed.
    BackOff,
    /// Something that was waited for is due: a sync window, the horizon of a lost answer.
    Due,
}

/// What is looked at in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The tokens.
    pub tokens: BTreeSet<Name>,
    /// Why: of any of them.
    pub why: BTreeSet<Why>,
}

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The connection of each token that documents name.
    tokens: BTreeMap<Name, Realm>,
    /// The organisation at Apple that a token's document names. One that fails is left alone, and its
    /// tokens are looked at without it.
    organisations: BTreeMap<Name, Realm>,
    wanted: BTreeMap<Name, BTreeSet<Why>>,
    due: BTreeMap<Name, Timestamp>,
    holds: Holds,
    every: Duration,
    resync: Timestamp,
}

impl Queue {
    /// A queue over tokens and their connections, all of which are wanted. `every` is the rhythm of
    /// full looks, the first of which is the start.
    pub fn new(tokens: BTreeMap<Name, Realm>, every: Duration, seed: u64, now: Timestamp) -> Self {
        let mut queue = Self {
            tokens,
            organisations: BTreeMap::new(),
            wanted: BTreeMap::new(),
            due: BTreeMap::new(),
            holds: Holds::new(seed),
            every,
            resync: after(now, every),
        };
        queue.want_all(Why::Start);
        queue
    }

    /// Takes the tokens and the rhythm of new documents. What is gone is forgotten.
    pub fn learn(&mut self, tokens: BTreeMap<Name, Realm>, every: Duration, now: Timestamp) {
        if every != self.every {
            self.every = every;
            self.resync = self.resync.min(after(now, every));
        }
        self.wanted.retain(|token, _| tokens.contains_key(token));
        self.due.retain(|token, _| tokens.contains_key(token));
        self.holds.retain(|domain| match domain {
            Domain::Token(token) => tokens.contains_key(token),
            Domain::Connection(Realm::Apple(_)) => true,
            Domain::Connection(connection) => tokens.values().any(|known| known == connection),
        });
        self.tokens = tokens;
    }

    /// Takes the organisations of tokens; those that no token names any more are forgotten.
    pub fn learn_organisations(&mut self, organisations: BTreeMap<Name, Realm>) {
        self.holds.retain(|domain| match domain {
            Domain::Connection(realm @ Realm::Apple(_)) => organisations.values().any(|known| known == realm),
            Domain::Connection(_) | Domain::Token(_) => true,
        });
        self.organisations = organisations;
    }

    /// The organisations that a round leaves alone, and until when. As with tokens, a change of the
    /// documents may be the cure, and what Apple asked for holds all the same.
    pub fn left_alone(&self, why: &BTreeSet<Why>, now: Timestamp) -> BTreeMap<Name, Timestamp> {
        let held = self.holds.iter().filter_map(|(domain, hold)| match domain {
            Domain::Connection(Realm::Apple(name)) => Some((name.clone(), Self::until(hold, why)?)),
            Domain::Connection(_) | Domain::Token(_) => None,
        });
        held.filter(|(_, until)| *until > now).collect()
    }

    /// Until when something is held, given why it is looked at: somebody has just changed something about
    /// it, and that may be the cure; what the service asked for holds all the same.
    fn until(hold: &Hold, why: &BTreeSet<Why>) -> Option<Timestamp> {
        let is_new = why.contains(&Why::Documents) || why.contains(&Why::Start);
        if is_new { hold.asked } else { Some(hold.until) }
    }

    /// Wants tokens looked at; those that no document names are nobody's.
    pub fn want(&mut self, why: Why, tokens: impl IntoIterator<Item = Name>) {
        for token in tokens {
            if self.tokens.contains_key(&token) {
                self.wanted.entry(token).or_default().insert(why);
            }
        }
    }

    fn want_all(&mut self, why: Why) {
        let all: Vec<Name> = self.tokens.keys().cloned().collect();
        self.want(why, all);
    }

    /// Puts a round that could not run back.
    pub fn put_back(&mut self, round: Round) {
        for why in round.why {
            self.want(why, round.tokens.iter().cloned());
        }
    }

    /// Lets time pass: what has become due is wanted. True: the time of a full look has come.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let due: Vec<Name> =
            self.due.iter().filter(|(_, at)| **at <= now).map(|(token, _)| token.clone()).collect();
        for token in due {
            self.due.remove(&token);
            self.want(Why::Due, [token]);
        }
        let ended: Vec<Domain> = self
            .holds
            .iter()
            .filter(|(_, hold)| hold.until <= now)
            .map(|(domain, _)| domain.clone())
            .collect();
        for domain in ended {
            let tokens = self.tokens_of(&domain);
            self.want(Why::BackOff, tokens);
        }
        let resync = self.resync <= now;
        if resync {
            self.resync = after(now, self.every);
            self.want_all(Why::Resync);
        }
        resync
    }

    fn tokens_of(&self, domain: &Domain) -> Vec<Name> {
        match domain {
            Domain::Token(token) => vec![token.clone()],
            Domain::Connection(connection) => {
                let all =
                    self.tokens.iter().chain(&self.organisations).filter(|(_, known)| *known == connection);
                all.map(|(token, _)| token.clone()).collect()
            }
        }
    }

    /// What keeps a token from being looked at.
    fn hold_of(&self, token: &Name, why: &BTreeSet<Why>, now: Timestamp) -> Option<Timestamp> {
        let connection = self.tokens.get(token)?.clone();
        let domains = [Domain::Token(token.clone()), Domain::Connection(connection)];
        let holds = domains
            .iter()
            .filter_map(|domain| self.holds.of(domain))
            .filter_map(|hold| Self::until(hold, why));
        holds.filter(|until| *until > now).max()
    }

    /// Takes everything that may be looked at now; `None`: nothing.
    pub fn take(&mut self, now: Timestamp) -> Option<Round> {
        let (mut tokens, mut why) = (BTreeSet::new(), BTreeSet::new());
        let free: Vec<Name> = self
            .wanted
            .iter()
            .filter(|(token, why)| self.hold_of(token, why, now).is_none())
            .map(|(token, _)| token.clone())
            .collect();
        for token in free {
            why.extend(self.wanted.remove(&token).unwrap_or_default());
            // Whatever was due is seen by this look.
            self.due.remove(&token);
            tokens.insert(token);
        }
        (!tokens.is_empty()).then_some(Round { tokens, why })
    }

    /// A domain failed in the round that has just ended.
    pub fn failed(&mut self, domain: Domain, now: Timestamp, asked: Option<Timestamp>) -> Hold {
        self.holds.failed(domain, now, asked)
    }

    /// A domain did well.
    pub fn succeeded(&mut self, domain: &Domain) {
        self.holds.succeeded(domain);
    }

    /// Something on a token is due at an instant; the earliest counts.
    pub fn due_at(&mut self, token: Name, at: Timestamp) {
        if self.tokens.contains_key(&token) {
            let known = self.due.entry(token).or_insert(at);
            *known = (*known).min(at);
        }
    }

    /// How many tokens wait to be looked at.
    pub fn depth(&self) -> usize {
        self.wanted.len()
    }

    /// When the next full look is due.
    pub fn resync(&self) -> Timestamp {
        self.resync
    }

    /// The next instant at which something may have become due.
    pub fn next(&self) -> Timestamp {
        let holds = self.holds.iter().map(|(_, hold)| hold.until);
        self.due.values().copied().chain(holds).fold(self.resync, Timestamp::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// Tokens `a` and `b` of connection `one`, `c` of connection `two`; the start is over.
    fn queue() -> Queue {
        let tokens = [("a", "one"), ("b", "one"), ("c", "two")].map(|(t, c)| (name(t), Realm::Mdm(name(c))));
        let mut queue = Queue::new(tokens.into(), HOUR, 1, at(0));
        let start = queue.take(at(0)).unwrap();
        assert_eq!((start.tokens.len(), start.why), (3, BTreeSet::from([Why::Start])));
        queue
    }

    fn names(round: Option<Round>) -> Vec<String> {
        round.map_or(Vec::new(), |round| round.tokens.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_hundred_events_are_one_round_and_what_comes_meanwhile_one_more() {
        let mut queue = queue();
        for _ in 0..100 {
            queue.want(Why::Documents, [name("a"), name("b")]);
        }
        assert_eq!(queue.depth(), 2);
        let round = queue.take(at(1)).unwrap();
        assert_eq!(names(Some(round)), ["a", "b"]);
        // The round runs.
        for _ in 0..100 {
            queue.want(Why::Documents, [name("a")]);
        }
        assert_eq!(names(queue.take(at(2))), ["a"]);
        assert_eq!(queue.take(at(3)), None);
    }

    #[test]
    fn a_full_look_comes_in_its_rhythm_and_not_once_for_each_time_missed() {
        let mut queue = queue();
        assert!(!queue.tick(at(3599)));
        assert_eq!(queue.take(at(3599)), None);
        assert!(queue.tick(at(3600)));
        assert_eq!(queue.take(at(3600)).unwrap().why, BTreeSet::from([Why::Resync]));
        assert!(queue.tick(at(10 * 3600)));
        assert!(queue.take(at(10 * 3600)).is_some());
        assert!(!queue.tick(at(10 * 3600)));
        assert_eq!(queue.next(), at(11 * 3600));
    }

    #[test]
    fn a_failing_domain_waits_and_holds_up_nobody() {
        let mut queue = queue();
        let hold = queue.failed(Domain::Connection(Realm::Mdm(name("one"))), at(0), None);
        queue.tick(at(1));
        queue.want(Why::Due, [name("a"), name("c")]);
        assert_eq!(names(queue.take(at(1))), ["c"]);
        assert_eq!(queue.next(), hold.until);
        assert!(!queue.tick(hold.until));
        let round = queue.take(hold.until).unwrap();
        assert_eq!(names(Some(round.clone())), ["a", "b"]);
        assert!(round.why.contains(&Why::BackOff));
        queue.succeeded(&Domain::Connection(Realm::Mdm(name("one"))));
        queue.tick(at(3000));
        assert_eq!(queue.take(at(3000)), None);
    }

    #[test]
    fn a_change_of_documents_does_not_wait_for_a_pause_but_for_what_the_service_asked() {
        let mut queue = queue();
        queue.failed(Domain::Token(name("a")), at(0), None);
        queue.failed(Domain::Token(name("b")), at(0), Some(at(600)));
        queue.want(Why::Documents, [name("a"), name("b")]);
        assert_eq!(names(queue.take(at(1))), ["a"]);
        queue.tick(at(599));
        assert_eq!(names(queue.take(at(599))), ["a"], "its pause ended, the other one's did not");
        queue.tick(at(600));
        assert!(names(queue.take(at(600))).contains(&"b".to_owned()));
    }

    #[test]
    fn what_is_due_is_looked_at_once_and_the_earliest_counts() {
        let mut queue = queue();
        queue.due_at(name("a"), at(100));
        queue.due_at(name("a"), at(50));
        queue.due_at(name("a"), at(70));
        assert_eq!(queue.next(), at(50));
        queue.tick(at(49));
        assert_eq!(queue.take(at(49)), None);
        queue.tick(at(50));
        assert_eq!(queue.take(at(50)).unwrap().why, BTreeSet::from([Why::Due]));
        queue.tick(at(200));
        assert_eq!(queue.take(at(200)), None);
        // A look for another reason sees it too.
        queue.due_at(name("a"), at(300));
        queue.want(Why::Documents, [name("a")]);
        queue.take(at(250));
        queue.tick(at(301));
        assert_eq!(queue.take(at(301)), None);
    }

    #[test]
    fn an_organisation_that_fails_is_left_alone_and_its_tokens_go_on() {
        let mut queue = queue();
        let apple = Realm::Apple(name("apple"));
        queue.learn_organisations(BTreeMap::from([(name("a"), apple.clone()), (name("c"), apple.clone())]));
        let hold = queue.failed(Domain::Connection(apple.clone()), at(0), Some(at(600)));
        queue.want(Why::Due, [name("a")]);
        let round = queue.take(at(1)).unwrap();
        assert_eq!(names(Some(round.clone())), ["a"], "the tenant is looked at all the same");
        assert_eq!(queue.left_alone(&round.why, at(1)), BTreeMap::from([(name("apple"), hold.until)]));
        assert_eq!(queue.left_alone(&BTreeSet::from([Why::Documents]), at(1)).len(), 1, "Apple asked for it");
        // Its end is an event for the tokens that name it.
        queue.tick(hold.until);
        let round = queue.take(hold.until).unwrap();
        assert_eq!(
            (names(Some(round.clone())), round.why),
            (vec!["a".into(), "c".into()], BTreeSet::from([Why::BackOff]))
        );
        assert!(queue.left_alone(&BTreeSet::from([Why::BackOff]), hold.until).is_empty());
        // A pause of our own is no reason against a look that somebody asks for.
        queue.succeeded(&Domain::Connection(apple.clone()));
        queue.failed(Domain::Connection(apple.clone()), at(700), None);
        assert!(queue.left_alone(&BTreeSet::from([Why::Documents]), at(701)).is_empty());
        assert_eq!(queue.left_alone(&BTreeSet::from([Why::Resync]), at(701)).len(), 1);
        queue.learn_organisations(BTreeMap::new());
        assert!(queue.left_alone(&BTreeSet::from([Why::Resync]), at(701)).is_empty());
    }

    #[test]
    fn what_documents_no_longer_name_is_forgotten() {
        let mut queue = queue();
        queue.want(Why::Documents, [name("a"), name("z")]);
        queue.failed(Domain::Connection(Realm::Mdm(name("one"))), at(0), None);
        queue.due_at(name("b"), at(5));
        queue.learn(BTreeMap::from([(name("c"), Realm::Mdm(name("two")))]), HOUR, at(1));
        assert_eq!((queue.depth(), queue.next()), (0, at(3600)));
        // A shorter rhythm holds at once, a longer one from the next time on.
        queue.learn(BTreeMap::from([(name("c"), Realm::Mdm(name("two")))]), HOUR / 2, at(2));
        assert_eq!(queue.resync(), at(1802));
    }

    #[test]
    fn a_round_that_could_not_run_is_not_lost() {
        let mut queue = queue();
        queue.want(Why::Documents, [name("a")]);
        let round = queue.take(at(1)).unwrap();
        queue.put_back(round.clone());
        assert_eq!(queue.take(at(1)), Some(round));
    }
}
