//! What `selvedge doctor` prints: findings for a person or a program, and the declaration as Markdown. It does not know where the text goes.

use std::fmt::Write;

use serde_json::{Value, json};

use super::declaration::{Apply, KNOBS, Kind, Knob, Level, Rule, When};
use super::judge::State;
use super::{Asked, Finding, is_fit};
use crate::settings::DescriptorsChoice;
use crate::settings::report::wrapped;

/// Width of the table.
const COLUMNS: usize = 100;
/// How far the explanation of a finding is set in.
const INDENT: usize = 17;
/// Longest name of a knob, with a space.
const NAME_COLUMNS: usize = 27;

/// For a person: what is wrong with what to do, and what is not in one line each.
#[must_use]
pub fn table(asked: &Asked, findings: &[Finding]) -> String {
    let mut text = format!("Held against {} connections at once, {}.\n", asked.connections, kept_as(asked));
    let mut group = "";
    for finding in findings {
        if finding.knob.group != group {
            group = &finding.knob.group;
            text += &format!("\n{group}\n");
        }
        push(&mut text, finding);
    }
    text += &summary(findings);
    text
}

fn kept_as(asked: &Asked) -> &'static str {
    match asked.descriptors {
        DescriptorsChoice::Process => "each a descriptor of the process",
        DescriptorsChoice::Direct => "each a direct descriptor of a ring",
    }
}

fn push(text: &mut String, finding: &Finding) {
    let what = match (finding.state, finding.found.is_empty()) {
        (_, true) => finding.note.clone(),
        (state, false) if !state.is_wrong() && finding.note.is_empty() => finding.found.clone(),
        (state, false) if !state.is_wrong() => format!("{} ({})", finding.found, finding.note),
        (_, false) => format!("{}, wanted {}", finding.found, finding.wanted),
    };
    let first = INDENT + NAME_COLUMNS;
    for (line, part) in wrapped(&what, COLUMNS - first).iter().enumerate() {
        let (state, name) = if line == 0 { (finding.state.text(), finding.knob.name.as_str()) } else { ("", "") };
        let row = format!("  {state:<14} {name:<NAME_COLUMNS$}{part}");
        text.push_str(row.trim_end());
        text.push('\n');
    }
    if !finding.state.is_wrong() {
        return;
    }
    let importance = if finding.required { "Required. " } else { "" };
    let mut say = |label: &str, what: &str| {
        for (line, part) in wrapped(what, COLUMNS - INDENT - 6).iter().enumerate() {
            let label = if line == 0 { label } else { "" };
            writeln!(text, "{:INDENT$}{label:<6}{part}", "").expect("a string takes all");
        }
    };
    if !finding.note.is_empty() && !finding.found.is_empty() {
        say("note", &finding.note);
    }
    say("why", &format!("{importance}{}", finding.knob.why));
    say("cost", &finding.knob.cost);
    if let Some(mend) = &finding.mend {
        say("mend", mend);
    }
}

fn summary(findings: &[Finding]) -> String {
    let counted = State::ALL.map(|state| (state, findings.iter().filter(|finding| finding.state == state).count()));
    let parts: Vec<String> = counted
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {}", state.text()))
        .collect();
    let lacking: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.required && finding.state.is_wrong())
        .map(|finding| finding.knob.name.as_str())
        .collect();
    let verdict = if lacking.is_empty() {
        "Nothing that is required is lacking.".to_owned()
    } else {
        format!("Required and lacking: {}.", lacking.join(", "))
    };
    format!("\n{}.\n{}\n", parts.join(", "), wrapped(&verdict, COLUMNS).join("\n"))
}

/// For a program.
#[must_use]
pub fn json(asked: &Asked, findings: &[Finding]) -> String {
    let knobs: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.knob.name,
                "group": finding.knob.group,
                "path": finding.knob.path,
                "required": finding.required,
                "state": finding.state.word(),
                "found": finding.found,
                "wanted": finding.wanted,
                "note": finding.note,
                "why": finding.knob.why,
                "cost": finding.knob.cost,
                "measured": finding.knob.measured,
                "mend": finding.mend,
                "undo": undo(finding.knob),
            })
        })
        .collect();
    let whole = json!({
        "connections": asked.connections,
        "descriptors": match asked.descriptors { DescriptorsChoice::Process => "process", DescriptorsChoice::Direct => "direct" },
        "port": asked.port,
        "fit": is_fit(findings),
        "knobs": knobs,
    });
    format!("{whole:#}\n")
}

fn undo(knob: &Knob) -> &str {
    match (&knob.undo, knob.apply) {
        (Some(undo), _) => undo,
        (None, Apply::Yes) => "tuning/revert",
        (None, Apply::ByHand | Apply::Boot) => "-",
    }
}

/// The declaration, as `tuning/README.md` has it.
#[must_use]
pub fn explain() -> String {
    let mut text =
        String::from("| knob | group | where | rule | target | level | set by |\n|---|---|---|---|---|---|---|\n");
    for knob in KNOBS.iter() {
        let condition = match knob.when {
            When::Always => "",
            When::Process => ", with `--descriptors process`",
            When::Direct => ", with `--descriptors direct`",
            When::Swap => ", where there is swap",
            When::Nodes => ", with several NUMA nodes",
            When::FewQueues => ", with fewer queues than cores",
        };
        let level = match knob.level {
            Level::Required => "required",
            Level::RequiredDirect => "required with direct descriptors",
            Level::Recommended if knob.rule == Rule::LeftAlone => "-",
            Level::Recommended => "recommended",
        };
        let by = match (knob.apply, knob.kind) {
            (Apply::Yes, _) => "apply",
            (Apply::ByHand, Kind::Check) => "-",
            (Apply::ByHand, _) if knob.rule == Rule::LeftAlone => "nobody",
            (Apply::ByHand, _) => "you",
            (Apply::Boot, _) => "boot loader",
        };
        let ceiling = knob.ceiling.as_ref().map(|list| format!("; never above `{list}`")).unwrap_or_default();
        let target = if knob.target.is_empty() { "-".to_owned() } else { format!("`{}`", knob.target) };
        let Knob { name, group, path, .. } = knob;
        let rule = knob.rule.word();
        writeln!(text, "| {name} | {group} | `{path}` | {rule} | {target}{ceiling} | {level}{condition} | {by} |")
            .expect("a string takes all");
    }
    for knob in KNOBS.iter() {
        let Knob { name, why, cost, measured, .. } = knob;
        let mend = knob.mend.as_ref().map(|mend| format!("- Mend: {mend}\n")).unwrap_or_default();
        write!(text, "\n**{name}.** {why}\n\n- Cost: {cost}\n- Measured: {measured}\n{mend}- Undo: {}\n", undo(knob))
            .expect("a string takes all");
    }
    text
}

// A name that does not fit would push what was found to the right.
const _: () = assert!(INDENT + NAME_COLUMNS + 40 <= COLUMNS);
