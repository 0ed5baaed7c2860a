//! What a profile has to be before it is defined, with the code for each lack.
//!
//! Lengths are in characters, that of a URL after encoding. An unknown member is left aside, an
//! unknown pane is kept: whether Apple refuses either is unverified.

use serde_json::{Map, Value};

use super::reply::Refusal;
use crate::sim::apple::BOOLEANS;

/// A text that may be absent, but not empty or longer than this.
const TEXTS: [(&str, usize, &str); 4] = [
    ("department", 125, "DEPARTMENT_INVALID"),
    ("support_phone_number", 50, "SUPPORT_PHONE_INVALID"),
    ("support_email_address", 250, "SUPPORT_EMAIL_INVALID"),
    ("org_magic", 256, "MAGIC_INVALID"),
];
/// Texts without a rule of length.
const FREE_TEXTS: [&str; 3] = ["configuration_web_url", "language", "region"];
const LISTS: [&str; 3] = ["anchor_certs", "supervising_host_certs", "skip_setup_items"];

/// ISO 639-1.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv \
    cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id \
    ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh \
    mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa \
    sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve \
    vi vo wa wo xh yi yo za zh zu";
/// ISO 3166-1.
const REGIONS: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE \
    IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC \
    MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE \
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT \
    ZA ZM ZW";

/// Judges a profile. Returns the members that are kept, and the devices to give it to.
///
/// # Errors
/// The first code of the reference's table that applies.
pub(super) fn profile(sent: Map<String, Value>) -> Result<(Map<String, Value>, Vec<String>), Refusal> {
    let mut kept = Map::new();
    let mut serials = Vec::new();
    for (name, value) in sent {
        let known = name.as_str();
        if value.is_null() {
            continue;
        }
        if known == "devices" {
            serials = serde_json::from_value(value).map_err(|_| Refusal::malformed())?;
            continue;
        }
        let is_text = ["profile_name", "url"].contains(&known)
            || TEXTS.iter().any(|(text, _, _)| *text == known)
            || FREE_TEXTS.contains(&known);
        let fits = match &value {
            Value::String(_) if is_text => true,
            Value::Bool(_) => BOOLEANS.iter().any(|(boolean, _)| *boolean == known),
            Value::Array(items) if LISTS.contains(&known) => items.iter().all(Value::is_string),
            _ => false,
        };
        let is_known =
            is_text || LISTS.contains(&known) || BOOLEANS.iter().any(|(boolean, _)| *boolean == known);
        if fits {
            kept.insert(name, value);
        } else if is_known {
            return Err(Refusal::malformed());
        }
    }
    judge(&kept)?;
    Ok((kept, serials))
}

fn judge(profile: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |name: &str| profile.get(name).and_then(Value::as_str);
    let name = text("profile_name").ok_or(Refusal::bad("CONFIG_NAME_REQUIRED"))?;
    if !(1..=125).contains(&name.chars().count()) {
        return Err(Refusal::bad("CONFIG_NAME_INVALID"));
    }
    let url = text("url").ok_or(Refusal::bad("CONFIG_URL_REQUIRED"))?;
    if !is_url(url) || encoded_length(url) > 2000 {
        return Err(Refusal::bad("CONFIG_URL_INVALID"));
    }
    for (name, most, code) in TEXTS {
        if text(name).is_some_and(|text| !(1..=most).contains(&text.chars().count())) {
            return Err(Refusal::bad(code));
        }
    }
    let flag = |name: &str| profile.get(name).and_then(Value::as_bool);
    if flag("is_mdm_removable") == Some(false) && flag("is_supervised") != Some(true) {
        return Err(Refusal::bad("FLAGS_INVALID"));
    }
    let language = |code: &str| match code.len() {
        2 => LANGUAGES.split(' ').any(|known| known == code),
        3 => code.bytes().all(|byte| byte.is_ascii_lowercase()),
        _ => false,
    };
    let region = |code: &str| REGIONS.split(' ').any(|known| known == code);
    if !text("language").is_none_or(language) || !text("region").is_none_or(region) {
        return Err(Refusal::bad("LOCALE_INVALID"));
    }
    Ok(())
}

/// Whether the text is a URL as RFC 2396 with RFC 2732 has it, with a host. What needs encoding may
/// come unencoded if it is no ASCII.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let mut letters = scheme.chars();
    let scheme_is_good = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host_is_good = match host.strip_prefix('[') {
        Some(literal) => literal.contains(']'),
        None => !host.is_empty() && !host.starts_with(':') && !host.contains(['[', ']']),
    };
    let forbidden = |letter: char| letter.is_ascii_control() || " <>\"{}|\\^`".contains(letter);
    let escapes_are_good = rest.match_indices('%').all(|(at, _)| {
        let digits = rest.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    scheme_is_good
        && host_is_good
        && escapes_are_good
        && !rest.contains(forbidden)
        && !path.contains(['[', ']'])
}

/// How long a URL is once everything that is no ASCII is encoded.
fn encoded_length(url: &str) -> usize {
    url.bytes().map(|byte| if byte.is_ascii() { 1 } else { 3 }).sum()
}
