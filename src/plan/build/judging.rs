//! Rules over live facts and over resulting objects: what stops a token, what only warns, and what
//! stands already.

use super::super::Grandfathered;
use super::Input;
use super::domain::Domain;
use crate::diag::{Diagnostic, Severity};
use crate::diff::overlay;
use crate::model::desired::{Connection, Places, Profile};
use crate::model::live::{Cause, Fact, LiveProfile};
use crate::model::{Address, Fields, ProfileId, Realm, Value};
use crate::rules::{self, Finding, HORIZON, TenantFacts, TokenFacts, VppFacts};

/// Judges what a tenant shows besides its tokens.
pub(super) fn judge_tenant(
    input: &Input<'_>,
    connection: &Realm,
    document: &Connection,
    findings: &mut Vec<Diagnostic>,
) {
    let Some(live) = input.live.tenants.get(connection) else { return };
    let documents = input.desired.tokens_at(connection).count();
    let horizon = input.desired.fleet.expiry_warning.unwrap_or(HORIZON);
    let facts = TenantFacts { live, documents, now: input.now, horizon };
    findings.extend(rules::judge_tenant(&facts).into_iter().map(|finding| told(finding, &document.places)));
    // A tenant of which nothing could be read is told as that.
    if let (Some(Fact::Unknown(unknown)), Fact::Known(_)) = (&live.push_certificate, &live.tokens) {
        let message =
            format!("when the Apple MDM push certificate expires is not known: {} (T-12)", unknown.reason);
        let place = document.places.document.clone();
        findings.push(Diagnostic::by_row("T-12", Severity::Warn, place, message).next(unknown.next.clone()));
    }
}

fn told(finding: Finding, places: &Places) -> Diagnostic {
    let place = finding.fields.first().map_or(&places.document, |field| places.at(field)).clone();
    Diagnostic::by_row(finding.rule, finding.severity, place, finding.message).next(finding.next)
}

impl<'a> Domain<'a> {
    fn horizon(&self) -> std::time::Duration {
        self.input.desired.fleet.expiry_warning.unwrap_or(HORIZON)
    }

    /// Whether the token has expired: what needs Apple cannot be done (T-6).
    pub fn has_expired(&self) -> bool {
        rules::has_expired(self.live.expires, self.input.now)
    }

    /// Judges the live token. What is refused needs Apple; reading and writing at the MDM go on.
    pub fn judge_token(&mut self) {
        let (document, live) = (self.document, self.live);
        let facts = TokenFacts { document, live, now: self.input.now, horizon: self.horizon() };
        for finding in rules::judge_token(&facts) {
            if finding.severity == Severity::Refuse {
                let address = Some(Address::token(self.name));
                self.block(address, Cause::Credentials, Some(finding.rule), finding.message, finding.next);
            } else {
                let told = told(finding, &document.identity.places).for_tokens([self.name.clone()]);
                self.findings.push(told);
            }
        }
        self.note_return();
    }

    /// T-11: a token that an earlier run deleted, and that is not ours again yet.
    fn note_return(&mut self) {
        let Some(deleted) = self.input.ledger.tokens_deleted.get(self.name) else { return };
        let message = format!(
            "a token that was {} until it was deleted on {} is there again as {:?}: its devices may still be assigned to it at Apple (T-11)",
            Address::token(self.name),
            deleted.strftime("%Y-%m-%d"),
            self.live.name
        );
        let place = self.document.identity.places.document.clone();
        self.findings.push(
            Diagnostic::by_row("T-11", Severity::Note, place, message)
                .next("to have it gone, assign its devices to another service at Apple and delete it again; to keep it, take `state: absent` out of the document")
                .for_tokens([self.name.clone()]),
        );
    }

    /// Judges the resulting object of a profile that is there. A violation that stands live already
    /// and that the plan does not touch is grandfathered.
    pub fn judge_resulting(
        &mut self,
        document: &Profile,
        address: &Address,
        live: &LiveProfile,
        wished: &Fields,
        touched: &[&str],
    ) {
        let platform = document.platform;
        let stands = rules::without_empty_prefill(live.fields.clone());
        let already: Vec<(&str, &str)> =
            rules::judge(platform, &stands).iter().map(|finding| (finding.rule, finding.summary)).collect();
        let result = overlay(&stands, wished);
        let (mut standing, mut broken): (Vec<Finding>, Vec<Finding>) = rules::judge(platform, &result)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Refuse)
            .partition(|finding| {
                already.contains(&(finding.rule, finding.summary))
                    && !finding.fields.iter().any(|field| touched.contains(field))
            });
        if touched.contains(&"deviceNameTemplate") {
            broken.extend(self.judge_template(document, &result, &live.id));
        }
        self.judge(document, address, broken);
        self.grandfathered.extend(standing.drain(..).map(|finding| Grandfathered {
            rule: finding.rule.to_owned(),
            address: address.clone(),
            message: finding.message,
            acknowledged: false,
        }));
    }

    /// P-22: a changed template reaches every device that has the profile at its next check-in.
    fn judge_template(&self, document: &Profile, result: &Fields, id: &ProfileId) -> Option<Finding> {
        if !rules::at_its_longest(result) {
            return None;
        }
        let have = |device: &&_| self.devices.profile_of(device) == Some(id);
        let longest = self.devices.iter().filter(have).max_by_key(|device| device.serial.as_str().len())?;
        rules::judge_template(document.platform, result, longest.serial.as_str())
    }

    /// Refusals about a resulting object stop the token. Warnings and notes over documents are
    /// findings of their own; what only the live side brings in is nobody's wish.
    pub fn judge(&mut self, document: &Profile, address: &Address, findings: Vec<Finding>) {
        for finding in findings.into_iter().filter(|finding| finding.severity == Severity::Refuse) {
            let field = finding.fields.first().copied().unwrap_or("metadata.name");
            let place = document.identity.places.at(field).clone();
            self.refused = true;
            let reason = format!("{place}: {address} would be refused: {}", finding.message);
            self.block(None, Cause::Manifest, Some(finding.rule), reason, finding.next);
        }
    }

    /// Judges the VPP token that a document names, where the tenant has one of that name. `live` is
    /// the profile as it is; none for a create.
    pub fn judge_vpp(
        &mut self,
        document: &Profile,
        address: &Address,
        wished: &Fields,
        live: Option<&Fields>,
    ) {
        const FIELD: &str = "companyPortal.vppToken";
        let Some(name) = wished.get(FIELD).and_then(Value::as_text) else { return };
        let Some(known) = self.tenant.vpp_tokens.as_ref().and_then(Fact::known) else { return };
        // One that is not there, or there twice, blocks where it is resolved.
        let found = known.named(name, |_| true).unwrap_or_default();
        let [vpp] = found.as_slice() else { return };
        let is_new = live.is_none_or(|live| live.get(FIELD).and_then(Value::as_text) != Some(name));
        let facts = VppFacts { live: vpp, is_new, now: self.input.now, horizon: self.horizon() };
        let (broken, warned): (Vec<Finding>, Vec<Finding>) =
            rules::judge_vpp(&facts).into_iter().partition(|finding| finding.severity == Severity::Refuse);
        for finding in warned {
            let told = told(finding, &document.identity.places).for_tokens([self.name.clone()]);
            self.findings.push(told);
        }
        self.judge(document, address, broken);
    }

    /// P-21: a certificate that has expired is refused where it would be newly uploaded; one that
    /// stands live already only warns.
    pub fn refuse_expired(&mut self, document: &Profile, address: &Address, live: &Fields) {
        let Some(pairing) = document.settings.pairing.set() else { return };
        let Some(certificates) = pairing.certificates.set() else { return };
        let there: &[String] = match live.get("pairing.certificates") {
            Some(Value::List(all)) => all,
            _ => &[],
        };
        let expired: Vec<_> = certificates
            .iter()
            .filter(|one| one.not_after < self.input.now && !there.contains(&one.der_base64))
            .collect();
        for one in expired {
            self.refused = true;
            let place = document.identity.places.at("pairing.certificates");
            let reason = format!(
                "{place}: {address} would upload {}, which expired at {} (P-21)",
                one.file.display(),
                one.not_after
            );
            self.block(
                None,
                Cause::Manifest,
                Some("P-21"),
                reason,
                "name a certificate that is valid".to_owned(),
            );
        }
    }
}
