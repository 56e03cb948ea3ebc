use super::*;
use insta::assert_snapshot;

fn show(script: &str) -> String {
    let lookup = |name: &str| (name == "PORT").then(|| "5000".to_owned());
    let commands = split(&Mapped::at(script, 0), &lookup);
    let lines: Vec<_> = commands
        .iter()
        .map(|c| {
            let words: Vec<_> = c
                .words
                .iter()
                .map(|w| format!("{}{}", w.text, if w.open { "?" } else { "" }))
                .collect();
            format!("{}{}", if c.piped { "| " } else { "" }, words.join(" · "))
        })
        .collect();
    lines.join("\n")
}

#[test]
fn scripts_are_split_as_a_shell_would() {
    assert_snapshot!(show(r#"a 'b c' "d $PORT" e\ f && g; curl -s x | sudo sh -s -- y # no"#), @r#"
    a · b c · d 5000 · e f
    g
    curl · -s · x
    | sh · -s · -- · y
    "#);
    assert_snapshot!(show("exec mlflow server --port ${PORT:-1} --host ${HOST:-0.0.0.0} $X"), @"mlflow · server · --port · 5000 · --host · 0.0.0.0 · $X?");
    assert_snapshot!(show(r#"bash -c "cd /x && jupyter lab --token=''" || true"#), @r#"
    cd · /x
    jupyter · lab · --token=
    true
    "#);
    assert_snapshot!(show(r#"sh -c "$(curl -fsSL https://a.example/i.sh)"; bash <(curl a); A=1 env B=2 python -m mlflow ui"#), @r#"
    $(curl -fsSL https://a.example/i.sh)?
    curl · -fsSL · https://a.example/i.sh
    bash · <(curl a)?
    curl · a
    mlflow · ui
    "#);
}

#[test]
fn what_stands_before_a_program_is_taken_away() {
    for (text, expected) in [
        ("sudo -E bash -", "bash · -"),
        ("sudo -u root -- bash x", "bash · x"),
        ("env -u A B=c sh", "sh"),
        ("timeout -k 5 60 pip install x", "pip · install · x"),
        ("nice -n 10 pip list", "pip · list"),
        ("gosu user:group mlflow ui", "mlflow · ui"),
        ("busybox sh", "sh"),
        ("python3.12 -m pip install x", "pip · install · x"),
        ("sudo sh -c 'pip install x'", "pip · install · x"),
        (
            "pwsh -NoProfile -Command 'irm https://a.example | iex'",
            "irm · https://a.example\n| iex",
        ),
    ] {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn lines_that_go_on_are_one_command() {
    for (text, expected) in [
        (
            "hf download \\\n  o/m \\\n  --quiet",
            "hf · download · o/m · --quiet",
        ),
        ("hf download \\\r\n  o/m\r\n", "hf · download · o/m"),
        ("curl a |\n  sh", "curl · a\n| sh"),
        ("curl a | # why\n  sh", "curl · a\n| sh"),
        ("curl a 2>&1 | sh", "curl · a · 2>&1\n| sh"),
        ("curl a &> log; b", "curl · a · &> · log\nb"),
        ("a '' b", "a ·  · b"),
    ] {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn here_documents_are_input_and_no_commands() {
    for (text, expected) in [
        ("cat <<EOF\ncurl a | sh\nEOF\nb", "cat\nb"),
        ("cat <<-'EOF' > f\n\tcurl a\n\tEOF\nb", "cat · > · f\nb"),
        ("bash -ex <<EOF\ncurl a\nEOF\nb", "curl · a\nb"),
        ("cat <<EOF | sudo sh\ncurl a\nEOF\nb", "cat\ncurl · a\nb"),
        ("sbatch <<EOF\npip install x\nEOF", "pip · install · x"),
        ("python - <<EOF\nimport x\nEOF\nb", "python · -\nb"),
        ("bash x.sh <<EOF\nyes\nEOF", "bash · x.sh"),
        ("cat <<EOF\nnever ends\n", "cat\nnever · ends"),
        ("cat <<< text", "cat · <<< · text"),
    ] {
        assert_eq!(show(text), expected, "{text}");
    }
    let commands = split(&Mapped::at("python - <<X\nimport x\nX\n", 0), &|_| None);
    assert_eq!(commands[0].input.as_ref().unwrap().text, "import x\n");
}

#[test]
fn what_is_substituted_is_run() {
    for (text, expected) in [
        (
            "echo $(pip install x)",
            "echo · $(pip install x)?\npip · install · x",
        ),
        ("X=$(pip install x); b", "\npip · install · x\nb"),
        ("a \"`pip list`\"", "a · $(pip list)?\npip · list"),
        ("bash <(curl a)", "bash · <(curl a)?\ncurl · a"),
        ("a $(b $(c d))", "a · $(b $(c d))?\nb · $(c d)?\nc · d"),
        ("a $((1 + 2))", "a · $((1 + 2))?"),
        ("sh -c 'a $(b c)'", "a · $(b c)?\nb · c"),
        ("a '$(b c)'", "a · $(b c)"),
    ] {
        assert_eq!(show(text), expected, "{text}");
    }
    let deep = "$(".repeat(50_000);
    assert!(super::script(&deep, 0).len() < 100);
}

#[test]
fn what_a_script_sets_once_is_known() {
    for (text, last) in [
        ("M=o/m\nhf download $M", "hf · download · o/m"),
        ("export M='o/m' N=x\nhf download \"${M}\"", "hf · download · o/m"),
        ("P='torch numpy'\npip install $P", "pip · install · torch · numpy"),
        (
            "P='torch numpy'\npip install \"$P\"",
            "pip · install · torch numpy",
        ),
        ("if x; then M=a; else M=b; fi\nhf $M", "hf · $M?"),
        ("M=a\nread -r M\nhf $M", "hf · $M?"),
        ("for M in a b; do hf $M; done", "done"),
        ("M=$1\nhf $M", "hf · $M?"),
        ("M=\nhf $M", "hf · $M?"),
        ("M=(a b)\nhf $M", "hf · $M?"),
        ("M=a\nM+=b\nhf $M", "hf · $M?"),
        ("M=a hf $M", "hf · $M?"),
        ("M=a\nhf '$M'", "hf · $M"),
    ] {
        assert_eq!(show(text).lines().last().unwrap_or_default(), last, "{text}");
    }
}

#[test]
fn variables_cannot_make_a_script_grow_without_bounds() {
    let long = format!(
        "A={}\n{}",
        "x".repeat(LONGEST_VALUE),
        "echo $A$A$A$A\n".repeat(20_000)
    );
    let commands = split(&Mapped::at(&long, 0), &|_| None);
    let made: usize = commands.iter().flat_map(|c| &c.words).map(|w| w.text.len()).sum();
    assert!(made < long.len() + 2 * MOST_EXPANDED, "{made}");
}

#[test]
fn lines_go_on_behind_an_operator() {
    assert_snapshot!(show("a && \\\n  b c \\\n  d || \\\r\n e"), @r"
    a
    b · c · d
    e
    ");
}

#[test]
fn heredocs_are_input_and_scripts_only_of_shells() {
    assert_snapshot!(show("cat <<EOF > x && a\nb evil\nEOF\nc <<-'Q' <<R\n\td evil\n\tQ\ne evil\nR\nsudo bash -s <<S\nf good\nS\ng $((1<<2))\nlet x=1<<3\nh"), @r"
    cat · > · x
    a
    c
    f · good
    g · $((1<<2))?
    let · x=1<<3
    h
    ");
}

#[test]
fn many_heredocs_without_an_end_cost_what_they_are() {
    let script: String = (0..20_000).map(|i| format!("a <<E{i}\n")).collect();
    assert_eq!(super::script(&script, 0).len(), 20_000);
}

#[test]
fn what_variables_become_is_bounded() {
    let value = "a==1 ".repeat(10_000);
    let lookup = |_: &str| Some(value.clone());
    let script = format!("pip install {}", "$P ".repeat(2_000));
    let commands = split(&Mapped::at(&script, 0), &lookup);
    let (open, known): (Vec<_>, Vec<_>) = commands[0].words.iter().partition(|w| w.open);
    assert!(known.len() < 20_000, "{}", known.len());
    assert!(
        open.len() > 1_900 && open.iter().all(|w| w.text == "$P"),
        "{}",
        open.len()
    );
}

#[test]
fn many_wrappers_cost_what_they_are() {
    let script = format!("{}pip install x", "exec ".repeat(100_000));
    assert_eq!(super::script(&script, 0).len(), 1);
}

#[test]
fn many_scripts_in_scripts_cost_what_they_are() {
    let script = "sh -c 'a b'\n".repeat(20_000);
    let commands = super::script(&script, 0);
    assert_eq!(commands.len(), 20_000);
    let last = commands.last().unwrap().words.last().unwrap();
    assert_eq!(&script[last.span.clone()], "b");
}

#[test]
fn programs_are_found_behind_what_runs_them() {
    let wrapped = "sudo -u app -H a 1; env -i A=b a 2; timeout -k 5 300 a 3; nice -n 10 a 4; gosu app a 5\n\
                   command -v a; retry a 6; eval 'a 7'; su app -c 'a 8'; exec -a n a 9; stdbuf -oL a 10\n\
                   cat r | xargs -n 1 a; xargs -I{} a {} < r; time -p a 11; elif a 12; then";
    assert_snapshot!(show(wrapped), @r"
    a · 1
    a · 2
    a · 3
    a · 4
    a · 5
    command · -v · a
    a · 6
    a · 7
    a · 8
    a · 9
    a · 10
    cat · r
    | a · $(xargs)?
    a · {} · < · r
    a · 11
    a · 12
    ");
}

#[test]
fn unquoted_variables_are_parted_at_blanks() {
    let lookup = |name: &str| match name {
        "P" => Some("a==1 b==2".to_owned()),
        "E" => Some(String::new()),
        _ => None,
    };
    let commands = split(&Mapped::at("x $P \"$P\" $E y$P-z $Q", 0), &lookup);
    let words: Vec<&str> = commands[0].words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(words, ["x", "a==1", "b==2", "a==1 b==2", "ya==1", "b==2-z", "$Q"]);
}

#[test]
fn words_know_their_places() {
    let script = r#"bash -c "cd /x && jupyter lab --ip 0.0.0.0""#;
    let commands = split(&Mapped::at(script, 0), &|_| None);
    let word = commands[1].words.last().unwrap();
    assert_eq!(&script[word.span.clone()], "0.0.0.0");
}

proptest::proptest! {
    #[test]
    fn never_panics(text in r"([ -~\n]|<<E|E\n|\$A|A=|\\\n){0,60}") {
        let _ = script(&text, 0);
    }
}
