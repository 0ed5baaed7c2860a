//! What no table can say of a `DeviceAssignment`: which of its fields go together.

use super::super::document::Document;
use super::super::lower::Context;
use super::super::value::{Object, Read};
use crate::diag::{Diagnostic, Severity};
use crate::model::Place;

/// What devices that belong to no service cannot have.
const NOT_BESIDE_UNASSIGN: [(&str, &str); 3] = [
    ("profile", "a device of no service has no profile"),
    ("profiles", "a device of no service has no profile"),
    ("moveBy", "a deadline is for devices that get another service"),
];

/// Judges one document.
pub fn check(document: &Document, devices: &Object, context: &mut Context) {
    let mut form = Form { document, spec: &document.spec, devices, context };
    form.names_devices();
    form.takes_true();
    form.unassigns();
    form.names_profiles();
    form.moves();
}

/// Whether a column of the CSV names profiles.
pub fn by_column(devices: &Object) -> bool {
    devices.object("csv").is_some_and(|csv| csv.items.contains_key("profileColumn"))
}

struct Form<'a, 'c> {
    document: &'a Document,
    spec: &'a Object,
    devices: &'a Object,
    context: &'a mut Context<'c>,
}

impl Form<'_, '_> {
    fn has(&self, field: &str) -> bool {
        self.spec.items.contains_key(field)
    }

    fn by_row(&mut self, row: &'static str, place: &Place, message: &str, next: &str) {
        let diagnostic =
            Diagnostic::by_row(row, Severity::Refuse, place.clone(), format!("{message} ({row})"));
        self.context.found.push(diagnostic.next(next));
    }

    fn names_devices(&mut self) {
        let ways = ["serials", "csv", "where"];
        if !ways.iter().any(|way| self.devices.items.contains_key(way)) {
            let message = "`devices` names no devices".to_owned();
            let next = "add `serials: […]`, `csv: {file, column}` or `where: {…}`";
            self.context.refuse("missing-field", &self.devices.place, message, next);
        }
        let Some(condition) = self.devices.object("where") else { return };
        if condition.items.is_empty() {
            let message = "`devices.where` asks for nothing: every device would fit";
            self.by_row("A-1", &condition.place, message, "write a condition, like `orderNumbers: […]`");
        }
        if condition.items.contains_key("unassigned") && !self.has("token") {
            let place = self.document.places.at("devices.where.unassigned").clone();
            let message = "`devices.where.unassigned` picks devices that no service has, and without `token` the document says nothing of where they go";
            self.by_row("A-1", &place, message, "add `token: …`, or take `unassigned` out");
        } else if condition.items.contains_key("unassigned") && (self.has("profile") || self.has("profiles"))
        {
            let place = self.document.places.at("devices.where.unassigned").clone();
            let message = "what a run has moved is no longer `unassigned`: if the profile is not given in that same run, this document does not give it any more (A-1)";
            let warning = Diagnostic::by_row("A-1", Severity::Warn, place, message.to_owned());
            self.context
                .found
                .push(warning.next("take `unassigned` out, or give the profile in a document without it"));
        }
    }

    /// Fields that are written to say yes.
    fn takes_true(&mut self) {
        for (object, field, path) in [
            (Some(self.spec), "unassign", "unassign"),
            (self.devices.object("where"), "unassigned", "devices.where.unassigned"),
        ] {
            let Some(item) = object.and_then(|object| object.items.get(field)) else { continue };
            if matches!(item.read, Read::Bool(false)) {
                let message = format!("`{path}` takes `true` only");
                self.context.refuse("bad-value", &item.place, message, "leave it out instead");
            }
        }
    }

    fn unassigns(&mut self) {
        let Some(unassign) = self.spec.items.get("unassign") else { return };
        for (field, why) in NOT_BESIDE_UNASSIGN {
            if let Some(item) = self.spec.items.get(field) {
                self.excluded(field, why, &item.place, &unassign.place);
            }
        }
        if by_column(self.devices) {
            let place = self.document.places.at("devices.csv.profileColumn").clone();
            self.excluded("devices.csv.profileColumn", NOT_BESIDE_UNASSIGN[0].1, &place, &unassign.place);
        }
    }

    fn excluded(&mut self, field: &str, why: &str, place: &Place, unassign: &Place) {
        let message = format!("`{field}` stands beside `unassign`, and they exclude each other: {why}");
        self.context.found.push(
            Diagnostic::new("bad-value", Severity::Refuse, place.clone(), message)
                .next("keep one of the two")
                .and_at(unassign.clone()),
        );
    }

    /// A profile for each device, or none where the document says where devices are.
    fn names_profiles(&mut self) {
        if let Some(profiles) = self.spec.object("profiles") {
            if profiles.items.is_empty() {
                let message = "`profiles` names no profile".to_owned();
                let next = "write one by family, like `ipad: …`, or leave `profiles` out";
                self.context.refuse("missing-field", &profiles.place, message, next);
            }
            if by_column(self.devices) {
                let place = self.document.places.at("devices.csv.profileColumn").clone();
                let message = "`devices.csv.profileColumn` and `profiles` exclude each other: one names the profile of a device, the other that of its family".to_owned();
                self.context.refuse("bad-value", &place, message, "keep one of the two");
            }
        }
        if self.has("profile") || self.has("profiles") || self.has("unassign") {
            return;
        }
        let others = ["serials", "where"].into_iter().find(|way| self.devices.items.contains_key(way));
        let place = self.document.places.document.clone();
        match (by_column(self.devices), others) {
            (true, None) => {}
            (true, Some(others)) => {
                let message = format!(
                    "devices of `devices.{others}` have no profile: `profileColumn` names one for the rows of the CSV only"
                );
                let next = "add `profile: …` for them, or put them into the CSV";
                self.context.refuse("missing-field", &place, message, next);
            }
            (false, _) if self.has("token") => {}
            (false, _) => {
                let message = "`spec` needs `profile`".to_owned();
                let next = "add `profile: …` or `profiles: {…}`, or `profileColumn` to the CSV; or say where the devices are: `token: …`, `unassign: true`";
                self.context.refuse("missing-field", &place, message, next);
            }
        }
    }

    fn moves(&mut self) {
        let Some(item) = self.spec.items.get("moveBy") else { return };
        if !self.has("token") && !self.has("unassign") {
            let message = "`moveBy` stands without `token`: a deadline is for devices that are moved";
            let next = "add `token: …` with the token that they go to, or remove `moveBy`";
            self.by_row("A-11", &item.place.clone(), message, next);
        }
    }
}
