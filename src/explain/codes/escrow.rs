//! Errors of sealing and opening the secrets of devices, and of those who may approve.

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

/// Recipients, what is sealed to them, and how it is opened (L-4, R-3); signers.
pub const ESCROW: &[Code] = &[
    error(
        "recipients-missing",
        3,
        "Something has to be sealed, and nobody is named to whom it could be.",
        "escrow:\n  recipients: []",
        "Name at least one certificate under `escrow.recipients`.",
    ),
    error(
        "recipient-unreadable",
        3,
        "A recipient's file holds no single X.509 certificate, or holds a private key beside it.",
        "escrow:\n  recipients: [escrow/everybody.pem]",
        "Name one PEM file with one certificate for each recipient; a private key belongs neither there nor in the repository.",
    ),
    error(
        "recipient-unusable",
        3,
        "A recipient's key is one that nothing is sealed to: too short, on another curve, for signing only.",
        "escrow/anna.pem: the key of CN=anna is an RSA key of 1024 bits",
        "Take a certificate with an RSA key of at least 2048 bits, or on P-256, P-384 or P-521.",
    ),
    error(
        "recipient-expired",
        4,
        "A recipient's certificate is not valid at this time. What would be sealed to it may be lost with its key, so nothing is sealed and nothing destroyed.",
        "escrow/anna.pem: the certificate of CN=anna expired at 2026-11-01T00:00:00Z",
        "Renew the certificate and name the new one; keep the old key, for it opens what was sealed to it.",
    ),
    error(
        "seal-empty",
        4,
        "The service gave an empty code. That says that the code is unknown, not that there is none (L-7).",
        "activationLockBypassCode: \"\"",
        "Ask the service again; a wipe without a code needs `acceptNoBypassCode` with its reason.",
    ),
    error(
        "open-key-unusable",
        1,
        "The key is no private key in PEM, or is encrypted and its passphrase is missing or wrong.",
        "espalier escrow reveal C02XYZ --key anna.pem",
        "Name the PEM file of a recipient's private key, and give its passphrase if it has one.",
    ),
    error(
        "open-other-recipient",
        1,
        "What is sealed is not for this certificate, or the private key is not the certificate's.",
        "it is not sealed to CN=bert (9f1c…) but to 04ab…",
        "Use the certificate and the key of one whom it is sealed to.",
    ),
    error(
        "open-refused",
        1,
        "What is sealed does not open: the key is a stranger's, or the ledger was damaged or changed.",
        "espalier escrow reveal C02XYZ --key another.pem",
        "Use the key of one whom it is sealed to; if it is one, take the ledger from its backup.",
    ),
    error(
        "open-other-device",
        1,
        "What is sealed belongs to another device, record or kind of secret than the ledger's row says: somebody changed the ledger. Nothing is shown.",
        "it is sealed as the serial `C02ABC` and stands in the ledger as `C02XYZ`: it is not shown",
        "Keep the ledger as evidence, and take the row from a backup.",
    ),
    error(
        "signers-invalid",
        3,
        "A line of the signers' file is not one of OpenSSH's allowed-signers format, or has something that is not in this version. Who may approve is known of the whole file or not at all.",
        "line 3 of the signers: `cert-authority` is not in this version: name the signers' own keys",
        "Write each line as `PRINCIPALS [OPTIONS] KEYTYPE KEY`, as `man ssh-keygen` has it under ALLOWED SIGNERS.",
    ),
];
