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

#[test]
fn what_can_be_written_instead_is_told_with_what_is_missing() {
    for (line, other) in [("espalier action archive", "--ended"), ("espalier action approve", "--plan")] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err("something is missing").to_string();
        assert!(error.contains(other), "{line}: {error}");
    }
    for line in [
        "espalier action archive one two",
        "espalier action archive --ended",
        "espalier action approve --plan x",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    assert!(Cli::try_parse_from("espalier action archive one --ended".split(' ')).is_err());
}

/// Terminals are of many widths: a text that is broken by hand breaks a second time on a narrow one.
#[test]
fn sentences_of_help_are_broken_by_the_terminal_alone() {
    fn check(command: &clap::Command) {
        let texts = [command.get_after_help(), command.get_after_long_help(), command.get_long_about()];
        for text in texts.into_iter().flatten().map(ToString::to_string) {
            let lines: Vec<&str> = text.lines().collect();
            for two in lines.windows(2) {
                let is_prose = |line: &str| line.starts_with(|one: char| one.is_alphanumeric() || one == '`');
                let is_over = two[0].ends_with(['.', ':']);
                assert!(
                    is_over || !is_prose(two[0]) || !is_prose(two[1]),
                    "{}: {:?} goes on in {:?}",
                    command.get_name(),
                    two[0],
                    two[1]
                );
            }
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

/// Every command that stands in backquotes in the sources, with its words.
fn suggested(folder: &std::path::Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            suggested(&path, all);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let commands = text.split("`espalier ").skip(1).filter_map(|rest| rest.split(['`', '\n']).next());
            all.extend(commands.map(|words| (path.display().to_string(), words.to_owned())));
        }
    }
}

#[test]
fn p14_every_command_that_a_message_suggests_is_one() {
    let mut all = Vec::new();
    suggested(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 100, "{}", all.len());
    let whole = Cli::command();
    for (file, words) in all {
        let mut command = &whole;
        for word in words.split_whitespace() {
            let is_plain = |letter: char| letter.is_ascii_lowercase() || letter == '-';
            if word.starts_with('-') || !word.chars().all(is_plain) {
                break;
            }
            let takes = |one: &clap::Arg| one.is_positional() && one.get_id() != "folder";
            match command.find_subcommand(word) {
                Some(below) => command = below,
                // A value of its own: `explain ledger-missing`.
                None if command.get_arguments().any(takes) => break,
                None => {
                    panic!("{file}: `espalier {words}`: there is no `{word}` under {}", command.get_name())
                }
            }
        }
    }
}
