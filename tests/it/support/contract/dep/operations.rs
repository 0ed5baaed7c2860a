//! The operations of Apple's enrollment service: which description each body has to fit, and which
//! refusals each of them knows (reference sections 2.5 and 3).

/// What an answer of status 200 has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The schema of this name.
    Fits(&'static str),
    /// Nothing, or any JSON.
    Anything,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// The methods that mean it.
    pub methods: &'static [&'static str],
    /// The whole path.
    pub path: &'static str,
    /// Its query parameters; every one of them is needed.
    pub query: &'static [&'static str],
    /// The schema of its body; `None`: it has none.
    pub request: Option<&'static str>,
    /// Its answer.
    pub answer: Answer,
    /// Status and code of the refusals that only it knows. An empty code: any text.
    pub refusals: &'static [(u16, &'static str)],
}

const USER_AGENT: [(u16, &str); 2] = [(400, "USER_AGENT_MISSING"), (400, "USER_AGENT_INVALID")];

/// Refusals of every operation but the sign-in.
const COMMON: [(u16, &str); 7] = [
    (400, "MALFORMED_REQUEST_BODY"),
    (403, "ACCESS_DENIED"),
    (403, "T_C_NOT_SIGNED"),
    (403, "FORBIDDEN"),
    (403, "signature_invalid"),
    (403, "token_rejected"),
    (405, ""),
];

const DEVICE_ID_REQUIRED: (u16, &str) = (400, "DEVICE_ID_REQUIRED");
const PROFILE_UUID_REQUIRED: (u16, &str) = (400, "PROFILE_UUID_REQUIRED");
const ORG_NOT_SUPPORTED: (u16, &str) = (400, "ORG_NOT_SUPPORTED");

const NONE: Operation = Operation {
    methods: &["GET"],
    path: "",
    query: &[],
    request: None,
    answer: Answer::Anything,
    refusals: &[],
};

const ASSIGN: Operation = Operation {
    methods: &["POST", "PUT"],
    path: "/profile/devices",
    request: Some("ProfileServiceRequest.json"),
    answer: Answer::Fits("AssignProfileResponse.json"),
    // The text of the 404 is not described anywhere.
    refusals: &[DEVICE_ID_REQUIRED, PROFILE_UUID_REQUIRED, (404, "")],
    ..NONE
};

/// All of them.
pub const OPERATIONS: [Operation; 16] = [
    Operation {
        path: "/session",
        answer: Answer::Fits("Session"),
        // Their texts are not described.
        refusals: &[(400, ""), (403, "")],
        ..NONE
    },
    Operation { path: "/account", answer: Answer::Fits("AccountDetail.json"), ..NONE },
    Operation {
        methods: &["POST"],
        path: "/server/devices",
        request: Some("FetchDeviceRequest.json"),
        answer: Answer::Fits("FetchDeviceResponse.json"),
        refusals: &[(400, "INVALID_CURSOR"), (400, "EXHAUSTED_CURSOR")],
        ..NONE
    },
    Operation {
        methods: &["POST"],
        path: "/devices/sync",
        request: Some("SyncDeviceRequest.json"),
        answer: Answer::Fits("FetchDeviceResponse.json"),
        refusals: &[
            (400, "CURSOR_REQUIRED"),
            (400, "INVALID_CURSOR"),
            (400, "EXHAUSTED_CURSOR"),
            (400, "EXPIRED_CURSOR"),
        ],
        ..NONE
    },
    Operation {
        methods: &["POST"],
        path: "/devices",
        request: Some("DeviceListRequest.json"),
        answer: Answer::Fits("DeviceListResponse.json"),
        refusals: &[DEVICE_ID_REQUIRED],
        ..NONE
    },
    Operation {
        methods: &["POST"],
        path: "/devices/disown",
        request: Some("DeviceListRequest.json"),
        answer: Answer::Fits("DeviceStatusResponse.json"),
        refusals: &[DEVICE_ID_REQUIRED],
        ..NONE
    },
    Operation {
        methods: &["POST"],
        path: "/profile",
        request: Some("Profile.json"),
        answer: Answer::Fits("DefineProfileResponse.json"),
        refusals: &[
            (400, "CONFIG_NAME_REQUIRED"),
            (400, "CONFIG_NAME_INVALID"),
            (400, "CONFIG_URL_REQUIRED"),
            (400, "CONFIG_URL_INVALID"),
            (400, "DEPARTMENT_INVALID"),
            (400, "SUPPORT_PHONE_INVALID"),
            (400, "SUPPORT_EMAIL_INVALID"),
            (400, "MAGIC_INVALID"),
            (400, "FLAGS_INVALID"),
            (400, "LOCALE_INVALID"),
        ],
        ..NONE
    },
    Operation {
        path: "/profile",
        query: &["profile_uuid"],
        answer: Answer::Fits("DefinedProfile"),
        refusals: &[PROFILE_UUID_REQUIRED, (400, "NOT_FOUND")],
        ..NONE
    },
    ASSIGN,
    Operation {
        methods: &["DELETE"],
        path: "/profile/devices",
        request: Some("ClearProfileRequest.json"),
        answer: Answer::Fits("ClearProfileResponse.json"),
        refusals: &[DEVICE_ID_REQUIRED],
        ..NONE
    },
    Operation {
        methods: &["POST"],
        path: "/device/activationlock",
        request: Some("ActivationLockRequest.json"),
        answer: Answer::Fits("ActivationLockStatusResponse.json"),
        ..NONE
    },
    Operation {
        path: "/device/replacementDetails",
        query: &["device"],
        answer: Answer::Fits("Replacement"),
        refusals: &[DEVICE_ID_REQUIRED, (404, "DEVICE_NOT_FOUND")],
        ..NONE
    },
    Operation {
        path: "/os-beta-enrollment/tokens",
        answer: Answer::Fits("GetSeedBuildTokenResponse.json"),
        refusals: &[(403, "APPLE_SEED_FOR_IT_TURNED_OFF")],
        ..NONE
    },
    Operation {
        path: "/account-driven-enrollment/profile",
        answer: Answer::Fits("GetAccountDrivenEnrollmentProfileResponse.json"),
        refusals: &[ORG_NOT_SUPPORTED, (404, "NOT_FOUND")],
        ..NONE
    },
    Operation {
        methods: &["POST"],
        path: "/account-driven-enrollment/profile",
        request: Some("AccountDrivenEnrollmentProfileRequest.json"),
        refusals: &[
            ORG_NOT_SUPPORTED,
            (400, "MDM_SERVICE_DISCOVERY_URL_REQUIRED"),
            (400, "MDM_SERVICE_DISCOVERY_URL_NOT_VALID"),
        ],
        ..NONE
    },
    Operation {
        methods: &["DELETE"],
        path: "/account-driven-enrollment/profile",
        refusals: &[ORG_NOT_SUPPORTED],
        ..NONE
    },
];

impl Operation {
    /// The one that a request means; the error says what is wrong with it.
    pub fn find(method: &str, path: &str) -> Result<&'static Self, String> {
        let there: Vec<&'static Self> = OPERATIONS.iter().filter(|one| one.path == path).collect();
        if there.is_empty() {
            return Err("the service has no such path".to_owned());
        }
        let found = there.into_iter().find(|one| one.methods.contains(&method));
        found.ok_or_else(|| "the path has no such method".to_owned())
    }

    /// Whether the service refuses this with that status and code.
    pub fn refuses(&self, status: u16, code: &str) -> bool {
        // What gateways say, and what a 401 says, is nobody's promise.
        if status == 401 || status == 429 || status >= 500 {
            return true;
        }
        let fits = |(known, word): &(u16, &str)| *known == status && (word.is_empty() || *word == code);
        let common: &[(u16, &str)] = if self.path == "/session" { &[] } else { &COMMON };
        self.refusals.iter().chain(common).chain(&USER_AGENT).any(fits)
    }
}
