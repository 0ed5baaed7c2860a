//! Multi Admin Approval.

use super::*;
use crate::sim::device::PolicyType;

const REQUESTS: &str = "/deviceManagement/operationApprovalRequests";

/// `it is lost` in base64.
const WHY: &str = "aXQgaXMgbG9zdA==";

struct Told {
    status: u16,
    code: Option<String>,
    body: Value,
}

impl Desk {
    async fn of_two_people(behaviour: DeviceBehaviour) -> Self {
        let desk = Self::of_fleet().await;
        let approvals = [PolicyType::DeviceWipe, PolicyType::DeviceDelete].into();
        desk.behave(DeviceBehaviour { approvals, ..behaviour });
        desk
    }

    async fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Told {
        let url = format!("{}/beta{path}", self.sim.addresses().graph);
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.bearer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let code = answer.headers().get("x-msft-approval-code").map(|code| code.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        Told { status, code, body: serde_json::from_str(&text).unwrap_or_default() }
    }

    async fn status(&self, code: &str) -> String {
        let page = self.get(&format!("{REQUESTS}?$filter=requestId eq '{code}'")).await;
        assert_eq!(page["value"].as_array().unwrap().len(), 1, "{page}");
        page["value"][0]["status"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_identical_request_is_accepted_once_after_approval() {
    let desk = Desk::of_two_people(DeviceBehaviour::default()).await;
    let path = format!("{BASE}/{}/wipe", desk.record(PHONE).await);
    let body = || Some(json!({"persistEsimDataPlan": true}));
    let why = [("x-msft-approval-justification", WHY)];
    for headers in [&[][..], &[("x-msft-approval-justification", "not base64!")][..]] {
        let told = desk.ask_with("POST", &path, body(), headers).await;
        assert_eq!((told.status, told.code), (400, None));
    }
    let told = desk.ask_with("POST", &path, body(), &why).await;
    assert_eq!((told.status, &told.body["error"]["code"]), (403, &json!("ApprovalRequired")));
    let code = told.code.unwrap();
    assert_eq!(desk.status(&code).await, "needsApproval");
    let one = desk.get(&format!("{REQUESTS}/{code}")).await;
    assert_eq!(one["requestJustification"], "it is lost");
    assert_eq!(one["requiredOperationApprovalPolicyTypes"], json!(["deviceWipe"]));
    assert_eq!(desk.ask_with("POST", &path, body(), &why).await.status, 409, "one is open");
    let again = [("x-msft-approval-code", code.as_str())];
    let told = desk.ask_with("POST", &path, body(), &again).await;
    assert_eq!((told.status, told.code.as_ref()), (403, Some(&code)), "nobody approved it");
    desk.by_hand(json!({"do": "decideApproval", "tenant": TENANT, "request": code, "decision": "approve"}))
        .await;
    assert_eq!(desk.status(&code).await, "approved");
    assert_eq!(desk.ask_with("POST", &path, Some(json!({})), &again).await.status, 400, "another body");
    let other = path.replace("wipe", "retire");
    assert_eq!(desk.ask_with("POST", &other, None, &again).await.status, 204, "not under this policy");
    assert!(desk.past(PHONE).accepted(crate::sim::device::ManagedAction::Wipe) == 0);
    assert_eq!(desk.ask_with("POST", &path, body(), &again).await.status, 204);
    assert_eq!(desk.status(&code).await, "completed");
    assert_eq!(desk.ask_with("POST", &path, body(), &again).await.status, 400, "once");
    desk.advance(60);
    assert_eq!(desk.past(PHONE).count(DeedKind::Wiped), 1);
}

#[tokio::test]
async fn rejected_cancelled_and_expired_requests_are_over() {
    for (status, name) in [(403, "ApprovalRequired"), (412, "BadRequest"), (400, "BadRequest")] {
        let desk =
            Desk::of_two_people(DeviceBehaviour { approval_status: status, ..DeviceBehaviour::default() })
                .await;
        let path = format!("{BASE}/{}", desk.record(MAC).await);
        let why = [("x-msft-approval-justification", WHY)];
        for (decision, left) in
            [(Some("reject"), "rejected"), (Some("cancel"), "cancelled"), (None, "expired")]
        {
            let told = desk.ask_with("DELETE", &path, None, &why).await;
            assert_eq!((told.status, &told.body["error"]["code"]), (status, &json!(name)));
            let code = told.code.unwrap();
            match decision {
                Some(decision) => {
                    desk.by_hand(json!({"do": "decideApproval", "tenant": TENANT, "decision": decision}))
                        .await;
                }
                None => {
                    desk.by_hand(json!({"do": "decideApproval", "tenant": TENANT, "decision": "approve"}))
                        .await;
                    desk.advance(3 * 86_400);
                }
            }
            assert_eq!(desk.status(&code).await, left);
            let again = [("x-msft-approval-code", code.as_str())];
            let told = desk.ask_with("DELETE", &path, None, &again).await;
            assert!(told.status == 400 && super::told(&told.body).contains(left), "{}", told.body);
        }
        assert!(desk.past(MAC).requests.is_empty());
        let late = json!({"do": "decideApproval", "tenant": TENANT, "decision": "approve"});
        assert_eq!(desk.control("POST", "/portal", Some(late)).await.0, 409);
    }
}

#[tokio::test]
async fn a_batch_carries_the_code_in_the_headers_of_its_part() {
    let desk = Desk::of_two_people(DeviceBehaviour::default()).await;
    let url = format!("{BASE}/{}/wipe", desk.record(PHONE).await);
    let send = async |headers: Value| {
        let requests = json!([{"id": "1", "method": "POST", "url": url, "headers": headers}]);
        let (_, answer) = desk.ask("POST", "/$batch", Some(json!({"requests": requests}))).await;
        answer["responses"][0].clone()
    };
    let refused = send(json!({"X-MSFT-Approval-Justification": WHY})).await;
    assert_eq!(refused["status"], 403);
    let code = refused["headers"]["x-msft-approval-code"].as_str().unwrap();
    desk.by_hand(json!({"do": "decideApproval", "tenant": TENANT, "decision": "approve"})).await;
    assert_eq!(send(json!({"x-msft-approval-code": code})).await["status"], 204);
}

#[tokio::test]
async fn a_quota_does_not_use_an_approval_up() {
    let desk = Desk::of_two_people(DeviceBehaviour { wipes_per_day: 0, ..DeviceBehaviour::default() }).await;
    let path = format!("{BASE}/{}/wipe", desk.record(PHONE).await);
    let told = desk.ask_with("POST", &path, None, &[("x-msft-approval-justification", WHY)]).await;
    let code = told.code.unwrap();
    desk.by_hand(json!({"do": "decideApproval", "tenant": TENANT, "decision": "approve"})).await;
    let again = [("x-msft-approval-code", code.as_str())];
    assert_eq!(desk.ask_with("POST", &path, None, &again).await.status, 429);
    assert_eq!(desk.status(&code).await, "approved");
    desk.sim.with_world(|world| world.tenants[0].device_desk.behaviour.wipes_per_day = 1);
    assert_eq!(desk.ask_with("POST", &path, None, &again).await.status, 204);
}
