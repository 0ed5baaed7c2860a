//! `DeviceAction` documents to [`DeviceAction`]s: what is asked for is read whole, or not at all.

mod options;

pub use options::options_of;

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::Document;
use super::lower::{Context, acknowledge};
use super::serial;
use super::value::{Object, Read};
use super::{apple, assignment};
use crate::diag::{Diagnostic, Severity};
use crate::model::act::{ActContent, Expect};
use crate::model::clock::Timestamp;
use crate::model::desired::{DeviceAction, NamedSerial, Places, SerialSource, Where};
use crate::model::{ActionKind, Class, Place};

/// `expiresAfter` where a document is silent.
pub const EXPIRES_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// The longest `expiresAfter`: what was asked for longer ago has been forgotten.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// How many serials of a document are told one by one.
const MOST_TOLD: usize = 50;

/// Reads a document; nothing where something is refused that belongs to what is asked for.
pub fn lower(document: Document, context: &mut Context) -> Option<DeviceAction> {
    let spec = &document.spec;
    let kind = spec.word("action").set().and_then(|word| ActionKind::from_word(word))?;
    let mut form = Form { kind, spec, places: &document.places, context };
    let options = options::read(&mut form);
    form.in_hand();
    form.accepts();
    form.gives_a_reason();
    let expires = form.expires();
    let devices = spec.object("devices").map(|devices| form.devices(devices));
    let requested_at = match spec.items.get("requestedAt").map(|item| &item.read) {
        Some(Read::Time(time)) => *time,
        _ => return None,
    };
    let Devices { named, selected, expect } = devices?;
    let content = ActContent {
        kind,
        expect,
        requested_at,
        expires: requested_at.checked_add(expires).unwrap_or(Timestamp::MAX),
        reason: spec.text("reason").set().cloned(),
        physically_in_hand: spec.bool("physicallyInHand").set() == Some(&true),
        accept_no_bypass_code: spec.text("acceptNoBypassCode").set().cloned(),
        options: options?,
    };
    Some(DeviceAction {
        name: document.name,
        devices: named,
        selected,
        content,
        acknowledge: acknowledge(spec),
        places: document.places,
    })
}

/// `devices`.
struct Devices {
    named: Vec<NamedSerial>,
    selected: Option<Where>,
    expect: Expect,
}

/// What no table can say: which fields an action takes.
struct Form<'a, 'c> {
    kind: ActionKind,
    spec: &'a Object,
    places: &'a Places,
    context: &'a mut Context<'c>,
}

impl Form<'_, '_> {
    fn refuse(&mut self, code: &'static str, place: &Place, message: String, next: impl Into<String>) {
        self.context.refuse(code, place, message, next);
    }

    fn missing(&mut self, field: &str, message: String) {
        let place = self.places.document.clone();
        self.refuse("missing-field", &place, message, format!("add `{field}: …`"));
    }

    fn in_hand(&mut self) {
        let Some(item) = self.spec.items.get("physicallyInHand").filter(|_| !self.kind.needs_hand()) else {
            return;
        };
        let kind = self.kind;
        let message = format!(
            "`physicallyInHand` stands beside `action: {kind}`, which is not asked whether the device is there"
        );
        let next = format!("remove it; it is of {}", words_of(ActionKind::needs_hand));
        self.refuse("bad-value", &item.place, message, next);
    }

    fn accepts(&mut self) {
        let Some(item) = self.spec.items.get("acceptNoBypassCode").filter(|_| !self.kind.needs_safeguard())
        else {
            return;
        };
        let kind = self.kind;
        let message =
            format!("`acceptNoBypassCode` stands beside `action: {kind}`, which needs no code in escrow");
        let next = format!("remove it; it is of {}", words_of(ActionKind::needs_safeguard));
        self.refuse("bad-value", &item.place, message, next);
    }

    fn gives_a_reason(&mut self) {
        let class = self.kind.class();
        if class >= Class::Disruptive && !self.spec.items.contains_key("reason") {
            let kind = self.kind;
            self.missing(
                "reason",
                format!("`reason` is missing: `{kind}` is of class {class}, and says why"),
            );
        }
    }

    fn expires(&mut self) -> Duration {
        let Some(item) = self.spec.items.get("expiresAfter") else { return EXPIRES_AFTER };
        let Read::Duration(span) = item.read else { return EXPIRES_AFTER };
        if span.is_zero() || span > LONGEST {
            let message = match span.is_zero() {
                true => "`expiresAfter` is nothing: the act would have expired when it is asked for",
                false => "`expiresAfter` is longer than 90 days",
            };
            let next = "write how long it may wait for its device, like 7d, at most 90d";
            self.refuse("bad-value", &item.place, message.to_owned(), next);
            return EXPIRES_AFTER;
        }
        span
    }

    fn devices(&mut self, devices: &Object) -> Devices {
        let named = self.serials(devices);
        if let Some(item) = devices.items.get("where") {
            self.condition(devices, &item.place);
        }
        Devices { named, selected: apple::condition(devices), expect: self.expect(devices) }
    }

    /// Only what nobody feels is done to devices that no one named.
    fn condition(&mut self, devices: &Object, place: &Place) {
        let kind = self.kind;
        if kind.class() > Class::Safe {
            let message = format!(
                "`devices.where` stands beside `action: {kind}` of class {}: only safe actions pick their devices",
                kind.class()
            );
            self.refuse("bad-value", place, message, "name the devices in `devices.serials`");
            return;
        }
        let Some(condition) = devices.object("where") else { return };
        if condition.items.is_empty() {
            let message = "`devices.where` asks for nothing: every device would fit (A-1)";
            let refusal = Diagnostic::by_row("A-1", Severity::Refuse, place.clone(), message);
            self.context.found.push(refusal.next("write a condition, like `orderNumbers: […]`"));
        }
        if condition.bool("unassigned").set() == Some(&false) {
            let place = self.places.at("devices.where.unassigned").clone();
            let message = "`devices.where.unassigned` takes `true` only".to_owned();
            self.refuse("bad-value", &place, message, "leave it out instead");
        }
    }

    fn expect(&mut self, devices: &Object) -> Expect {
        let Some(written) = devices.object("expect") else { return Expect::default() };
        let text = |name| written.text(name).set().cloned();
        let expect = Expect { model: text("model"), user: text("user"), name: text("name") };
        if devices.items.contains_key("where") {
            let message =
                "`devices.expect` stands beside `devices.where`: it guards serial numbers".to_owned();
            self.refuse("bad-value", &written.place, message, "remove it, or name the devices");
        } else if written.items.is_empty() {
            let message = "`devices.expect` expects nothing".to_owned();
            let next = "write `model`, `user` or `name`, or leave it out";
            self.refuse("bad-value", &written.place, message, next);
        }
        expect
    }

    /// `devices.serials`, none twice.
    fn serials(&mut self, devices: &Object) -> Vec<NamedSerial> {
        let written = assignment::serials_of(devices);
        if let Some(item) = devices.items.get("serials")
            && let Read::Serials(serials) = &item.read
            && serials.is_empty()
        {
            let message = "`devices.serials` names no device".to_owned();
            self.refuse("missing-field", &item.place, message, "write serial numbers, like `[C02A00000001]`");
        }
        let mut lines = BTreeMap::new();
        let mut named = Vec::with_capacity(written.len());
        let mut told = 0;
        for (serial, line) in written {
            let device = NamedSerial { serial: *serial, line: *line, source: SerialSource::Document };
            let place = self.places.of_serial(&device);
            let mistake = match lines.insert(*serial, *line) {
                Some(first) => {
                    let message = format!("the serial number {serial} is named twice");
                    let refusal = Diagnostic::new("bad-value", Severity::Refuse, place.clone(), message);
                    let other = Place { line: first, ..place };
                    Some(refusal.next("remove it once").and_at(other))
                }
                None => serial::scanned(serial.as_str()).map(|mistake| {
                    Diagnostic::new("bad-serial", Severity::Refuse, place, mistake.message).next(mistake.next)
                }),
            };
            match mistake {
                None => named.push(device),
                Some(refusal) => {
                    told += 1;
                    if told <= MOST_TOLD {
                        self.context.found.push(refusal);
                    }
                }
            }
        }
        named
    }
}

/// The actions of which something holds, for messages.
fn words_of(holds: impl Fn(ActionKind) -> bool) -> String {
    let words: Vec<String> =
        ActionKind::ALL.into_iter().filter(|kind| holds(*kind)).map(|kind| format!("`{kind}`")).collect();
    words.join(", ")
}
