//! How many calls an apply takes, and how long, domain by domain. PURE.
//!
//! Apple Business and Apple School Manager allow few calls, so that their part is told apart from all
//! others: the words are those of the limits, GET a minute and POST an hour.

use std::fmt::Write as _;

use super::text::{count, number};
use crate::cli::duration;
use crate::model::Name;
use crate::plan::{AppleForecast, Forecast};

/// How many organisations are told one by one; the JSON has all.
const SHOWN: usize = 6;

/// The lines of a forecast, without their ends: all services but those of Apple's narrow limits first.
pub fn lines(forecast: &Forecast) -> Vec<String> {
    let Forecast { writes, reads, seconds, apple } = forecast;
    let mut lines = vec![format!(
        "About {} and {}, {}.",
        count(*writes, "write"),
        count(*reads, "read"),
        duration::words(*seconds),
    )];
    lines.extend(apple.iter().take(SHOWN).map(|(name, of)| at_apple(name, of)));
    let rest: Vec<&AppleForecast> = apple.values().skip(SHOWN).collect();
    if !rest.is_empty() {
        let (gets, posts) = rest.iter().fold((0, 0), |sum, one| (sum.0 + one.gets, sum.1 + one.posts));
        let later: u64 = rest.iter().map(|one| one.posts_later).sum();
        let longest = rest.iter().map(|one| one.minutes).max().unwrap_or_default();
        let mut line = format!(
            "Apple, {} more: {} GET, {} POST, about {} side by side",
            count(rest.len() as u64, "organisation"),
            number(gets),
            number(posts),
            count(longest.max(1), "minute"),
        );
        if later > 0 {
            let _ = write!(line, "; {} POST do not fit this hour: pending", number(later));
        }
        lines.push(line + ".");
    }
    lines
}

/// The part of one organisation.
fn at_apple(name: &Name, forecast: &AppleForecast) -> String {
    let AppleForecast { gets, posts, posts_later, next_post, minutes, minutes_later } = forecast;
    // Writing to a String does not fail.
    let mut line = format!(
        "Apple org {name}: {} GET, {} POST, about {}",
        number(*gets),
        number(*posts),
        count((*minutes).max(1), "minute"),
    );
    if *posts_later > 0 {
        let fit = if *posts_later == 1 { "does not fit" } else { "do not fit" };
        let _ = write!(line, "; {} POST {fit} this hour: pending", number(*posts_later));
        match next_post {
            Some(at) => drop(write!(line, " until {}", at.strftime("%Y-%m-%d %H:%MZ"))),
            None => line.push_str(" until a later run"),
        }
        if *minutes_later > 0 {
            let _ = write!(line, ", all of them after about {}", duration::words(minutes_later * 60));
        }
    }
    line + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn forecast(apple: impl IntoIterator<Item = (String, AppleForecast)>) -> Forecast {
        let apple: BTreeMap<Name, AppleForecast> =
            apple.into_iter().map(|(name, of)| (Name::new(&name).unwrap(), of)).collect();
        Forecast { writes: 12, reads: 4, seconds: 9, apple }
    }

    fn fits() -> AppleForecast {
        AppleForecast { gets: 9, posts: 6, minutes: 1, ..AppleForecast::default() }
    }

    #[test]
    fn each_organisation_has_its_calls_minutes_and_what_does_not_fit() {
        let late = AppleForecast {
            posts_later: 2,
            next_post: Some("2026-11-22T10:40:00Z".parse().unwrap()),
            minutes_later: 46,
            ..fits()
        };
        let some = AppleForecast { gets: 1_200, posts: 1, posts_later: 1, minutes: 60, ..fits() };
        let all = [("acme", fits()), ("branch", late), ("cedar", some)];
        let told = lines(&forecast(all.map(|(name, of)| (name.to_owned(), of))));
        insta::assert_snapshot!(told.join("\n"), @r#"
        About 12 writes and 4 reads, 9 s.
        Apple org acme: 9 GET, 6 POST, about 1 minute.
        Apple org branch: 9 GET, 6 POST, about 1 minute; 2 POST do not fit this hour: pending until 2026-11-22 10:40Z, all of them after about 46 min.
        Apple org cedar: 1,200 GET, 1 POST, about 60 minutes; 1 POST does not fit this hour: pending until a later run.
        "#);
        assert_eq!(lines(&forecast([])).len(), 1);
    }

    #[test]
    fn of_seventy_organisations_the_first_are_told_and_the_others_summed() {
        let late = AppleForecast { posts_later: 1, ..fits() };
        let told = lines(&forecast((0..70).map(|n| (format!("o{n:02}"), late.clone()))));
        assert_eq!(told.len(), 1 + SHOWN + 1);
        assert_eq!(
            told[7],
            "Apple, 64 organisations more: 576 GET, 384 POST, about 1 minute side by side; 64 POST do not fit this hour: pending."
        );
    }
}
