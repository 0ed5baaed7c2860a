//! A service provider's fleet: one baseline over many tenants, each with one token.

use std::fmt::Write as _;

use espalier::model::Serial;
use espalier::sim::{Seed, SeedTenant, SeedToken, World};

/// Tenant `at` has the connection `tenant-at`, the token `token-at` (`Token at` in the portal) with
/// the labels `baseline: yes` and `region: north` (even) or `south` (odd), and one device.
#[derive(Clone, Debug)]
pub struct Tenants {
    /// How many there are.
    pub count: usize,
    /// More of the `spec` of the profile `kiosk`.
    pub profile: String,
    /// More of the `spec` of the first connection.
    pub first_connection: String,
    /// Whether each device gets the profile.
    pub assigned: bool,
}

impl Tenants {
    /// So many, with a profile that says nothing special and no assignments.
    pub fn new(count: usize) -> Self {
        Self { count, profile: String::new(), first_connection: String::new(), assigned: false }
    }

    /// The id of a tenant.
    pub fn tenant(at: usize) -> String {
        format!("{at:08}-0c3e-4f7b-b8a4-2e9d5c7f1a36")
    }

    /// The id of a token.
    pub fn token(at: usize) -> String {
        format!("aaaaaaaa-0000-4000-8000-{at:012}")
    }

    /// The serial of a token's device.
    pub fn serial(at: usize) -> Serial {
        Serial::new(&format!("DMPK{at:03}ALMF5")).expect("a serial")
    }

    /// All documents in one text.
    pub fn documents(&self) -> String {
        let mut text = "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: provider}
spec:
  ledger: {id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {path: .espalier/ledger.db}}
"
        .to_owned();
        let mut document = |kind: &str, name: &str, labels: &str, spec: &str| {
            let _ = write!(
                text,
                "---\napiVersion: espalier.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, labels: {{{labels}}}}}\nspec:\n{spec}"
            );
        };
        for at in 0..self.count {
            let tenant = Self::tenant(at);
            let more = if at == 0 { self.first_connection.as_str() } else { "" };
            document(
                "Connection",
                &format!("tenant-{at}"),
                "",
                &format!(
                    "  intune: {{tenantId: {tenant}, clientId: {tenant}, credential: {{clientSecret: {{env: S}}}}}}\n{more}"
                ),
            );
            let region = if at % 2 == 0 { "north" } else { "south" };
            document(
                "EnrollmentToken",
                &format!("token-{at}"),
                &format!("baseline: \"yes\", region: {region}"),
                &format!(
                    "  displayName: Token {at}\n  mdm: tenant-{at}\n  prune: all\n  values: {{site: Site {at}}}\n"
                ),
            );
            if self.assigned {
                document(
                    "DeviceAssignment",
                    &format!("give-{at}"),
                    "",
                    &format!(
                        "  token: token-{at}\n  profile: kiosk\n  devices: {{serials: [{}]}}\n",
                        Self::serial(at)
                    ),
                );
            }
        }
        document(
            "EnrollmentProfile",
            "kiosk",
            "",
            &format!(
                "  displayName: Kiosk\n  tokens: {{matchLabels: {{baseline: \"yes\"}}}}\n  platform: ios\n  userAffinity: none\n  deviceNameTemplate: ${{site}} {{{{SERIAL}}}}\n{}",
                self.profile
            ),
        );
        text
    }

    /// The tenants before anything was applied.
    pub fn world(&self) -> World {
        let tenant = |at: usize| SeedTenant {
            tenant_id: Self::tenant(at),
            tokens: vec![SeedToken {
                name: format!("Token {at}"),
                id: Some(Self::token(at)),
                serials: vec![Self::serial(at)],
                ..SeedToken::default()
            }],
            ..SeedTenant::default()
        };
        World::from_seed(&Seed {
            seed: 7,
            start: "2026-11-02T08:00:00Z".parse().expect("an instant"),
            surroundings: false,
            services: Vec::new(),
            tenants: (0..self.count).map(tenant).collect(),
            ..Seed::default()
        })
    }
}
