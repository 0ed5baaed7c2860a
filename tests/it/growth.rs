//! How calls grow with the fleet: pages and `$batch`es, never a call per object (G6). Counted, not
//! timed.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::tenants::Tenants;
use crate::support::{SimServer, TestEnv};

/// Tokens that each get every profile and have their share of the serials.
struct Fleet {
    tokens: usize,
    profiles: usize,
    /// Serials of each profile, over all tokens.
    serials: usize,
}

impl Fleet {
    fn write(&self) -> TestEnv {
        let env = TestEnv::with_example("small");
        let kind = |kind: &str, name: &str| {
            format!("---\napiVersion: espalier.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n")
        };
        let mut text = String::new();
        for token in 0..self.tokens {
            text += &kind("EnrollmentToken", &format!("token-{token}"));
            let _ = writeln!(text, "spec:\n  displayName: Token {token}\n  mdm: contoso");
        }
        let names: Vec<String> = (0..self.tokens).map(|token| format!("token-{token}")).collect();
        for profile in 0..self.profiles {
            text += &kind("EnrollmentProfile", &format!("profile-{profile}"));
            let _ = writeln!(
                text,
                "spec:\n  displayName: Profile {profile}\n  tokens: [{}]\n  platform: ios\n  userAffinity: none",
                names.join(", ")
            );
            for token in 0..self.tokens {
                text += &kind("DeviceAssignment", &format!("part-{profile}-{token}"));
                let _ = writeln!(
                    text,
                    "spec:\n  profile: profile-{profile}\n  token: token-{token}\n  devices:\n    serials:"
                );
                for serial in 0..self.serials / self.tokens {
                    let _ = writeln!(text, "      - F{profile:02}{token:03}{serial:06}");
                }
            }
        }
        env.write("grown.yaml", &text);
        for file in ["token.yaml", "profiles.yaml", "assignments.yaml"] {
            env.write(file, "# Not in this fleet.\n");
        }
        env.replace("fleet.yaml", "serials: [DMPZ0PRTCTD1]", "tokens: []");
        env
    }

    fn serve(&self) -> (TestEnv, SimServer) {
        let env = self.write();
        let server = env.serve();
        (env, server)
    }
}

/// How often each operation was called, `$batch` parts as `$batch/…`.
fn calls(server: &SimServer) -> Vec<(String, u64)> {
    let count = |call: &Value| call["count"].as_u64().expect("a count");
    let mut counts = Vec::new();
    for call in server.calls() {
        let name = call["operation"].as_str().expect("a name").to_owned();
        for part in call["parts"].as_array().into_iter().flatten() {
            counts.push((format!("{name}/{}", part["operation"].as_str().expect("a name")), count(part)));
        }
        counts.push((name, count(&call)));
    }
    server.forget_calls();
    counts
}

fn count(calls: &[(String, u64)], end: &str) -> u64 {
    calls.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, count)| count).sum()
}

#[test]
fn g6_reading_takes_one_batch_for_twenty_tokens() {
    // Two lists of each token, the first pages 20 to a batch; a list that is alone is asked plainly.
    for (tokens, batches, plain) in [(1, 0, 2), (20, 2, 0), (21, 2, 2), (45, 6, 0)] {
        let (env, server) = Fleet { tokens, profiles: 1, serials: tokens }.serve();
        env.run(["plan", &server.flag()]).expect(0);
        let made = calls(&server);
        let reads: u64 = made.iter().filter(|(name, _)| !name.contains('/')).map(|(_, count)| count).sum();
        assert_eq!(count(&made, "$batch"), batches, "{tokens} tokens: {made:?}");
        // Signing in, the list of tokens, and the push certificate, since this Fleet says when to warn.
        assert_eq!(reads, 1 + 1 + 1 + batches + plain, "{tokens} tokens: {made:?}");
        drop(server);
        env.finish();
    }
}

#[test]
fn g6_a_list_takes_as_many_calls_as_it_has_pages() {
    // Eight devices that no document names are on every simulated token.
    for (serials, pages) in [(991, 1), (993, 2), (2_500, 3)] {
        let (env, server) = Fleet { tokens: 1, profiles: 1, serials }.serve();
        env.run(["plan", &server.flag()]).expect(0);
        let made = calls(&server);
        assert_eq!(count(&made, "importedAppleDeviceIdentities.get"), pages, "{serials}: {made:?}");
        drop(server);
        env.finish();
    }
}

#[test]
fn g6_applying_takes_the_least_writes_and_a_second_time_none() {
    // Assignments hold 100 serials each and go 20 to a batch; one that is alone goes plainly.
    for (tokens, profiles, serials, assign) in [(1, 2, 250, 1), (1, 1, 90, 1), (21, 1, 21, 2), (45, 1, 45, 3)]
    {
        let (env, server) = Fleet { tokens, profiles, serials }.serve();
        env.run(["apply", "--yes", &server.flag()]).expect(0);
        assert_eq!(server.count("write"), (tokens * profiles + assign) as u64, "{:?}", calls(&server));
        server.forget_calls();
        env.run(["apply", "--yes", &server.flag()]).expect(0);
        assert_eq!(server.count("write"), 0, "{:?}", calls(&server));
        let again = server.count("read");
        server.forget_calls();
        env.run(["plan", &server.flag()]).expect(0);
        assert_eq!(server.count("read"), again, "a second apply reads what a plan reads");
        drop(server);
        env.finish();
    }
}

#[test]
fn g6_reading_grows_with_the_tenants_and_not_faster() {
    // Each tenant: a sign-in, the list of tokens, and two lists of its one token. Writing: a create,
    // and the list that shows it.
    for tenants in [1, 8, 9, 24] {
        let env = TestEnv::new();
        env.write("all.yaml", &Tenants::new(tenants).documents());
        let server = env.serve();
        env.run(["plan", &server.flag()]).expect(0);
        assert_eq!(server.count("read"), 4 * tenants as u64, "{:?}", calls(&server));
        server.forget_calls();
        env.run(["apply", "--yes", &server.flag()]).expect(0);
        assert_eq!(server.count("write"), tenants as u64);
        assert_eq!(server.count("read"), (4 + 1) * tenants as u64, "{:?}", calls(&server));
        server.forget_calls();
        env.run(["plan", "--connection", "tenant-0", &server.flag()]).expect(0);
        assert_eq!(server.count("read"), 4, "whatever the number of the others");
        drop(server);
        env.finish();
    }
}
