//! Errors of the `token` commands.

use super::{Code, Group};

const fn error(
    code: &'static str,
    exit: u8,
    means: &'static str,
    example: &'static str,
    next: &'static str,
) -> Code {
    Code { code, group: Group::Error, means, example, next, exit: Some(exit) }
}

/// Files from Apple's portal, key pairs, and what is done with them.
pub const TOKENS: &[Code] = &[
    error(
        "token-unknown",
        64,
        "No EnrollmentToken of the folder has this name.",
        "espalier token renew shcool",
        "Take the name in `metadata.name` of the token's document.",
    ),
    error(
        "token-file-too-large",
        1,
        "A server token file has a few thousand bytes; this one is far longer and was not read.",
        "espalier token inspect backup.zip",
        "Name the .p7m that Apple's portal gave.",
    ),
    error(
        "token-file-other",
        1,
        "The file is something else than a server token from Apple: a certificate, a key, a web page, a token that is decrypted already, or nothing that is known.",
        "espalier token inspect certificate.pem --key key.pem --cert certificate.pem",
        "Name the .p7m that Apple's portal gave when the token was downloaded.",
    ),
    error(
        "token-file-truncated",
        1,
        "The file begins as a server token and ends before its content does: it was cut off on its way.",
        "error[token-file-truncated]: the token file is cut off: it ends before its content does",
        "Copy the file again as it is. Only if the downloaded one is cut off itself, download the token anew; that ends the one in use (T-8).",
    ),
    error(
        "token-file-damaged",
        1,
        "The file begins as a server token and then contradicts itself.",
        "error[token-file-damaged]: the token file is damaged: it begins as one and cannot be read to its end",
        "Copy the file again from where it was downloaded to; mail programs and editors change files.",
    ),
    error(
        "token-other-certificate",
        8,
        "Apple encrypts a token for the certificate that was uploaded to the device management service, and that is none of those at hand (T-2). The message says for which it is and which are held.",
        "error[token-other-certificate]: the token file was made for another certificate (issuer CN=school, serial 5d84…) than the one held here (issuer CN=school, serial 71c0…)",
        "Use the key pair whose certificate was uploaded; it may wait in another folder or on another machine, in `.espalier/tokens`. Else upload the certificate of the pair at hand and download the token again.",
    ),
    error(
        "token-key-mismatch",
        8,
        "The private key and the certificate are of different pairs.",
        "espalier token inspect token.p7m --key old-key.pem --cert new-certificate.pem",
        "Name the two files that `espalier token keygen` made together.",
    ),
    error(
        "token-cipher",
        1,
        "The file is encrypted by a cipher that no token of Apple's was seen to have: AES in CBC and GCM and DES-EDE3-CBC are known.",
        "error[token-cipher]: the token file is encrypted by a cipher that espalier does not know (1.2.392.200011.61.1.1.1.2)",
        "Download the token again; report the cipher if it comes again.",
    ),
    error(
        "token-undecryptable",
        8,
        "The file names the certificate at hand, and its key does not open it: the file was changed on its way, or made for another certificate of the same name and serial number.",
        "error[token-undecryptable]: the token file cannot be decrypted with the key of its certificate (issuer CN=school, serial 1)",
        "Copy the file again. If that does not help, upload this certificate and download the token again.",
    ),
    error(
        "token-content",
        1,
        "The file opens, and what is in it is no server token: no JSON, or one that lacks a member. Nothing of it is shown.",
        "error[token-content]: the file decrypts, but what is in it is no server token: the decrypted text has no `access_secret`",
        "See whether it is the server token of a device management service; if it is, download it again.",
    ),
    error(
        "token-key-unusable",
        8,
        "The private key is no PEM text of one, is encrypted, or is no RSA key.",
        "espalier token inspect token.p7m --key certificate.pem --cert certificate.pem",
        "Name the private key that `espalier token keygen` made, unencrypted.",
    ),
    error(
        "token-certificate-unusable",
        8,
        "The certificate is none, neither as PEM nor as DER.",
        "espalier token inspect token.p7m --key key.pem --cert key.pem",
        "Name the certificate that was uploaded to Apple's portal.",
    ),
    error(
        "token-other-server",
        8,
        "The new token signs in at Apple, and is of another device management service than the one whose token it should replace. Devices belong to their service: with another one's token none of them would be there.",
        "error[token-other-server]: the token in the file is of another server at Apple, \"Lab\" (7B…), than that of EnrollmentToken/school, 31…; nothing was replaced",
        "Download the token of the right service. If the service itself was made anew on purpose, correct the document's `id`.",
    ),
    error(
        "token-same-server",
        3,
        "Two documents have a token of one device management service at Apple. Each would give its devices what it wishes and undo what the other did. The one that the ledger knows goes on; if it knows neither, none does.",
        "two EnrollmentToken documents whose `serverToken` is one and the same",
        "Keep one of the two documents, or give each the token of a service of its own.",
    ),
    error(
        "token-server-unknown",
        9,
        "Apple's answer does not say which device management service the token acts for, so that nobody can tell whether it is the right one.",
        "`GET /account` without `server_uuid`",
        "Run it again later; if it lasts, see Apple's system status page.",
    ),
    error(
        "token-missing",
        8,
        "The server token that the document names is not there: the environment variable is not set, or the file cannot be read. Other tokens go on.",
        "serverToken: { env: LAKESIDE_SERVER_TOKEN }, where the runner has no such variable",
        "Give the runner what the document names; `espalier token renew` tells how to get a token.",
    ),
    error(
        "token-key-missing",
        8,
        "The private key or the certificate that the document names is not there, and the token is encrypted for it.",
        "privateKey: { env: LAKESIDE_TOKEN_KEY }, where the runner has no such variable",
        "Give the runner what the document names, or make a pair with `espalier token keygen`.",
    ),
    error(
        "token-place-taken",
        1,
        "A file that `direct` names for the token, the key or the certificate holds something else, which was not written over.",
        "serverToken: README.md",
        "Name another file in the document, or move that one away.",
    ),
    error(
        "token-no-consent",
        3,
        "Uploading a token to an MDM consents to user and device data being sent to Apple. That has to stand in a document that somebody reviewed (T-3).",
        "espalier token import main token.p7m, without `consentToShareData: true` in its document",
        "Write `consentToShareData: true` into the token's document, if that is so.",
    ),
    error(
        "token-no-apple-id",
        3,
        "The MDM keeps with a token which Apple Account made it (T-4), and neither the document nor the MDM says which.",
        "error[token-no-apple-id]: nobody knows whose Apple Account made the token of EnrollmentToken/main (T-4)",
        "Write `appleId` into the token's document.",
    ),
];
