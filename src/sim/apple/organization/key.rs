//! Keys of API accounts: P-256, private halves derived from the world's seed and never kept.

use std::fmt;

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::sha::{sha256, sha512};
use serde::{Deserialize, Serialize};

use super::{ApiAccount, Edition, Organization};

/// What a rehearsal needs to sign in to the API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The organization's name.
    pub organization: String,
    /// Which API it is for.
    pub edition: Edition,
    /// The client id.
    pub client_id: String,
    /// The key id.
    pub key_id: String,
    /// The private key in PEM (PKCS #8).
    pub private_key: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("organization", &self.organization)
            .field("client_id", &self.client_id)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl ApiKey {
    /// The key of an account; `None` where the account's key was given from outside.
    pub(super) fn of(seed: u64, organization: &Organization, account: &ApiAccount) -> Option<Self> {
        if account.public_key.is_some() {
            return None;
        }
        let key = derive(seed, account).and_then(PKey::from_ec_key).ok()?;
        Some(Self {
            organization: organization.name.clone(),
            edition: organization.edition,
            client_id: account.client_id.clone(),
            key_id: account.key_id.clone(),
            private_key: String::from_utf8(key.private_key_to_pem_pkcs8().ok()?).ok()?,
        })
    }
}

impl ApiAccount {
    /// Whether `signature`, the 64 bytes of R and S, is this account's over the text.
    pub fn verifies(&self, seed: u64, text: &[u8], signature: &[u8]) -> bool {
        if signature.len() != 64 {
            return false;
        }
        let (r, s) = signature.split_at(32);
        let judged = || -> Result<bool, ErrorStack> {
            let key = self.public_key(seed)?;
            let signature =
                EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
            signature.verify(&sha256(text), &key)
        };
        judged().unwrap_or(false)
    }

    fn public_key(&self, seed: u64) -> Result<EcKey<Public>, ErrorStack> {
        match &self.public_key {
            Some(pem) => PKey::public_key_from_pem(pem.as_bytes())?.ec_key(),
            None => {
                let private = derive(seed, self)?;
                EcKey::from_public_key(private.group(), private.public_key())
            }
        }
    }
}

/// The public half of a key in PEM, public or private, in PEM; `None` for a text that is no key of
/// the curve P-256.
pub fn public_half(pem: &str) -> Option<String> {
    let public = PKey::public_key_from_pem(pem.as_bytes()).ok().or_else(|| {
        let private = PKey::private_key_from_pem(pem.as_bytes()).ok()?;
        PKey::public_key_from_der(&private.public_key_to_der().ok()?).ok()
    })?;
    let curve = public.ec_key().ok()?.group().curve_name();
    (curve == Some(Nid::X9_62_PRIME256V1))
        .then(|| String::from_utf8(public.public_key_to_pem().ok()?).ok())
        .flatten()
}

/// The key that follows from the world's seed and the account's two ids.
fn derive(seed: u64, account: &ApiAccount) -> Result<EcKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    group.order(&mut order, &mut context)?;
    order.sub_word(1)?;
    let path = format!("espalier-sim/{seed}/api-account/{}/{}", account.client_id, account.key_id);
    let chance = BigNum::from_slice(&sha512(path.as_bytes()))?;
    // From 1 to the order without one.
    let mut secret = BigNum::new()?;
    secret.nnmod(&chance, &order, &mut context)?;
    secret.add_word(1)?;
    let mut point = EcPoint::new(&group)?;
    point.mul_generator2(&group, &secret, &mut context)?;
    EcKey::from_private_components(&group, &secret, &point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_key_is_the_same_in_every_run_and_its_own_for_every_account() {
        let account = |client_id: &str| ApiAccount {
            client_id: client_id.to_owned(),
            key_id: "k".to_owned(),
            public_key: None,
            revoked: false,
            reads: Default::default(),
            writes: Default::default(),
            sign_ins: Default::default(),
        };
        let pem = |seed, client_id: &str| {
            let key = PKey::from_ec_key(derive(seed, &account(client_id)).unwrap()).unwrap();
            key.ec_key().unwrap().check_key().unwrap();
            String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
        };
        assert_eq!(pem(1, "a"), pem(1, "a"));
        assert_ne!(pem(1, "a"), pem(1, "b"));
        assert_ne!(pem(1, "a"), pem(2, "a"));
        assert!(public_half(&pem(1, "a")).unwrap().contains("PUBLIC KEY"));
        assert_eq!(public_half("no key"), None);
    }
}
