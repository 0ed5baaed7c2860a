use clap::CommandFactory as _;

use super::*;

/// The arguments of every command of this version, whether it is in [`Command`] already or not.
#[derive(Debug, Parser)]
#[command(name = "espalier")]
struct Whole {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Every,
}

#[derive(Debug, Subcommand)]
enum Every {
    Demo(DemoArgs),
    Validate(ValidateArgs),
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Drift(DriftArgs),
    Watch(WatchArgs),
    Status(StatusArgs),
    Devices(DevicesArgs),
    Sim(SimArgs),
    Ledger(LedgerArgs),
}

fn parse(line: &str) -> Result<Whole, clap::Error> {
    Whole::try_parse_from(std::iter::once("espalier").chain(line.split_whitespace()))
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
    Whole::command().debug_assert();
}

#[test]
fn lines_of_the_design_are_understood() {
    for line in [
        "demo --keep there",
        "validate --format json",
        "validate --format sarif",
        "validate --format github",
        "validate --format gitlab",
        "plan --format markdown --max-size 1000000",
        "plan --format sarif",
        "apply --yes --format markdown --max-size 2000",
        "plan fleet -o plan.json --format json --detailed-exitcode --show-unmanaged --dangerous-allow-empty",
        "plan --sim --detailed-exitcode",
        "apply plan.json --folder fleet --yes --wait 15m",
        "drift fleet --format json --detailed-exitcode",
        "watch fleet --listen 127.0.0.1:9464 --format json",
        "status --exit-code --format json",
        "devices --unassigned --format csv",
        "sim serve fleet --world w.json --ports-from 9000 --record calls.jsonl",
        "sim step 15m fleet",
        "sim reset fleet",
        "ledger create fleet",
        "ledger check",
        "ledger journal --last 20",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn sim_takes_its_value_behind_an_equals_sign_only() {
    let sim = |line: &str| parse(line).unwrap().global.sim;
    assert_eq!(sim("plan fleet"), None);
    assert_eq!(sim("plan --sim fleet"), Some(SimSource::Folder));
    assert_eq!(sim("--sim plan fleet"), Some(SimSource::Folder));
    assert_eq!(sim("plan --sim=world.json"), Some(SimSource::World("world.json".into())));
    assert_eq!(sim("plan --sim=http://127.0.0.1:9"), Some(SimSource::Url("http://127.0.0.1:9".to_owned())));
    let Every::Plan(args) = parse("plan --sim fleet").unwrap().command else { panic!("plan") };
    assert_eq!(args.folder, PathBuf::from("fleet"));
}

#[test]
fn an_override_names_one_gate_and_one_digest() {
    let line = format!("apply --override limit/update/school={DIGEST} --override protected/token/a={DIGEST}");
    let Every::Apply(args) = parse(&line).unwrap().command else { panic!("apply") };
    assert_eq!(
        args.overrides[0],
        Override { gate: "limit/update/school".to_owned(), digest: DIGEST.to_owned() }
    );
    assert_eq!(args.overrides.len(), 2);
    for wrong in ["limit/update/school".to_owned(), format!("={DIGEST}"), "gate=sha256:12".to_owned()] {
        assert!(parse(&format!("apply --override {wrong}")).is_err(), "{wrong}");
    }
    assert!(parse(&format!("apply --expect-digest {}", DIGEST.to_uppercase())).is_err());
    assert!(parse(&format!("apply --expect-digest {DIGEST}")).is_ok());
}

#[test]
fn what_is_no_command_line_is_refused() {
    for line in
        ["", "plan a b", "apply --wait 5", "plan --format xml", "sim", "ledger", "sim serve --ports-from 0"]
    {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn apply_takes_a_folder_or_a_plan_of_a_folder() {
    let apply = |line: String| match parse(&line).unwrap().command {
        Every::Apply(args) => args,
        other => panic!("{other:?}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_path_buf();
    let file = at.join("plan.json");
    assert_eq!(apply(format!("apply {}", at.display())).source(), Ok(ApplySource::Folder(at.clone())));
    assert_eq!(
        apply(format!("apply {} --folder fleet", file.display())).source(),
        Ok(ApplySource::Plan { file: file.clone(), folder: "fleet".into() })
    );
    assert_eq!(
        apply(format!("apply {}", file.display())).source(),
        Ok(ApplySource::Plan { file, folder: ".".into() })
    );
    let wrong = apply(format!("apply {} --folder fleet", at.display())).source().unwrap_err();
    assert_eq!(wrong.code, ExitCode::Usage);
}

#[test]
fn apply_waits_longer_where_nobody_sits() {
    let apply = |line| match parse(line).unwrap().command {
        Every::Apply(args) => (args.wait(true).as_secs(), args.wait(false).as_secs()),
        other => panic!("{other:?}"),
    };
    assert_eq!(apply("apply"), (300, 1200));
    assert_eq!(apply("apply --wait 30s"), (30, 30));
}
