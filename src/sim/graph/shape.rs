//! The JSON shapes of profile members, and what a bare create gives them.

use serde_json::{Value, json};

/// The JSON shape of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Shape {
    /// `true` or `false`.
    Bool,
    /// `true`, `false` or null.
    NullableBool,
    /// A text or null.
    Text,
    /// A text or null that is taken and never shown again.
    WriteOnlyText,
    /// A 32-bit number.
    Int,
    /// A 32-bit number or null.
    NullableInt,
    /// An array of texts.
    Texts,
    /// `disallow`, `allow`, `requiresCertificate`.
    Pairing,
    /// An array of `{thumbprint, certificate}`.
    Certificates,
    /// The rotation setting of a macOS administrator's password, or null.
    Rotation,
}

impl Shape {
    /// What a create without the member gives. Not published: the zero of each type is taken,
    /// which a client that relies on a friendlier default will notice.
    pub(in crate::sim) fn default(self) -> Value {
        match self {
            Shape::Bool => Value::Bool(false),
            Shape::Int => json!(0),
            Shape::Texts | Shape::Certificates => json!([]),
            Shape::Pairing => json!("disallow"),
            Shape::NullableBool => Value::Bool(false),
            Shape::Text | Shape::WriteOnlyText | Shape::NullableInt | Shape::Rotation => Value::Null,
        }
    }

    /// Whether a value has this shape.
    pub(in crate::sim) fn fits(self, value: &Value) -> bool {
        let int = |value: &Value| value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
        let texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        match self {
            Shape::Bool => value.is_boolean(),
            Shape::NullableBool => value.is_boolean() || value.is_null(),
            Shape::Text | Shape::WriteOnlyText => value.is_string() || value.is_null(),
            Shape::Int => int(value),
            Shape::NullableInt => int(value) || value.is_null(),
            Shape::Texts => texts(value),
            Shape::Pairing => value
                .as_str()
                .is_some_and(|word| ["disallow", "allow", "requiresCertificate"].contains(&word)),
            Shape::Certificates => value.as_array().is_some_and(|items| items.iter().all(is_certificate)),
            Shape::Rotation => value.is_null() || is_rotation(value, &int),
        }
    }
}

fn is_certificate(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        members.iter().all(|(name, value)| {
            ["@odata.type", "thumbprint", "certificate"].contains(&name.as_str())
                && (value.is_string() || value.is_null())
        })
    })
}

fn is_rotation(value: &Value, int: &dyn Fn(&Value) -> bool) -> bool {
    let delay = |value: &Value| {
        has_only(value, &|name, value| match name {
            "onRetrievalAutoRotatePasswordEnabled" => value.is_null() || value.is_boolean(),
            "onRetrievalDelayAutoRotatePasswordInHours" => value.is_null() || int(value),
            _ => false,
        })
    };
    has_only(value, &|name, value| match name {
        "autoRotationPeriodInDays" => value.is_null() || int(value),
        "depProfileDelayAutoRotationSetting" => value.is_null() || delay(value),
        _ => false,
    })
}

/// Whether a value is an object whose members, its type aside, all are as `fits` says.
fn has_only(value: &Value, fits: &dyn Fn(&str, &Value) -> bool) -> bool {
    value.as_object().is_some_and(|members| {
        members.iter().all(|(name, value)| match name.as_str() {
            "@odata.type" => value.is_string(),
            name => fits(name, value),
        })
    })
}
