//! Paths to operations, and what each resource allows.

use crate::sim::apple::organization::Edition;
use crate::sim::calls::CallKind;

/// An operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    ListDevices,
    ReadDevice,
    ReadLinkage,
    ReadAssigned,
    ReadCoverage,
    ReadLock,
    ListServices,
    ReadService,
    CreateService,
    UpdateService,
    DeleteService,
    ListLinkages,
    CreateActivity,
    ReadActivity,
    ListBuiltIn,
    ReadBuiltIn,
    /// A resource that does not allow what was asked.
    Refused(&'static Resource, &'static str),
    Unknown,
}

/// A path with what it allows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// The name that refusals give it.
    pub name: &'static str,
    /// Its path below `/v1`; `*` stands for an id.
    path: &'static [&'static str],
    /// Operations that are allowed at it, and at its other path.
    pub allowed: &'static [&'static str],
    /// Methods, with the operation that each is, and the name that counters and faults give it.
    methods: &'static [(&'static str, Operation, &'static str)],
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    pub operation: Operation,
    /// As counters and faults name it.
    pub name: &'static str,
    pub kind: CallKind,
    /// The id in the path; empty where there is none.
    pub id: &'a str,
}

const COLLECTION: &str = "GET_COLLECTION";
const INSTANCE: &str = "GET_INSTANCE";
const RELATIONSHIP: &str = "GET_RELATIONSHIP";
const RELATED: &str = "GET_RELATED";

/// What both editions have. The names of the operations on relationships are made up.
const BOTH: [Resource; 9] = {
    use Operation as O;
    [
        Resource {
            name: "orgDevices",
            path: &["orgDevices"],
            allowed: &[COLLECTION, INSTANCE],
            methods: &[("GET", O::ListDevices, "list devices")],
        },
        Resource {
            name: "orgDevices",
            path: &["orgDevices", "*"],
            allowed: &[COLLECTION, INSTANCE],
            methods: &[("GET", O::ReadDevice, "read device")],
        },
        Resource {
            name: "orgDevices.assignedServer",
            path: &["orgDevices", "*", "relationships", "assignedServer"],
            allowed: &[RELATIONSHIP],
            methods: &[("GET", O::ReadLinkage, "read assigned linkage")],
        },
        Resource {
            name: "orgDevices.assignedServer",
            path: &["orgDevices", "*", "assignedServer"],
            allowed: &[RELATED],
            methods: &[("GET", O::ReadAssigned, "read assigned service")],
        },
        Resource {
            name: "orgDevices.appleCareCoverage",
            path: &["orgDevices", "*", "appleCareCoverage"],
            allowed: &[RELATED],
            methods: &[("GET", O::ReadCoverage, "read coverage")],
        },
        Resource {
            name: "mdmServers.devices",
            path: &["mdmServers", "*", "relationships", "devices"],
            allowed: &[RELATIONSHIP],
            methods: &[("GET", O::ListLinkages, "list linkages")],
        },
        // The related form is refused, only the relationship is there.
        Resource {
            name: "mdmServers.devices",
            path: &["mdmServers", "*", "devices"],
            allowed: &[RELATIONSHIP],
            methods: &[],
        },
        Resource {
            name: "orgDeviceActivities",
            path: &["orgDeviceActivities"],
            allowed: &["CREATE", INSTANCE],
            methods: &[("POST", O::CreateActivity, "create activity")],
        },
        Resource {
            name: "orgDeviceActivities",
            path: &["orgDeviceActivities", "*"],
            allowed: &["CREATE", INSTANCE],
            methods: &[("GET", O::ReadActivity, "read activity")],
        },
    ]
};

const SERVICE_OPERATIONS: &[&str] = &[COLLECTION, INSTANCE, "CREATE", "UPDATE", "DELETE"];

/// What only Business has.
const BUSINESS: [Resource; 5] = {
    use Operation as O;
    [
        Resource {
            name: "mdmServers",
            path: &["mdmServers"],
            allowed: SERVICE_OPERATIONS,
            methods: &[
                ("GET", O::ListServices, "list services"),
                ("POST", O::CreateService, "create service"),
            ],
        },
        Resource {
            name: "mdmServers",
            path: &["mdmServers", "*"],
            allowed: SERVICE_OPERATIONS,
            methods: &[
                ("GET", O::ReadService, "read service"),
                ("PATCH", O::UpdateService, "update service"),
                ("DELETE", O::DeleteService, "delete service"),
            ],
        },
        Resource {
            name: "orgDevices.activationLockStatus",
            path: &["orgDevices", "*", "activationLockStatus"],
            allowed: &[RELATED],
            methods: &[("GET", O::ReadLock, "read activation lock")],
        },
        Resource {
            name: "mdmDevices",
            path: &["mdmDevices"],
            allowed: &[COLLECTION],
            methods: &[("GET", O::ListBuiltIn, "list built-in devices")],
        },
        Resource {
            name: "mdmDevices.details",
            path: &["mdmDevices", "*", "details"],
            allowed: &[INSTANCE],
            methods: &[("GET", O::ReadBuiltIn, "read built-in device")],
        },
    ]
};

/// What School has in the place of it. Whether it has single services and locks is not certain: the
/// former stand in its index, of the latter nothing is known.
const SCHOOL: [Resource; 2] = {
    use Operation as O;
    [
        Resource {
            name: "mdmServers",
            path: &["mdmServers"],
            allowed: &[COLLECTION, INSTANCE],
            methods: &[("GET", O::ListServices, "list services")],
        },
        Resource {
            name: "mdmServers",
            path: &["mdmServers", "*"],
            allowed: &[COLLECTION, INSTANCE],
            methods: &[("GET", O::ReadService, "read service")],
        },
    ]
};

static BOTH_TABLE: &[Resource] = &BOTH;
static BUSINESS_TABLE: &[Resource] = &BUSINESS;
static SCHOOL_TABLE: &[Resource] = &SCHOOL;

impl Resource {
    /// The id in the path, empty where it has none; `None`: it is another path.
    fn id_in<'a>(&self, segments: &[&'a str]) -> Option<&'a str> {
        if self.path.len() != segments.len() {
            return None;
        }
        let mut id = "";
        for (known, segment) in self.path.iter().zip(segments) {
            match *known {
                "*" if segment.is_empty() => return None,
                "*" => id = segment,
                known if known != *segment => return None,
                _ => {}
            }
        }
        Some(id)
    }

    fn is_collection(&self) -> bool {
        !self.path.contains(&"*")
    }
}

/// Finds the operation of a request.
pub(super) fn find<'a>(edition: Edition, method: &str, path: &'a str) -> Route<'a> {
    let unknown = Route { operation: Operation::Unknown, name: "unknown", kind: CallKind::Read, id: "" };
    let Some(below) = path.strip_prefix("/v1/") else { return unknown };
    let segments: Vec<&str> = below.split('/').collect();
    let own = match edition {
        Edition::Business => BUSINESS_TABLE,
        Edition::School => SCHOOL_TABLE,
    };
    let mut all = BOTH_TABLE.iter().chain(own);
    let found = all.find_map(|resource| Some((resource, resource.id_in(&segments)?)));
    let Some((resource, id)) = found else { return unknown };
    match resource.methods.iter().find(|(known, _, _)| *known == method) {
        Some((_, operation, name)) => {
            let kind = if method == "GET" { CallKind::Read } else { CallKind::Write };
            Route { operation: *operation, name, kind, id }
        }
        None => {
            let refused = match method {
                "GET" if segments.len() > 2 => RELATED,
                "GET" if resource.is_collection() => COLLECTION,
                "GET" => INSTANCE,
                "POST" => "CREATE",
                "PATCH" => "UPDATE",
                "DELETE" => "DELETE",
                _ => "REPLACE",
            };
            Route { operation: Operation::Refused(resource, refused), ..unknown }
        }
    }
}
