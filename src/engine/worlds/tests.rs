use super::*;

#[test]
fn a_world_has_what_the_documents_name() {
    let documents = "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: fleet}
spec:
  ledger: {id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {path: ledger.db}}
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: tenant}
spec:
  intune: {tenantId: contoso.example, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {clientSecret: {env: SECRET}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: main}
spec: {mdm: tenant, scopeTags: [Default, Berlin], appleId: ade@contoso.example}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: phones}
spec:
  tokens: [main]
  platform: ios
  userAffinity: user
  authentication: companyPortal
  companyPortal: {vppToken: Field apps}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: tablets}
spec:
  tokens: [main]
  platform: ios
  userAffinity: user
  authentication: companyPortal
  companyPortal: {vppToken: Field apps}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: macs}
spec: {tokens: [main], platform: macos, userAffinity: none}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {name: phones}
spec: {profile: phones, devices: {serials: [C02AAAA1]}}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {name: macs}
spec: {profile: macs, devices: {serials: [C02BBBB2]}}
";
    let loaded = crate::manifest::load_text(&[("all.yaml", documents)]);
    assert!(!loaded.diagnostics.refuse(), "{:?}", loaded.diagnostics);
    let seed = seed(&loaded.desired);
    let tenant = &seed.tenants[0];
    assert_eq!(tenant.scope_tags, ["Berlin"]);
    let names: Vec<&str> = tenant.vpp_tokens.iter().map(|token| token.name.as_str()).collect();
    assert_eq!(names, ["Field apps"], "once, however many profiles name it");
    let platforms: Vec<(&str, SimPlatform)> =
        tenant.tokens[0].platforms.iter().map(|(serial, platform)| (serial.as_str(), *platform)).collect();
    assert_eq!(platforms, [("C02BBBB2", SimPlatform::MacOs)]);
    let world = World::from_seed(&seed);
    let serials = |platform: SimPlatform| {
        let devices = world.tenants[0].tokens[0].devices.iter();
        devices
            .filter(|device| device.platform == platform)
            .map(|device| device.serial.to_string())
            .collect::<Vec<_>>()
    };
    assert!(serials(SimPlatform::MacOs).contains(&"C02BBBB2".to_owned()));
    assert!(serials(SimPlatform::Ios).contains(&"C02AAAA1".to_owned()));
    assert!(world.tenants[0].push_certificate.is_some());
    assert_eq!(world.tenants[0].tokens[0].apple_identifier, "ade@contoso.example");
}
