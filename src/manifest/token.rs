//! `EnrollmentToken` documents to [`Token`]: what an MDM's token and what a direct one can say.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::lower::{Context, identity};
use super::source::BesideError;
use super::value::{self, Item, Object, Read};
use super::{apple, certificate};
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::{DefaultProfiles, DirectToken, Identity, Prune, ServerTokenSource, Token};
use crate::model::{Name, Place, Realm};

const DEFAULTS: &str = "defaultProfiles";
const ACCOUNT_DRIVEN: &str = "accountDrivenEnrollmentUrl";

/// The defaults that an MDM holds too.
const DEFAULTS_OF_MDM: [&str; 2] = ["ios", "macos"];

/// Fields of an MDM's token, each with its row and why a direct token cannot say it.
const OF_MDM: [(&str, &str, &str); 2] = [
    ("scopeTags", "T-5", "Apple's enrollment service has no scope tags"),
    ("consentToShareData", "T-3", "espalier uploads no token there: it holds the token itself"),
];

/// Lowers a token; `None` where it is not known who holds it.
pub fn lower(mut document: Document, context: &mut Context) -> Option<Token> {
    let mut identity = identity(&mut document);
    let spec = &document.spec;
    let (realm, direct) = match spec.object("direct") {
        Some(direct) => {
            let direct = held(&document.name, direct, context)?;
            own_limits(&document.name, spec, &mut identity, context);
            (Realm::Direct(document.name.clone()), Some(direct))
        }
        None => {
            let connection = spec.name("mdm").set().cloned()?;
            limits_of_mdm(&document.name, spec, context);
            (Realm::Mdm(connection), None)
        }
    };
    Some(Token {
        realm,
        direct,
        scope_tags: spec.text_list("scopeTags").map(|mut tags| {
            tags.sort();
            tags.dedup();
            tags
        }),
        apple_id: spec.text("appleId"),
        consent_to_share_data: spec.bool("consentToShareData"),
        apple: spec.object("apple").and_then(apple::service),
        default_for: apple::families(spec, "defaultFor").map(|mut families| {
            families.sort();
            families.dedup();
            families
        }),
        defaults: spec.object(DEFAULTS).map(defaults).unwrap_or_default(),
        values: spec.texts("values").unwrap_or_default(),
        account_driven_url: spec.field(ACCOUNT_DRIVEN, |read| match read {
            Read::Url(url) => Some(url.clone()),
            _ => None,
        }),
        prune: match spec.word("prune").set() {
            Some(&"created") => Prune::Created,
            Some(&"all") => Prune::All,
            _ => Prune::Never,
        },
        identity,
    })
}

fn defaults(profiles: &Object) -> DefaultProfiles {
    let of = |field| profiles.name(field);
    DefaultProfiles {
        ios: of("ios"),
        macos: of("macos"),
        tvos: of("tvos"),
        visionos: of("visionos"),
        iphone: of("iphone"),
        ipad: of("ipad"),
        mac: of("mac"),
        apple_tv: of("appleTv"),
        vision: of("vision"),
    }
}

/// What stops this token alone.
fn refuse(
    row: &'static str,
    place: &Place,
    message: String,
    next: &str,
    token: &Name,
    context: &mut Context,
) {
    let diagnostic = Diagnostic::by_row(row, Severity::Refuse, place.clone(), format!("{message} ({row})"));
    context.found.push(diagnostic.next(next).for_tokens([token.clone()]));
}

/// What a token of an MDM cannot say.
fn limits_of_mdm(name: &Name, spec: &Object, context: &mut Context) {
    if let Some(item) = spec.items.get(ACCOUNT_DRIVEN) {
        let message = format!(
            "`{ACCOUNT_DRIVEN}` is set at Apple's enrollment service by the holder of the token, which is an MDM here"
        );
        context.refuse("bad-value", &item.place, message, "remove it, and set it there");
    }
    for (field, item) in spec.object(DEFAULTS).into_iter().flat_map(|defaults| &defaults.items) {
        let path = format!("{DEFAULTS}.{field}");
        if !DEFAULTS_OF_MDM.contains(field) {
            let message = format!(
                "`{path}` is a default of direct tokens; an MDM has one for iPhone and iPad together, and one for Mac"
            );
            let next = "write `ios` or `macos`, or remove it";
            refuse("P-30", &item.place, message, next, name, context);
        } else if matches!(item.read, Read::Null) {
            let message = format!(
                "`{path}` cannot be null: the service can replace a default profile, but not unset it (P-30)"
            );
            context.refuse("bad-value", &item.place, message, "write a value, or leave the field out");
        }
    }
}

/// What a direct token cannot say; spells its `id` as Apple does.
fn own_limits(name: &Name, spec: &Object, identity: &mut Identity, context: &mut Context) {
    for (field, row, why) in OF_MDM {
        if let Some(item) = spec.items.get(field) {
            let message = format!("`{field}` is a field of tokens that an MDM holds: {why}");
            refuse(row, &item.place, message, &format!("remove `{field}`"), name, context);
        }
    }
    let Some(written) = identity.id.take() else { return };
    identity.id = value::server_uuid(&written);
    if identity.id.is_none() {
        let place = identity.places.at("id").clone();
        let message =
            "`id` of a direct token is the UUID of its server at Apple, and this is none".to_owned();
        let next = "write the 32 hex digits that `espalier token import` and `espalier token renew` show, with or without hyphens";
        context.refuse("bad-value", &place, message, next);
    }
}

/// `direct`; `None` where a part of it was refused.
fn held(name: &Name, direct: &Object, context: &mut Context) -> Option<DirectToken> {
    let private_key = match direct.items.get("privateKey") {
        Some(Item { read: Read::Secret(secret), place }) => context.secret(secret.clone(), place),
        _ => None,
    };
    let certificate = path_of(direct.items.get("certificate"), context);
    if let Some((written, _, place)) = &certificate {
        judge_certificate(name, written, place, context);
    }
    let server_token = match direct.items.get("serverToken") {
        Some(Item { read: Read::Secret(secret), place }) => {
            context.secret(secret.clone(), place).map(ServerTokenSource::Secret)
        }
        item => path_of(item, context).map(|(written, within, place)| {
            judge_server_token(name, &written, &place, context);
            ServerTokenSource::File(within)
        }),
    };
    Some(DirectToken { private_key: private_key?, certificate: certificate?.1, server_token: server_token? })
}

/// A path as written, the same relative to the folder, and where it stands.
fn path_of(item: Option<&Item>, context: &mut Context) -> Option<(PathBuf, PathBuf, Place)> {
    let Item { read: Read::Text(written), place } = item? else { return None };
    let written = PathBuf::from(written);
    let within = context.located(&written, place)?;
    Some((written, within, place.clone()))
}

fn judge_certificate(name: &Name, path: &Path, place: &Place, context: &mut Context) {
    match context.source.read(&place.file, path, context.allow) {
        Ok((_, bytes)) => {
            if let Err(why) = certificate::of_token(path, &bytes) {
                let message = format!("{} cannot be the certificate of a token: {why}", path.display());
                let next = format!("`espalier token keygen {name}` makes a key and its certificate");
                refuse("T-1", place, message, &next, name, context);
            }
        }
        Err(BesideError::NotFound) => {
            let next = format!(
                "`espalier token keygen {name}` makes the key and this certificate, to be uploaded to Apple"
            );
            not_yet(format!("there is no certificate {} yet", path.display()), &next, place, name, context);
        }
        Err(error) => context.unreadable(place, path, &error),
    }
}

fn judge_server_token(name: &Name, path: &Path, place: &Place, context: &mut Context) {
    match context.source.read(&place.file, path, context.allow) {
        Ok(_) => {}
        Err(BesideError::NotFound) => {
            let next = format!(
                "upload the certificate of `espalier token keygen {name}` to Apple, and take up what it gives with `espalier token import {name} FILE.p7m`"
            );
            not_yet(format!("there is no server token {} yet", path.display()), &next, place, name, context);
        }
        Err(error) => context.unreadable(place, path, &error),
    }
}

/// What a token still waits for: made by commands that read the folder, so that it stops nothing.
fn not_yet(message: String, next: &str, place: &Place, token: &Name, context: &mut Context) {
    context.found.push(
        Diagnostic::by_row("T-1", Severity::Warn, place.clone(), format!("{message} (T-1)"))
            .next(next)
            .for_tokens([token.clone()]),
    );
}
