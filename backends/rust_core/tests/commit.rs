//! A commit from outside: what it asks, and what is left when it fails or is given up.

use lge_core::prelude::*;
use std::sync::Arc;

type TestRun = Run<&'static str>;

fn program() -> Arc<Program> {
    let channel = |name: &str, kind| ChannelSpec {
        name: name.into(),
        kind,
    };
    let graph = Graph {
        channels: vec![
            channel("go", ChannelKind::LastValue),
            channel("sum", ChannelKind::BinaryOperator),
            channel("own", ChannelKind::Custom),
            channel("list", ChannelKind::Topic { accumulate: true }),
        ],
        nodes: vec![NodeSpec {
            name: "n".into(),
            triggers: vec!["go".into()],
            reads: Reads::One("go".into()),
            runs: true,
        }],
        trigger_to_nodes: vec![("go".into(), vec!["n".into()])],
    };
    Arc::new(Program::compile(graph).expect("a good graph"))
}

fn run(program: &Arc<Program>) -> TestRun {
    let (requests, unanswered) = Restore::begin(Arc::clone(program)).requests();
    let initial = Request::Initial {
        channel: ChannelId(1),
    };
    let load = Request::Load {
        channel: ChannelId(2),
        saved: None,
    };
    assert_eq!(requests, [initial, load]);
    unanswered
        .answer(vec![Answer::Nothing, Answer::Value("object")])
        .expect("an initial value may be missing")
}

fn batch<'p>(program: &'p Program, writes: &[(&str, &'static str)]) -> Batch<'p, &'static str> {
    let mut batch = Batch::new(program);
    batch.task(PathKey::Text("~".into()), NodeRef::Named("__input__"));
    for &(name, value) in writes {
        batch.write(program.channel(name).expect("a channel"), value, None);
    }
    batch
}

fn done(step: Result<CommitStep<&'static str>, Refusal<&'static str>>) -> Vec<ChannelId> {
    match step.expect("nothing is refused") {
        Step::Done(committed) => committed.updated,
        Step::Ask(request) => panic!("asked {request:?}"),
    }
}

fn asked(step: Result<CommitStep<&'static str>, Refusal<&'static str>>) -> Request<&'static str> {
    match step.expect("nothing is refused") {
        Step::Ask(request) => request,
        Step::Done(committed) => panic!("done: {committed:?}"),
    }
}

/// Everything a run says about itself, to compare before and after.
fn told(run: &TestRun) -> String {
    let states: Vec<_> = (0..4).map(|id| run.state(ChannelId(id))).collect();
    let versions: Vec<_> = run.channel_versions().collect();
    let seen: Vec<_> = run
        .versions_seen()
        .map(|(node, seen)| (node, seen.collect::<Vec<_>>()))
        .collect();
    format!("{states:?} {versions:?} {seen:?} {:?}", run.max_version())
}

#[test]
fn a_fold_is_asked_and_its_answer_is_stored() {
    let program = program();
    let mut run = run(&program);
    let values = batch(&program, &[("sum", "a"), ("go", "x"), ("sum", "b")]);
    let request = asked(run.begin_commit(values, None));
    let values = Values::from_vec(vec!["a", "b"]);
    assert_eq!(
        request,
        Request::Fold {
            channel: ChannelId(1),
            base: None,
            values
        }
    );
    assert_eq!(run.max_version(), None, "nothing is stored yet");
    let updated = done(run.answer_commit(Answer::Value("ab")));
    assert_eq!(updated, [ChannelId(1), ChannelId(0)]);

    let request = asked(run.begin_commit(batch(&program, &[("sum", "c")]), None));
    let values = Values::from_vec(vec!["c"]);
    assert_eq!(
        request,
        Request::Fold {
            channel: ChannelId(1),
            base: Some("ab"),
            values
        }
    );
}

#[test]
fn a_commit_given_up_leaves_no_trace() {
    let program = program();
    let mut run = run(&program);
    done(run.begin_commit(batch(&program, &[("go", "x"), ("list", "one")]), None));
    let before = told(&run);
    let writes = batch(&program, &[("go", "y"), ("list", "two"), ("sum", "a")]);
    asked(run.begin_commit(writes, None));
    drop(run.abort_commit());
    assert_eq!(told(&run), before);
    done(run.begin_commit(batch(&program, &[("go", "y")]), None));
    assert_eq!(run.state(ChannelId(0)), Some(Saved::Value("y")));
}

#[test]
fn a_refused_commit_leaves_no_trace() {
    let program = program();
    let mut run = run(&program);
    done(run.begin_commit(batch(&program, &[("list", "one")]), None));
    let before = told(&run);
    let writes = batch(&program, &[("list", "two"), ("go", "x"), ("go", "y")]);
    let refusal = run.begin_commit(writes, None).expect_err("two writes");
    assert_eq!(refusal.error.kind, ErrorKind::LastValueMany);
    assert_eq!(refusal.error.context.channel.as_deref(), Some("go"));
    assert_eq!(told(&run), before);
}

#[test]
fn a_custom_channel_is_copied_first_and_falls_back_to_the_copy() {
    let program = program();
    let mut run = run(&program);
    let custom = |call| Request::Custom {
        channel: ChannelId(2),
        object: "object",
        call,
    };
    let request = asked(run.begin_commit(batch(&program, &[("own", "v"), ("sum", "a")]), None));
    assert_eq!(request, custom(CustomCall::Copy));
    let request = asked(run.answer_commit(Answer::Value("copy")));
    assert_eq!(request, custom(CustomCall::Update(vec!["v"])));
    let request = asked(run.answer_commit(Answer::Flag(true)));
    assert_eq!(request, custom(CustomCall::IsAvailable));
    let request = asked(run.answer_commit(Answer::Flag(true)));
    assert!(matches!(request, Request::Fold { .. }));
    drop(run.abort_commit());
    assert_eq!(run.state(ChannelId(2)), Some(Saved::Value("copy")));
    assert_eq!(run.max_version(), None);
}

#[test]
fn one_commit_at_a_time() {
    let program = program();
    let mut run = run(&program);
    asked(run.begin_commit(batch(&program, &[("sum", "a")]), None));
    let refusal = run
        .begin_commit(batch(&program, &[("go", "x")]), None)
        .expect_err("a second");
    assert_eq!(refusal.error.kind, ErrorKind::CommitUnderWay);
    assert_eq!(
        run.see(NodeRef::Named("n")).expect_err("a change").kind,
        ErrorKind::CommitUnderWay
    );
    assert_eq!(done(run.answer_commit(Answer::Value("A"))), [ChannelId(1)]);
}

#[test]
fn an_answer_must_fit_its_question() {
    let program = program();
    let mut run = run(&program);
    let refusal = run
        .answer_commit(Answer::Nothing)
        .expect_err("nobody asked");
    assert_eq!(refusal.error.kind, ErrorKind::WrongAnswer);
    asked(run.begin_commit(batch(&program, &[("sum", "a")]), None));
    let refusal = run
        .answer_commit(Answer::Flag(true))
        .expect_err("a fold makes a value");
    assert_eq!(refusal.error.kind, ErrorKind::WrongAnswer);
    assert_eq!(run.state(ChannelId(1)), None);
    done(run.begin_commit(batch(&program, &[("go", "x")]), None));
}

/// A run of a graph of reducers `a`, `b`, `c`.
fn folding() -> (Arc<Program>, TestRun) {
    let channel = |name: &str| ChannelSpec {
        name: name.into(),
        kind: ChannelKind::BinaryOperator,
    };
    let graph = Graph {
        channels: ["a", "b", "c"].map(channel).to_vec(),
        ..Graph::default()
    };
    let program = Arc::new(Program::compile(graph).expect("a good graph"));
    let (requests, unanswered) = Restore::begin(Arc::clone(&program)).requests();
    let answers = requests.iter().map(|_| Answer::Value("0")).collect();
    (program, unanswered.answer(answers).expect("three values"))
}

#[test]
fn questions_that_follow_one_another_can_be_answered_together() {
    let (program, mut run) = folding();
    let question = |channel, values: &[&'static str]| Request::Fold {
        channel: ChannelId(channel),
        base: Some("0"),
        values: values.iter().copied().collect(),
    };
    let writes = [("c", "1"), ("a", "2"), ("a", "3"), ("b", "4")];
    let first = asked(run.begin_commit(batch(&program, &writes), None));
    let questions = run.with_following(first);
    let expected = [
        question(2, &["1"]),
        question(0, &["2", "3"]),
        question(1, &["4"]),
    ];
    assert_eq!(questions, expected);
    let updated = done(run.answer_all(["C", "A", "B"].map(Answer::Value).to_vec()));
    assert_eq!(updated, [ChannelId(2), ChannelId(0), ChannelId(1)]);
    assert_eq!(run.state(ChannelId(1)), Some(Saved::Value("B")));
}

#[test]
fn a_question_left_open_is_an_error_and_changes_nothing() {
    let (program, mut run) = folding();
    let answers = |count| vec![Answer::Value("new"); count];
    for given in [0, 1, 2, 4] {
        let writes = [("a", "1"), ("b", "2"), ("c", "3")];
        let first = asked(run.begin_commit(batch(&program, &writes), None));
        assert_eq!(run.with_following(first).len(), 3);
        let refusal = run.answer_all(answers(given)).expect_err("three questions");
        assert_eq!(refusal.error.kind, ErrorKind::WrongAnswer);
        assert_eq!(run.state(ChannelId(0)), Some(Saved::Value("0")));
        assert_eq!(run.max_version(), None);
    }
    let first = asked(run.begin_commit(batch(&program, &[("a", "1")]), None));
    assert_eq!(run.with_following(first).len(), 1);
    assert_eq!(done(run.answer_all(answers(1))), [ChannelId(0)]);
}

#[test]
fn a_restore_is_not_finished_with_questions_open() {
    let program = program();
    let few = vec![Answer::Nothing];
    let wrong = vec![Answer::Nothing, Answer::Nothing];
    for answers in [few, wrong] {
        let restore: Restore<&str> = Restore::begin(Arc::clone(&program));
        let (_, unanswered) = restore.requests();
        let error = unanswered
            .answer(answers)
            .expect_err("two channels need preparing");
        assert_eq!(error.kind, ErrorKind::WrongAnswer);
    }
}

#[test]
fn versions_of_another_type_are_refused() {
    let program = program();
    let mut run = run(&program);
    let text = Version::Str("1".into());
    done(run.begin_commit(batch(&program, &[("go", "x")]), Some(text)));
    let number = Some(Version::Int(2));
    let refusal = run
        .begin_commit(batch(&program, &[("go", "y")]), number)
        .expect_err("mixed");
    assert_eq!(refusal.error.kind, ErrorKind::MixedVersions);
    let refusal = run
        .begin_commit(batch(&program, &[("go", "y")]), None)
        .expect_err("no next");
    assert_eq!(refusal.error.kind, ErrorKind::VersionNeeded);
    assert_eq!(run.state(ChannelId(0)), Some(Saved::Value("x")));
}
