//! Reads: whole or unknown.

use std::collections::HashMap;

use super::*;
use crate::model::Platform;
use crate::model::Serial;
use crate::model::live::{Cause, Fact, ProfileKind, Unknown};
use crate::progress::{NoProgress, Progress};

fn reason<T>(fact: &Fact<T>) -> &Unknown {
    fact.unknown().expect("the fact should be unknown")
}

fn device(serial: &str) -> Json {
    json!({ "id": serial, "serialNumber": serial, "platform": "ios", "enrollmentState": "notContacted",
            "requestedEnrollmentProfileId": "", "isDeleted": false, "isSupervised": true, "future": 1 })
}

#[tokio::test]
async fn tokens_are_listed_over_pages_without_pseudo_tokens() {
    let fixture = Fixture::start(|base, seen| {
        if seen.line.ends_with("token") {
            return Reply::Empty(404);
        }
        if seen.line.contains("skip") {
            return ok(json!({ "value": [{ "id": "c", "tokenType": "none", "tokenName": "Configurator" }] }));
        }
        let next = format!("{base}beta/deviceManagement/depOnboardingSettings?$expand=x&$skiptoken=a%2Fb");
        ok(json!({ "@odata.nextLink": next, "value": [
            { "id": "a", "tokenName": "School", "tokenType": "dep", "roleScopeTagIds": ["3", "0"],
              "tokenExpirationDateTime": "2027-01-02T03:04:05.1234567Z",
              "lastSuccessfulSyncDateTime": "0001-01-01T00:00:00Z",
              "defaultIosEnrollmentProfile": { "id": "ECV2_a_p" } },
            { "id": "b", "tokenName": "Other", "tokenType": "dep", "defaultIosEnrollmentProfile": null },
            { "id": "d", "tokenName": "Silent", "tokenType": "appleSchoolManager" }] }))
    })
    .await;
    let tokens = fixture.observer().tokens().await;
    let tokens: Vec<_> = tokens.known().unwrap().iter().collect();
    assert_eq!(tokens.iter().map(|token| token.id.0.as_str()).collect::<Vec<_>>(), ["a", "b", "d"]);
    assert_eq!(tokens[0].scope_tag_ids, ["0", "3"]);
    assert_eq!(tokens[0].expires.unwrap().to_string(), "2027-01-02T03:04:05.1234567Z");
    assert_eq!(tokens[0].last_sync_done, None);
    assert_eq!(tokens[0].default_ios.known().unwrap().as_ref().unwrap().0, "ECV2_a_p");
    assert_eq!(tokens[1].default_ios.known().unwrap(), &None);
    // One default is shown, so the other one is not set; where none is, nobody knows.
    assert_eq!(tokens[0].default_macos.known().unwrap(), &None);
    assert!(reason(&tokens[2].default_macos).reason.contains("P-30"));
    assert!(reason(&tokens[2].default_ios).reason.contains("P-30"));
    assert_eq!(
        fixture.lines(),
        [
            "GET /beta/deviceManagement/depOnboardingSettings?$expand=defaultIosEnrollmentProfile,defaultMacOsEnrollmentProfile",
            "GET /beta/deviceManagement/depOnboardingSettings?$expand=x&$skiptoken=a%2Fb",
        ]
    );
}

#[tokio::test]
async fn a_single_token_is_read_bare_or_wrapped_and_404_proves_its_absence() {
    let fixture = Fixture::start(in_turn(vec![
        ok(json!({ "id": "a", "tokenName": "A" })),
        ok(json!({ "value": { "id": "a", "tokenName": "A" } })),
        refusal(404),
        refusal(403),
    ]))
    .await;
    let observer = fixture.observer();
    for _ in 0..2 {
        assert_eq!(observer.token(&token("a")).await.known().unwrap().as_ref().unwrap().name, "A");
    }
    assert!(observer.token(&token("a")).await.known().unwrap().is_none());
    let unknown = observer.token(&token("a")).await;
    assert_eq!(reason(&unknown).cause, Cause::Credentials);
    assert!(reason(&unknown).reason.contains("request id r-1"), "{}", reason(&unknown));
    let line = "GET /beta/deviceManagement/depOnboardingSettings/a?$expand=defaultIosEnrollmentProfile,defaultMacOsEnrollmentProfile";
    assert_eq!(fixture.lines(), vec![line; 4]);
}

#[tokio::test]
async fn scope_tags_are_listed() {
    let fixture =
        Fixture::start(in_turn(vec![ok(json!({ "value": [{ "id": "0", "displayName": "Default" }] }))]))
            .await;
    let tags = fixture.observer().scope_tags().await;
    assert_eq!(tags.known().unwrap().iter().next().unwrap().name, "Default");
    assert_eq!(fixture.lines(), ["GET /beta/deviceManagement/roleScopeTags"]);
}

#[tokio::test]
async fn a_page_that_fails_makes_the_list_unknown_and_never_short() {
    let fixture = Fixture::start(|base, seen| match &seen.line {
        line if line.ends_with("token") => Reply::Empty(404),
        line if line.contains("page=2") => refusal(503),
        _ => ok(json!({ "@odata.nextLink": format!("{base}beta/x?page=2"), "value": [device("SN1")] })),
    })
    .await;
    let devices = fixture.observer().devices(&[token("a")], &NoProgress).await;
    assert_eq!(reason(&devices[&token("a")]).cause, Cause::Unavailable);
    // The page was asked for four times, with growing pauses in between.
    assert_eq!(fixture.lines().iter().filter(|line| line.contains("page=2")).count(), 4);
    let pauses = fixture.clock.pauses();
    assert_eq!(pauses.len(), 3);
    assert!(pauses[0] <= 1.0 && pauses[2] >= 2.0, "{pauses:?}");
}

#[tokio::test]
async fn a_cut_read_is_repeated() {
    let page = || ok(json!({ "value": [{ "id": "0", "displayName": "Default" }] }));
    let fixture = Fixture::start(in_turn(vec![Reply::Cut, Reply::Cut, page()])).await;
    assert!(fixture.observer().scope_tags().await.known().is_some());
    assert_eq!(fixture.lines().len(), 3);
}

#[tokio::test]
async fn a_list_that_leads_in_a_circle_is_unknown() {
    let fixture = Fixture::start(|base, seen| match seen.line.ends_with("token") {
        true => Reply::Empty(404),
        false => ok(json!({ "@odata.nextLink": format!("{base}beta/again"), "value": [] })),
    })
    .await;
    let tags = fixture.observer().scope_tags().await;
    assert!(reason(&tags).reason.contains("lead back"), "{}", reason(&tags));
    let devices = fixture.observer().devices(&[token("a")], &NoProgress).await;
    assert!(reason(&devices[&token("a")]).reason.contains("lead back"));
    assert_eq!(fixture.lines().len(), 4);
}

#[tokio::test]
async fn a_next_link_to_another_origin_is_refused_and_gets_no_bearer() {
    let other = Fixture::start(|_, _| ok(json!({ "value": [] }))).await;
    let elsewhere = other.base.clone();
    let fixture = Fixture::start(move |_, seen| match seen.line.ends_with("token") {
        true => Reply::Empty(404),
        false => ok(json!({ "@odata.nextLink": format!("{elsewhere}beta/x"), "value": [device("SN1")] })),
    })
    .await;
    let devices = fixture.observer().devices(&[token("a")], &NoProgress).await;
    assert!(reason(&devices[&token("a")]).reason.contains("another origin"));
    assert!(reason(&fixture.observer().scope_tags().await).reason.contains("another origin"));
    assert_eq!(other.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_is_an_error_and_not_followed() {
    let other = Fixture::start(|_, _| ok(json!({ "value": [] }))).await;
    let location = other.base.to_string();
    let fixture = Fixture::start(move |_, seen| match seen.line.ends_with("token") {
        true => Reply::Empty(404),
        false => Reply::With(302, "location", location.clone(), json!({})),
    })
    .await;
    assert!(reason(&fixture.observer().scope_tags().await).reason.contains("302"));
    assert_eq!(other.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn profiles_of_one_token_take_a_plain_get_and_those_of_many_a_batch() {
    let fixture = Fixture::start(|base, seen| {
        if seen.line.ends_with("token") {
            return Reply::Empty(404);
        }
        if seen.line.starts_with("GET") {
            return ok(json!({ "value": [ios_profile("a_2")] }));
        }
        let base = base.clone();
        batch_of(seen, move |request| {
            let url = request["url"].as_str().unwrap();
            if url.contains("/t3/") {
                return Some((403, json!({}), json!({ "error": { "code": "Forbidden", "message": "no" } })));
            }
            let mut page = json!({ "value": [ios_profile("a_1"), { "id": "m", "@odata.type": "#microsoft.graph.depTvOSEnrollmentProfile" }] });
            if url.contains("/t7/") {
                page["@odata.nextLink"] = json!(format!("{base}beta/more"));
            }
            Some((200, json!({}), page))
        })
    })
    .await;
    let one = fixture.observer().profiles(&[token("t1")]).await;
    assert_eq!(one[&token("t1")].known().unwrap().len(), 1);
    assert_eq!(fixture.lines(), ["GET /beta/deviceManagement/depOnboardingSettings/t1/enrollmentProfiles"]);

    let tokens: Vec<_> = (0..21).map(|at| token(&format!("t{at}"))).collect();
    let many = fixture.observer().profiles(&tokens).await;
    assert_eq!(many.len(), 21);
    assert_eq!(reason(&many[&token("t3")]).cause, Cause::Credentials);
    assert_eq!(many[&token("t7")].known().unwrap().len(), 3);
    let kinds: Vec<_> = many[&token("t0")].known().unwrap().iter().map(|p| p.kind.clone()).collect();
    assert_eq!(kinds, [ProfileKind::Classic(Platform::Ios), ProfileKind::Mirror]);
    // 20 in a batch, the one left over plainly, the next link plainly.
    let calls = fixture.calls();
    let batches: Vec<_> = calls.iter().filter(|seen| seen.line == "POST /beta/$batch").collect();
    assert_eq!((calls.len(), batches.len()), (4, 1));
    assert_eq!(
        batches[0].json()["requests"][4],
        json!({ "id": "4", "method": "GET", "url": "/deviceManagement/depOnboardingSettings/t4/enrollmentProfiles" })
    );
}

#[tokio::test]
async fn devices_of_many_tokens_are_read_to_their_last_pages() {
    struct Heard(Mutex<HashMap<String, (usize, Option<u64>)>>);
    impl Progress for Heard {
        fn read(&self, token: &TokenId, devices: usize, expected: Option<u64>) {
            self.0.lock().unwrap().insert(token.0.clone(), (devices, expected));
        }
        fn pages(&self, _: &crate::model::Name, _: crate::progress::Pages) {}
        fn step(&self, _: usize, _: usize, _: &str) {}
    }
    // Token tN has N + 1 pages of one device each.
    let page = |base: &Url, of: usize, at: usize| {
        let mut page = json!({ "value": [device(&format!("SN{of}X{at}"))] });
        if at == 0 {
            page["@odata.count"] = json!(of + 1);
        }
        if at < of {
            page["@odata.nextLink"] = json!(format!("{base}beta/page?of={of}&at={}", at + 1));
        }
        page
    };
    let fixture = Fixture::start(move |base, seen| {
        if let Some((of, at)) = seen.line.split_once("?of=").and_then(|(_, rest)| rest.split_once("&at=")) {
            return ok(page(base, of.parse().unwrap(), at.parse().unwrap()));
        }
        if seen.line.ends_with("token") {
            return Reply::Empty(404);
        }
        let base = base.clone();
        batch_of(seen, move |request| {
            let url = request["url"].as_str().unwrap();
            let (_, rest) = url.split_once("/t").unwrap();
            let of: usize = rest.split('/').next().unwrap().parse().unwrap();
            Some((200, json!({}), page(&base, of, 0)))
        })
    })
    .await;
    let tokens: Vec<_> = (0..5).map(|at| token(&format!("t{at}"))).collect();
    let heard = Heard(Mutex::default());
    let devices = fixture.observer().devices(&tokens, &heard).await;
    for (at, token) in tokens.iter().enumerate() {
        let devices = devices[token].known().unwrap();
        assert_eq!(devices.len(), at + 1);
        let last = Serial::new(&format!("SN{at}X{at}")).unwrap();
        assert!(devices.profile_of(devices.find(&last).unwrap()).is_none());
        assert_eq!(heard.0.lock().unwrap()[&token.0], (at + 1, Some(at as u64 + 1)));
    }
    assert_eq!(fixture.lines().len(), 1 + (1 + 2 + 3 + 4));
    assert_eq!(fixture.sign_ins(), 1);
}

#[tokio::test]
async fn throttled_items_of_a_batch_are_sent_again_without_the_others() {
    let mut rounds = 0;
    let fixture = Fixture::start(move |_, seen| {
        if seen.line.ends_with("token") {
            return Reply::Empty(404);
        }
        rounds += 1;
        if seen.line.starts_with("GET") {
            return ok(json!({ "value": [ios_profile("p")] }));
        }
        batch_of(seen, |request| {
            let url = request["url"].as_str().unwrap();
            let page = json!({ "value": [ios_profile("p")] });
            let throttled = json!({ "error": { "code": "TooManyRequests", "message": "later" } });
            match () {
                _ if url.contains("/t2/") && rounds == 1 => {
                    Some((429, json!({ "Retry-After": "7" }), throttled))
                }
                _ if url.contains("/t1/") && rounds <= 2 => {
                    Some((429, json!({ "Retry-After": "9" }), throttled))
                }
                // Never mentioned.
                _ if url.contains("/t3/") => None,
                _ => Some((200, json!({ "Content-Type": "application/json" }), page)),
            }
        })
    })
    .await;
    let tokens: Vec<_> = (0..4).map(|at| token(&format!("t{at}"))).collect();
    let profiles = fixture.observer().profiles(&tokens).await;
    for read in ["t0", "t1", "t2"] {
        assert_eq!(profiles[&token(read)].known().unwrap().len(), 1, "{read}");
    }
    assert!(reason(&profiles[&token("t3")]).reason.contains("did not mention"));
    assert_eq!(fixture.clock.pauses(), [9.0, 9.0]);
    let sizes: Vec<_> =
        fixture.calls().iter().map(|seen| seen.json()["requests"].as_array().map_or(1, Vec::len)).collect();
    assert_eq!(sizes, [4, 2, 1]);
}

#[tokio::test]
async fn throttling_waits_as_asked_and_ends_with_patience() {
    let later = |field: &str| Reply::With(429, "retry-after", field.to_owned(), json!({}));
    let page = ok(json!({ "value": [] }));
    let date = "Mon, 21 Sep 2026 14:14:20 GMT"; // the clock starts at 14:13:20 and waits 5 s first
    let fixture = Fixture::start(in_turn(vec![later("5"), later(date), page])).await;
    assert!(fixture.observer().scope_tags().await.known().is_some());
    assert_eq!(fixture.clock.pauses(), [5.0, 55.0]);

    let fixture = Fixture::start(in_turn(vec![later("60"), later("61")])).await;
    assert_eq!(reason(&fixture.observer().scope_tags().await).cause, Cause::Throttled);
    assert_eq!(fixture.clock.pauses(), [60.0]);
}
