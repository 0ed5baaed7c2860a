//! The operations of Apple Business and Apple School: which description each body has to fit, which
//! parameters it knows, and with which status it can end (reference sections 4 to 7).

/// Which of the two has an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Has {
    /// Both.
    Both,
    /// Apple Business alone.
    Business,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its method.
    pub method: &'static str,
    /// Its path; `*` stands for an id.
    pub path: &'static str,
    /// Who has it.
    pub has: Has,
    /// The schema of its body; `None`: it has none.
    pub request: Option<&'static str>,
    /// The status of success.
    pub success: u16,
    /// The schema of the answer of success; `None`: it has no body.
    pub answer: Option<&'static str>,
    /// Whether the answer is a page of a list: then there are `limit` and `cursor`.
    pub is_list: bool,
    /// The resource whose members can be asked for with `fields[…]`.
    pub fields: Option<&'static str>,
    /// The refusals that are documented or were seen.
    pub refusals: &'static [u16],
}

const LIST: &[u16] = &[400, 401, 403, 429];
const SINGLE: &[u16] = &[400, 401, 403, 404, 429];
const CREATE: &[u16] = &[400, 401, 403, 409, 422, 429];
const UPDATE: &[u16] = &[400, 401, 403, 404, 409, 422, 429];
const DELETE: &[u16] = &[400, 401, 403, 404, 409, 429];

const fn list(
    path: &'static str,
    has: Has,
    answer: &'static str,
    fields: Option<&'static str>,
    refusals: &'static [u16],
) -> Operation {
    let (method, success, request) = ("GET", 200, None);
    Operation { method, path, has, request, success, answer: Some(answer), is_list: true, fields, refusals }
}

const fn single(
    path: &'static str,
    has: Has,
    answer: &'static str,
    fields: Option<&'static str>,
) -> Operation {
    Operation { is_list: false, ..list(path, has, answer, fields, SINGLE) }
}

const fn write(
    method: &'static str,
    path: &'static str,
    has: Has,
    bodies: (Option<&'static str>, Option<&'static str>),
    success: u16,
    refusals: &'static [u16],
) -> Operation {
    let (request, answer) = bodies;
    Operation { method, path, has, request, success, answer, is_list: false, fields: None, refusals }
}

/// All of them that this project has to do with. `GET /v1/mdmServers/{id}` stands in School's index too.
pub const OPERATIONS: [Operation; 15] = {
    use Has::{Both, Business};
    let (devices, services) = (Some("orgDevices"), Some("mdmServers"));
    [
        list("/v1/orgDevices", Both, "OrgDevicesResponse", devices, LIST),
        single("/v1/orgDevices/*", Both, "OrgDeviceResponse", devices),
        single("/v1/orgDevices/*/relationships/assignedServer", Both, "AssignedServerLinkage", None),
        single("/v1/orgDevices/*/assignedServer", Both, "AssignedServerResponse", services),
        list(
            "/v1/orgDevices/*/appleCareCoverage",
            Both,
            "AppleCareCoverageResponse",
            Some("appleCareCoverage"),
            SINGLE,
        ),
        single("/v1/orgDevices/*/activationLockStatus", Business, "ActivationLockResponse", None),
        list("/v1/mdmServers", Both, "MdmServersResponse.json", services, LIST),
        single("/v1/mdmServers/*", Both, "MdmServerResponse", services),
        list("/v1/mdmServers/*/relationships/devices", Both, "DeviceLinkages", None, SINGLE),
        list("/v1/mdmDevices", Business, "MdmDevicesResponse", None, LIST),
        single("/v1/mdmDevices/*/details", Business, "MdmDeviceResponse", None),
        write(
            "POST",
            "/v1/mdmServers",
            Business,
            (Some("MdmServerCreateRequest"), Some("MdmServerResponse")),
            201,
            CREATE,
        ),
        write(
            "PATCH",
            "/v1/mdmServers/*",
            Business,
            (Some("MdmServerUpdateRequest"), Some("MdmServerResponse")),
            200,
            UPDATE,
        ),
        write("DELETE", "/v1/mdmServers/*", Business, (None, None), 204, DELETE),
        write(
            "POST",
            "/v1/orgDeviceActivities",
            Both,
            (Some("OrgDeviceActivityCreateRequest.json"), Some("OrgDeviceActivityResponse.json")),
            201,
            CREATE,
        ),
    ]
};

/// Separate, since its parameters have a name of their own.
pub const READ_ACTIVITY: Operation = single(
    "/v1/orgDeviceActivities/*",
    Has::Both,
    "OrgDeviceActivityResponse.json",
    Some("orgDeviceActivities"),
);

/// What may be asked for with `fields[…]` of a resource: members that were there before migrations, and
/// names of relationships (reference sections 4.2, 4.4, 5.1 and 6.3).
pub fn fields(resource: &str) -> &'static [&'static str] {
    match resource {
        "orgDevices" => &[
            "serialNumber",
            "addedToOrgDateTime",
            "releasedFromOrgDateTime",
            "updatedDateTime",
            "deviceModel",
            "productFamily",
            "productType",
            "deviceCapacity",
            "partNumber",
            "orderNumber",
            "color",
            "orderDateTime",
            "status",
            "imei",
            "meid",
            "eid",
            "wifiMacAddress",
            "bluetoothMacAddress",
            "ethernetMacAddress",
            "purchaseSourceType",
            "purchaseSourceId",
            "assignedServer",
            "appleCareCoverage",
        ],
        "mdmServers" => &[
            "serverName",
            "serverType",
            "status",
            "deviceCount",
            "enableMdmDisownFlag",
            "defaultProductFamilies",
            "lastConnectedDateTime",
            "lastConnectedIp",
            "createdDateTime",
            "updatedDateTime",
            "devices",
        ],
        "appleCareCoverage" => &[
            "status",
            "paymentType",
            "description",
            "startDateTime",
            "endDateTime",
            "isRenewable",
            "isCanceled",
            "contractCancelDateTime",
            "agreementNumber",
        ],
        "orgDeviceActivities" => {
            &["status", "subStatus", "createdDateTime", "completedDateTime", "downloadUrl"]
        }
        _ => &[],
    }
}

impl Operation {
    /// The one that a request means; the error says what is wrong with it.
    pub fn find(is_school: bool, method: &str, path: &str) -> Result<&'static Self, String> {
        let all = || OPERATIONS.iter().chain([&READ_ACTIVITY]);
        let there: Vec<&'static Self> = all().filter(|one| one.is_at(path)).collect();
        if there.is_empty() {
            return Err("the API has no such path".to_owned());
        }
        let found = there.into_iter().find(|one| one.method == method);
        let found = found.ok_or_else(|| "the path has no such method".to_owned())?;
        match is_school && found.has == Has::Business {
            true => Err("School does not have this".to_owned()),
            false => Ok(found),
        }
    }

    fn is_at(&self, path: &str) -> bool {
        let (own, given): (Vec<&str>, Vec<&str>) =
            (self.path.split('/').collect(), path.split('/').collect());
        own.len() == given.len()
            && own.iter().zip(given).all(|(own, given)| *own == given || (*own == "*" && !given.is_empty()))
    }

    /// Whether it can end with that status. Without an acceptable `Accept` 406 is seen; what a gateway
    /// says is nobody's promise.
    pub fn ends_with(&self, status: u16) -> bool {
        status == self.success || status == 406 || status >= 500 || self.refusals.contains(&status)
    }
}

/// Whether an error's code goes with its status (reference section 14). Of those that are not listed
/// there nothing is known.
pub fn code_fits(status: u16, code: &str) -> bool {
    let is =
        |prefix: &str| code.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    match status {
        400 => is("PARAMETER_ERROR") || code.starts_with("ENTITY_"),
        403 => is("FORBIDDEN_ERROR") || is("INCLUDED_MDM_NOT_ENABLED"),
        404 => ["NOT_FOUND", "RESOURCE_NOT_FOUND", "PATH_ERROR"].iter().any(|known| is(known)),
        409 => is("ENTITY_ERROR") || is("FAILED_PRECONDITION"),
        _ => !code.is_empty(),
    }
}
