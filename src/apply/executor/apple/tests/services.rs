//! Services themselves, over the same played organisation.

use super::super::services::{Shown, shown};
use super::played::Ground;
use crate::model::{ProductFamily, ServiceId};
use crate::plan::ServiceAction;

fn id(text: &str) -> ServiceId {
    ServiceId::new(text)
}

#[tokio::test]
async fn what_the_records_show_decides_and_not_what_an_answer_said() {
    use ProductFamily::{Ipad, Mac};
    let ground = Ground::new();
    ground.org.add_service("A1", "Lab", &[Ipad]);
    ground.org.add_service("B2", "Old", &[]);
    let as_wished = async |action: ServiceAction, made: Option<ServiceId>| {
        let step = ground.step(action);
        matches!(shown(&step, &ground.org, made.as_ref()).await.unwrap(), Shown::AsWished(_))
    };
    let create = || ServiceAction::Create { certificate: String::new() };
    assert!(as_wished(create(), None).await, "found by its name");
    assert!(as_wished(create(), Some(id("B2"))).await, "known by its id");
    assert!(!as_wished(create(), Some(id("C3"))).await);
    let rename = |of: &str| ServiceAction::Rename { id: id(of), from: "Old".to_owned() };
    assert!(as_wished(rename("A1"), None).await);
    assert!(!as_wished(rename("B2"), None).await && !as_wished(rename("C3"), None).await);
    assert!(!as_wished(ServiceAction::Delete { id: id("A1") }, None).await);
    assert!(as_wished(ServiceAction::Delete { id: id("C3") }, None).await, "gone");
    let drop = |families: &[ProductFamily]| ServiceAction::DropFamilies {
        id: id("A1"),
        families: families.to_vec(),
        keeps: Vec::new(),
    };
    let take = |families: &[ProductFamily]| ServiceAction::TakeFamilies {
        id: id("A1"),
        families: families.to_vec(),
        has: families.to_vec(),
    };
    assert!(!as_wished(drop(&[Ipad]), None).await && as_wished(drop(&[Mac]), None).await);
    assert!(as_wished(take(&[Ipad]), None).await && !as_wished(take(&[Mac]), None).await);

    ground.org.add_service("D4", "Lab", &[]);
    let step = ground.step(create());
    assert!(matches!(shown(&step, &ground.org, None).await.unwrap(), Shown::Several(ids) if ids.len() == 2));
}
