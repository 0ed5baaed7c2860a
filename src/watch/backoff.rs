//! How long a domain that failed is left alone. PURE: failures and instants in, instants out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::clock::{Timestamp, after};
use crate::model::{Name, Realm};

/// How pauses grow: doubled with each failure, up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The pause after the first failure, before jitter.
    pub first: Duration,
    /// The longest pause, before jitter.
    pub most: Duration,
}

/// For a service that fails.
pub const OF_DOMAINS: Growth = Growth { first: Duration::from_secs(15), most: Duration::from_secs(15 * 60) };

/// For a lock that another run holds, and for a ledger that cannot be used just now.
pub const OF_LEDGER: Growth = Growth { first: Duration::from_secs(1), most: Duration::from_secs(60) };

impl Growth {
    /// The pause after so many failures in a row, from 1: between half and the whole of its step, so
    /// that many which failed together do not come back together. Equal salts give equal pauses.
    pub fn pause(self, failures: u32, salt: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let step = self.first.saturating_mul(1 << doublings).min(self.most);
        let spread = scramble(salt.wrapping_add(u64::from(failures))) % 1000;
        step / 2 + (step / 2).mul_f64(spread as f64 / 1000.0)
    }
}

/// SplitMix64's finalizer: neighbouring salts give unrelated numbers.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What fails, and is left alone, as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A service, with all its tokens.
    Connection(Realm),
    /// One token.
    Token(Name),
}

impl Domain {
    fn salt(&self, seed: u64) -> u64 {
        let (kind, name) = match self {
            Domain::Connection(realm) => (1, realm.to_string()),
            Domain::Token(name) => (2, name.to_string()),
        };
        name.bytes().fold(seed ^ kind, |salt, byte| scramble(salt ^ u64::from(byte)))
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Domain::Connection(realm) => f.write_str(&realm.document()),
            Domain::Token(name) => write!(f, "EnrollmentToken/{name}"),
        }
    }
}

/// How a domain is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Failures in a row.
    pub failures: u32,
    /// When it is tried again.
    pub until: Timestamp,
    /// The service asked for patience until then; nothing shortens that.
    pub asked: Option<Timestamp>,
}

/// The domains that failed last time.
#[derive(Clone, Debug)]
pub struct Holds {
    seed: u64,
    held: BTreeMap<Domain, Hold>,
}

impl Holds {
    /// None yet. `seed` spreads the pauses of several daemons.
    pub fn new(seed: u64) -> Self {
        Self { seed, held: BTreeMap::new() }
    }

    /// A domain failed at `now`; the service asked for patience until `asked`, if it did.
    pub fn failed(&mut self, domain: Domain, now: Timestamp, asked: Option<Timestamp>) -> Hold {
        let failures = self.held.get(&domain).map_or(0, |hold| hold.failures).saturating_add(1);
        let asked = asked.filter(|asked| *asked > now);
        let own = after(now, OF_DOMAINS.pause(failures, domain.salt(self.seed)));
        let hold = Hold { failures, until: asked.map_or(own, |asked| asked.max(own)), asked };
        self.held.insert(domain, hold);
        hold
    }

    /// A domain did well: the next failure is its first.
    pub fn succeeded(&mut self, domain: &Domain) {
        self.held.remove(domain);
    }

    /// Whether, and how, a domain is held.
    pub fn of(&self, domain: &Domain) -> Option<&Hold> {
        self.held.get(domain)
    }

    /// All that are held.
    pub fn iter(&self) -> impl Iterator<Item = (&Domain, &Hold)> {
        self.held.iter()
    }

    /// Forgets domains that no document names any more.
    pub fn retain(&mut self, is_there: impl Fn(&Domain) -> bool) {
        self.held.retain(|domain, _| is_there(domain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn token(name: &str) -> Domain {
        Domain::Token(Name::new(name).unwrap())
    }

    #[test]
    fn pauses_grow_to_a_cap_and_are_spread() {
        for salt in 0..50 {
            let pauses: Vec<Duration> = (1..12).map(|failures| OF_DOMAINS.pause(failures, salt)).collect();
            assert!(pauses[0] >= OF_DOMAINS.first / 2 && pauses[0] <= OF_DOMAINS.first, "{pauses:?}");
            assert!(pauses[4] > pauses[0] * 4, "{pauses:?}");
            assert!(pauses.iter().all(|pause| *pause <= OF_DOMAINS.most), "{pauses:?}");
            assert!(pauses[10] >= OF_DOMAINS.most / 2, "{pauses:?}");
        }
        assert_ne!(OF_DOMAINS.pause(3, 1), OF_DOMAINS.pause(3, 2));
        assert_eq!(OF_DOMAINS.pause(3, 1), OF_DOMAINS.pause(3, 1));
        assert!(OF_DOMAINS.pause(u32::MAX, 1) <= OF_DOMAINS.most);
    }

    #[test]
    fn what_the_service_asks_for_is_never_shortened_and_never_shortens() {
        let mut holds = Holds::new(7);
        let long = holds.failed(token("a"), at(0), Some(at(900)));
        assert_eq!((long.until, long.asked), (at(900), Some(at(900))));
        let short = holds.failed(token("b"), at(0), Some(at(1)));
        assert!(short.until >= at(7), "its own pause is longer: {short:?}");
        let past = holds.failed(token("c"), at(100), Some(at(50)));
        assert_eq!(past.asked, None);
    }

    #[test]
    fn a_success_begins_anew_and_domains_do_not_share_their_failures() {
        let mut holds = Holds::new(7);
        for failures in 1..=5 {
            assert_eq!(holds.failed(token("a"), at(0), None).failures, failures);
        }
        assert_eq!(holds.failed(token("b"), at(0), None).failures, 1);
        holds.succeeded(&token("a"));
        assert_eq!(holds.of(&token("a")), None);
        assert_eq!(holds.failed(token("a"), at(0), None).failures, 1);
        let connection = Domain::Connection(Realm::Mdm(Name::new("a").unwrap()));
        assert_ne!(connection.salt(7), token("a").salt(7), "a name of two kinds is two domains");
    }
}
