//! Errors of `action` and `escrow`.

use super::Code;
use super::errors::error;

/// Errors of what is asked of devices, and of what is sealed of them.
pub const ACTIONS: &[Code] = &[
    error(
        "bad-serial-argument",
        64,
        "The text is no serial number: those are letters and digits.",
        "espalier action new lock --serial 'DM PX' --reason lost",
        "Write it as the device or `espalier devices` shows it.",
    ),
    error(
        "device-unknown",
        64,
        "No record of an enrolled device at the MDM has this serial number, user or name, or the one that has it has no serial number. What is asked of a device goes to its record.",
        "error[device-unknown]: no device at the MDM has the user ada@contoso.com",
        "See `espalier devices`. A device that is not enrolled has no record; the next enrollment makes one.",
    ),
    error(
        "device-not-enrolled",
        64,
        "A token, an organisation at Apple or a document names the serial number, and the MDM has no record of it: the device is not enrolled, or was released. Nothing can be asked of it.",
        "error[device-not-enrolled]: DMPXK0A1LM7Q is known on token offices, not enrolled: the MDM has no record of it",
        "Let it enroll: the record is there then. To give it up at Apple is `espalier action new release`.",
    ),
    error(
        "device-ambiguous",
        64,
        "Several records fit, and which device is meant nobody should guess. Two live records of one serial number stop every act on it (D-3).",
        "error[device-ambiguous]: 2 records have the user ada@contoso.com:",
        "Name the device by its serial number; delete a stale record in the portal.",
    ),
    error(
        "action-unknown",
        64,
        "No DeviceAction document has this name, the plan has no act of it for that device, or the ledger knows no such act: no apply has seen a document that asks for it.",
        "error[action-unknown]: there is no DeviceAction `lost-ipd`",
        "See `espalier action list` for the documents, and for the acts that the ledger knows.",
    ),
    error(
        "action-name-taken",
        64,
        "A document or the ledger has this name already. The identity of an act is its name and its device, for ever: an old name would never be done again.",
        "espalier action new lock --serial DMPXK0A1 --name-document lost --reason lost",
        "Give another name, or none: one is made.",
    ),
    error(
        "action-open",
        4,
        "The document has an act that has not ended. Removing it would cancel what was not sent.",
        "error[action-open]: DeviceAction/lost has not ended: DMPXK0A1 is sent",
        "Wait for its end (`espalier apply` follows it), `espalier action resolve` what nobody can tell, or `espalier action cancel` it.",
    ),
    error(
        "reason-missing",
        64,
        "What people ask of devices from class disruptive up, and what they open or resolve, is recorded with a reason.",
        "espalier action new wipe --serial DMPXK0A1",
        "Write it: `--reason TEXT`.",
    ),
    error(
        "plain-secret-argument",
        64,
        "A secret stood on the command line, where every user of the machine can read it, and would have gone into a document.",
        "espalier action new wipe … --set pin=123456",
        "Write where it is: `--set pin='{env: WIPE_PIN}'`.",
    ),
    error(
        "file-exists",
        64,
        "The file is there already, and nothing is overwritten.",
        "error[file-exists]: actions/lost.yaml is there already",
        "Give another name, or move that file away.",
    ),
    error(
        "approval-not-needed",
        4,
        "Nothing of what was named waits for an approval here.",
        "espalier action approve lost",
        "See in `espalier plan` what stands in its way; `Fleet.approvals` says what needs approval.",
    ),
    error(
        "not-signed",
        1,
        "`ssh-keygen` could not be run, or did not sign with this key. The statement was removed again.",
        "espalier action approve lost --key id_ed25519.txt",
        "See what it says; name a private SSH key, or the public half of one that an agent holds.",
    ),
    error(
        "document-not-cut",
        1,
        "The document could not be told from the rest of its file. The file is as it was.",
        "error[document-not-cut]: cannot tell the document from the rest of actions.yaml",
        "Remove the document by hand.",
    ),
    error(
        "nothing-sealed",
        64,
        "The ledger holds nothing sealed of this device, or not under this entry.",
        "espalier escrow reveal DMPXK0A1 --key recovery.pem --reason returned",
        "See `espalier escrow list`. `escrowBypassCode` seals a device's code; without device restrictions that allow Activation Lock there is none (L-7).",
    ),
    error(
        "passphrase-missing",
        64,
        "The environment variable that should hold the key's passphrase is not set.",
        "espalier escrow reveal … --passphrase-env PASSPHRASE",
        "Set it, or say `--passphrase-file FILE`.",
    ),
    error(
        "sealed-damaged",
        1,
        "What is sealed in this entry of the ledger cannot be read as a CMS message.",
        "error[sealed-damaged]: entry 42 of DMPXK0A1 is damaged",
        "`espalier ledger check` looks at everything; put the ledger back from a copy.",
    ),
];
