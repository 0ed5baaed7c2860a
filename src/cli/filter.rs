//! `--where` of `devices`: conditions over the joined inventory. PURE.

use std::str::FromStr;

use crate::engine::inventory::{AtApple, DeviceRow};
use crate::model::ProductFamily;
use crate::model::organisation::PurchaseSource;

/// One condition: a key and a value that a device has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `order=`: the order number, exactly.
    Order(String),
    /// `model=`: the marketing name or the model identifier, without regard to case.
    Model(String),
    /// `family=`
    Family(ProductFamily),
    /// `source=`: how it was bought.
    Source(PurchaseSource),
    /// `service=`: the name or id of its service at Apple, without regard to case; `none` for none.
    Service(String),
}

/// The keys, as the help and the refusal tell them.
const KEYS: [&str; 5] = ["order", "model", "family", "source", "service"];

/// All conditions of a command line. Values of one key are alternatives; all keys have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(Vec<Condition>);

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// No key, or an unknown one.
    #[error("`{0}` is no condition: KEY=VALUE, with KEY one of {keys}", keys = KEYS.join(", "))]
    Key(String),
    /// Nothing behind the key.
    #[error("`{0}=` says nothing: a value has to follow")]
    Empty(&'static str),
    /// No such family.
    #[error("`{0}` is no product family; there are: {families}", families = ProductFamily::ALL.map(ProductFamily::word).join(", "))]
    Family(String),
    /// No such source.
    #[error("`{0}` is no purchase source; there are: {sources}", sources = PurchaseSource::ALL.map(PurchaseSource::word).join(", "))]
    Source(String),
}

impl FromStr for Conditions {
    type Err = InvalidCondition;

    /// Conditions parted by commas. A comma behind which no `KEY=` stands belongs to the value, for models
    /// have them (`MacBook Pro (14-inch, 2023)`).
    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let mut parts: Vec<String> = Vec::new();
        for part in text.split(',') {
            match parts.last_mut() {
                Some(last) if split(part).is_none() => {
                    last.push(',');
                    last.push_str(part);
                }
                _ => parts.push(part.to_owned()),
            }
        }
        parts.iter().map(|part| one(part)).collect::<Result<_, _>>().map(Conditions)
    }
}

/// A known key and what stands behind it.
fn split(part: &str) -> Option<(&'static str, &str)> {
    let (key, value) = part.split_once('=')?;
    let key = KEYS.into_iter().find(|known| *known == key.trim())?;
    Some((key, value.trim()))
}

fn one(part: &str) -> Result<Condition, InvalidCondition> {
    let (key, value) = split(part).ok_or_else(|| InvalidCondition::Key(part.trim().to_owned()))?;
    if value.is_empty() {
        return Err(InvalidCondition::Empty(key));
    }
    Ok(match key {
        "order" => Condition::Order(value.to_owned()),
        "model" => Condition::Model(value.to_owned()),
        "family" => Condition::Family(
            ProductFamily::from_apple(value).ok_or_else(|| InvalidCondition::Family(value.to_owned()))?,
        ),
        "source" => {
            let found =
                PurchaseSource::ALL.into_iter().find(|source| source.word().eq_ignore_ascii_case(value));
            Condition::Source(found.ok_or_else(|| InvalidCondition::Source(value.to_owned()))?)
        }
        _ => Condition::Service(value.to_owned()),
    })
}

impl Conditions {
    /// Those of several options together.
    pub fn all(options: &[Conditions]) -> Self {
        Self(options.iter().flat_map(|one| one.0.clone()).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a device meets all of them. What is not known of a device meets no condition.
    pub fn hold(&self, row: &DeviceRow<'_>) -> bool {
        self.0.iter().all(|condition| {
            let same_key =
                |other: &&Condition| std::mem::discriminant(*other) == std::mem::discriminant(condition);
            self.0.iter().filter(same_key).any(|one| one.holds(row))
        })
    }
}

impl Condition {
    fn holds(&self, row: &DeviceRow<'_>) -> bool {
        let is = |text: Option<&str>, wanted: &str| text.is_some_and(|text| same(text, wanted));
        match self {
            Condition::Order(order) => row.apple.and_then(|apple| apple.order_number) == Some(order.as_str()),
            Condition::Model(model) => {
                is(row.model, model) || is(row.apple.and_then(|apple| apple.product_type), model)
            }
            Condition::Family(family) => row.family.and_then(ProductFamily::from_apple) == Some(*family),
            Condition::Source(source) => {
                row.apple.and_then(|apple| apple.purchase_source) == Some(source.word())
            }
            Condition::Service(service) => row.apple.is_some_and(|apple| {
                is(apple.service, service)
                    || apple.service_id.is_some_and(|id| same(id.as_str(), service))
                    || (service == "none" && apple.status == Some(AtApple::Unassigned))
            }),
        }
    }
}

fn same(text: &str, wanted: &str) -> bool {
    text.to_lowercase() == wanted.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::inventory::AppleSide;
    use crate::model::{Serial, ServiceId};

    fn conditions(text: &str) -> Conditions {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn commas_within_a_model_stay_in_it() {
        let read = conditions("model=MacBook Pro (14-inch, M3, 2023),order=W1, family=mac");
        assert_eq!(
            read.0,
            [
                Condition::Model("MacBook Pro (14-inch, M3, 2023)".to_owned()),
                Condition::Order("W1".to_owned()),
                Condition::Family(ProductFamily::Mac),
            ]
        );
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_there_is() {
        let refusal = |text: &str| text.parse::<Conditions>().unwrap_err().to_string();
        assert_eq!(
            refusal("colour=red"),
            "`colour=red` is no condition: KEY=VALUE, with KEY one of order, model, family, source, service"
        );
        assert_eq!(refusal("order="), "`order=` says nothing: a value has to follow");
        assert!(refusal("family=tablet").contains("there are: iphone, ipad"));
        assert!(refusal("source=shop").contains("there are: apple, reseller, manuallyAdded"));
        assert!(refusal("").contains("is no condition"));
    }

    #[test]
    fn one_key_is_alternatives_and_several_have_to_hold_together() {
        let id = ServiceId::new("1F97");
        let apple = AppleSide {
            service: Some("School MDM"),
            service_id: Some(&id),
            status: Some(AtApple::Assigned),
            order_number: Some("W1"),
            purchase_source: Some("reseller"),
            product_type: Some("iPad14,1"),
            ..AppleSide::default()
        };
        let row = DeviceRow {
            serial: Serial::new("C02X0001").unwrap(),
            model: Some("iPad mini"),
            family: Some("iPad"),
            apple: Some(apple),
            mdm: None,
            token: None,
            profile: None,
            wished_profile: None,
            waiting: false,
            cooling_until: None,
            lock: None,
            bypass_code: None,
        };
        for (text, holds) in [
            ("order=W1", true),
            ("order=w1", false),
            ("order=W2,order=W1", true),
            ("order=W1,model=iPad Air", false),
            ("model=ipad MINI", true),
            ("model=ipad14,1", true),
            ("family=ipad", true),
            ("family=iPad,family=mac,source=apple", false),
            ("source=reseller", true),
            ("service=school mdm", true),
            ("service=1f97", true),
            ("service=none", false),
        ] {
            assert_eq!(conditions(text).hold(&row), holds, "{text}");
        }
        let nowhere = AppleSide { status: Some(AtApple::Unassigned), ..AppleSide::default() };
        let row = DeviceRow { apple: Some(nowhere), model: None, family: None, ..row };
        assert!(conditions("service=none").hold(&row));
        assert!(!conditions("model=iPad mini").hold(&row) && !conditions("family=ipad").hold(&row));
        let row = DeviceRow { apple: None, ..row };
        assert!(!conditions("service=none").hold(&row), "of a device that Apple was not asked about");
        assert!(Conditions::default().hold(&row));
    }
}
