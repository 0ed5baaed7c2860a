//! `windows` of the Fleet and of policies: when which classes may run.

use super::lower::Context;
use super::value::{Item, Object, Read};
use crate::model::Class;
use crate::model::desired::{Cron, Window, WindowKind, Zone};

impl Context<'_> {
    /// `windows` of an object: one statement, empty where it says nothing.
    pub fn windows(&mut self, object: &Object) -> Vec<Window> {
        let Some(Read::List(items)) = object.items.get("windows").map(|item| &item.read) else {
            return Vec::new();
        };
        items.iter().filter_map(|item| self.window(item)).collect()
    }

    fn window(&mut self, item: &Item) -> Option<Window> {
        let Read::Object(written) = &item.read else { return None };
        let kind = if written.items.contains_key("deny") { WindowKind::Deny } else { WindowKind::Allow };
        let cron = self.part(written, kind.word(), Cron::parse, "write when it begins in five fields: minute, hour, day, month, day of week, like `0 20 * * mon-fri`");
        let zone = self.part(
            written,
            "timezone",
            Zone::parse,
            "write a name of IANA's database, like `Europe/Berlin`",
        );
        let lasts = match written.items.get("for").map(|item| &item.read) {
            Some(Read::Duration(span)) => *span,
            _ => return None,
        };
        let classes = classes(written)?;
        match Window::new(kind, cron?, lasts, zone?, classes) {
            Ok(window) => Some(window),
            Err(why) => {
                let next = "write how long it lasts, from 1m to 31d, and at least one class";
                self.refuse("bad-value", &item.place, format!("the window is none: {why}"), next);
                None
            }
        }
    }

    /// A text that is read further.
    fn part<T>(
        &mut self,
        written: &Object,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
        next: &str,
    ) -> Option<T> {
        let item = written.items.get(field)?;
        let Read::Text(text) = &item.read else { return None };
        match parse(text) {
            Ok(read) => Some(read),
            Err(why) => {
                self.refuse("bad-value", &item.place, format!("`windows[].{field}`: {why}"), next);
                None
            }
        }
    }
}

fn classes(written: &Object) -> Option<Vec<Class>> {
    let Some(Read::List(items)) = written.items.get("classes").map(|item| &item.read) else { return None };
    let class = |item: &Item| match item.read {
        Read::Word(word) => Class::ALL.into_iter().find(|class| class.word() == word),
        _ => None,
    };
    items.iter().map(class).collect()
}
