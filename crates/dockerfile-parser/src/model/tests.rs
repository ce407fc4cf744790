use super::scope::Inputs;
use super::*;
use crate::parse;

#[track_caller]
fn errors(text: &str, expected: &[&str]) {
    let parsed = parse(text);
    let model = Model::new(&parsed);
    let found: Vec<&str> = model.errors.iter().map(|error| error.code).collect();
    assert_eq!(found, expected, "{text:?}");
}

/// The value of `name` at the last instruction.
#[track_caller]
fn value(text: &str, name: &str, expected: Option<&str>) {
    let parsed = parse(text);
    let model = Model::new(&parsed);
    let scope = model.scope_at(parsed.instructions.len() - 1, &Inputs::default());
    assert_eq!(scope.get(name), expected, "{text:?}");
}

#[test]
fn stages_refer_to_each_other() {
    let text = "FROM a AS B\nFROM b\nRUN --mount=from=B,target=/x y\nFROM c\nCOPY --from=1 a /\n";
    let parsed = parse(text);
    let model = Model::new(&parsed);
    assert_eq!(model.stages.len(), 3);
    assert_eq!(model.stages[1].base, Base::Stage(0));
    assert_eq!(model.stages[2].references[0].stage, 1);
    assert_eq!(model.reachable(2), [0, 1, 2]);
    assert_eq!(model.reachable(0), [0]);
    assert_eq!(model.stage_of(0).map(|stage| stage.index), Some(0));
    assert_eq!(model.stage_of(2).map(|stage| stage.index), Some(1));
    assert_eq!(model.stage_of(4).map(|stage| stage.index), Some(2));
}

#[test]
fn faults_of_the_whole() {
    errors("RUN x\nFROM a\n", &["before-from"]);
    errors("ARG a\n", &["no-stage"]);
    errors("FROM a\nCOPY --from=0 x y\n", &["stage-cycle"]);
    errors("FROM a\nCOPY --from=7 x y\n", &["invalid-stage-number"]);
    errors("FROM a\nCOPY --from=z x y\nFROM q AS z\n", &["stage-order"]);
    errors("FROM a AS x\nCOPY --from=y a b\nFROM x AS y\n", &["stage-cycle"]);
    errors("FROM a AS b\nFROM c\nCOPY --from=B x y\n", &[]);
}

#[test]
fn scopes() {
    value("FROM x\nENV a=2\nARG a=1\nRUN y", "a", Some("1"));
    value("FROM x\nENV a=2\nARG a\nRUN y", "a", Some("2"));
    value("FROM x\nARG a=1\nENV a=2\nRUN y", "a", Some("2"));
    value("FROM x\nENV a=0\nENV a=1 b=${a}2\nRUN y", "b", Some("02"));
    value("FROM x\nARG a=1 b=${a}2\nRUN y", "b", Some("12"));
    value("ARG x=g\nFROM a\nARG y=$x\nRUN y", "y", Some(""));
    value("ARG x=g\nFROM a\nARG x\nRUN y", "x", Some("g"));
    value("ARG x=g\nFROM a\nRUN y", "x", None);
    value("FROM a AS b\nARG x=1\nFROM b\nRUN y", "x", Some("1"));
    value("FROM a AS b\nARG x=1\nFROM c\nRUN y", "x", None);
}

#[test]
fn settings_in_force() {
    let text = "FROM a AS b\nCMD x\nUSER u\nFROM b\nWORKDIR /w\nENTRYPOINT e\nRUN y\n";
    let parsed = parse(text);
    let model = Model::new(&parsed);
    let settings = model.settings_at(1, 6);
    assert_eq!(settings.user.map(Text::as_str), Some("u"));
    assert_eq!(settings.workdirs.len(), 1);
    assert!(settings.entrypoint.is_some() && settings.cmd.is_none());
    assert!(settings.has_image_base);
}
