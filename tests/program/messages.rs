//! Bad input, with the exact words that the user reads.

use crate::workspace::{TINY, Workspace};

/// `old` in the tiny study becomes `new`; `check` then says `message`.
struct Case {
    old: &'static str,
    new: &'static str,
    message: &'static str,
}

const CASES: &[Case] = &[
    Case {
        old: "learning_rate = 3e-2",
        new: "learning_rat = 3e-2",
        message: "error: unknown key `learning_rat`
  --> study.toml:28:1
   |
28 | learning_rat = 3e-2
   | ^^^^^^^^^^^^
   = help: did you mean `learning_rate`?
",
    },
    Case {
        old: "learning_rate = 3e-2",
        new: "learning_rate = 3e-2\nweight_decay = inf",
        message: "error: `weight_decay` must be 0 or more
  --> study.toml:29:16
   |
29 | weight_decay = inf
   |                ^^^
",
    },
    Case {
        old: "epochs = 2",
        new: "epochs = \"two\"",
        message: "error: wrong type: string \"two\", expected a number
  --> study.toml:26:10
   |
26 | epochs = \"two\"
   |          ^^^^^
",
    },
    Case {
        old: "name = \"tiny\"",
        new: "",
        message: "error: the key `name` is missing
 --> study.toml:1:1
  |
1 | [experiment]
  | ^^^^^^^^^^^^
",
    },
    Case {
        old: "[eval.in_domain]",
        new: "[evl.in_domain]",
        message: "error: unknown table `evl`
  --> study.toml:32:2
   |
32 | [evl.in_domain]
   |  ^^^
   = help: did you mean `eval`?
",
    },
    Case {
        old: "model = \"start\"",
        new: "model = \"strat\"",
        message: "error: there is no model `strat`
  --> study.toml:23:9
   |
23 | model = \"strat\"
   |         ^^^^^^^
   = help: did you mean `start`?
",
    },
    Case {
        old: "data = \"sentences.passive\"",
        new: "data = \"sentences.pasive\"",
        message: "error: `sentences` has no split `pasive`
  --> study.toml:38:8
   |
38 | data = \"sentences.pasive\"
   |        ^^^^^^^^^^^^^^^^^^
   = help: did you mean `sentences.passive`?
",
    },
    Case {
        old: "of = \"lines\"\ndistance",
        new: "of = \"line\"\ndistance",
        message: "error: there is no stage [interpolate.line]
  --> study.toml:48:6
   |
48 | of = \"line\"
   |      ^^^^^^
   = help: did you mean `lines`?
",
    },
    Case {
        old: "model = \"start\"",
        new: "model = \"agents[0]\"",
        message: "error: these stages wait for each other: finetune.agents → finetune.agents
  --> study.toml:23:9
   |
23 | model = \"agents[0]\"
   |         ^^^^^^^^^^^
   = help: a fine-tune starts from a fetched, pre-trained or other fine-tuned model
",
    },
    Case {
        old: "seeds = \"0..4\"",
        new: "seeds = \"4..4\"",
        message: "error: the range `4..4` is empty: its end must be greater than its start
  --> study.toml:25:9
   |
25 | seeds = \"4..4\"
   |         ^^^^^^
",
    },
    Case {
        old: "seeds = \"0..4\"",
        new: "",
        message: "error: the key `seeds` is missing
  --> study.toml:22:11
   |
22 | [finetune.agents]
   |           ^^^^^^
   = help: for example seeds = \"0..100\", or head_seeds and order_seeds to cross them
",
    },
    Case {
        old: "seeds = \"0..4\"",
        new: "seeds = \"0..4\"\nhead_seed = 1\norder_seeds = \"0..2\"\ndropout_seed = 2",
        message: "error: `seeds` decides nothing here: head, order and dropout have seeds of their own
  --> study.toml:25:9
   |
25 | seeds = \"0..4\"
   |         ^^^^^^
   = help: leave it out, or one of the others
",
    },
    Case {
        old: "seeds = \"0..4\"",
        new: "head_seed = 1\nhead_seeds = \"0..2\"",
        message: "error: give either `head_seed` or `head_seeds`, not both
  --> study.toml:26:14
   |
26 | head_seeds = \"0..2\"
   |              ^^^^^^
",
    },
    Case {
        old: "models = \"agents\"\ndata = \"sentences.passive\"",
        new: "models = \"agents[head=0]\"\ndata = \"sentences.passive\"",
        message: "error: `agents` has no head seed 0
  --> study.toml:37:10
   |
37 | models = \"agents[head=0]\"
   |          ^^^^^^^^^^^^^^^^
",
    },
    Case {
        old: "[pretrain.start]",
        new: "[fetch.others]\nmodels = \"hf:someone/bert-{0..}\"\n[pretrain.start]",
        message: "error: `{0..}` does not list numbers: write {0..99} (both ends included) or {3,7,12}
  --> study.toml:12:10
   |
12 | models = \"hf:someone/bert-{0..}\"
   |          ^^^^^^^^^^^^^^^^^^^^^^^
   = help: for a single model write `model = …`
",
    },
    Case {
        old: "[pretrain.start]",
        new: "[fetch.others]\nmodels = \"path:bert-{0..1}\"\nstep = 100\n[pretrain.start]",
        message: "error: `step` is looked up in the history of a hub repository, and this is none
  --> study.toml:13:8
   |
13 | step = 100
   |        ^^^
   = help: name the folder of that training step
",
    },
    Case {
        old: "models = \"agents\"\ndata = \"sentences.passive\"",
        new: "models = \"agents@7\"\ndata = \"sentences.passive\"",
        message: "error: `agents` keeps no checkpoint 7
  --> study.toml:37:10
   |
37 | models = \"agents@7\"
   |          ^^^^^^^^^^
   = help: it keeps 2, \"last\"; see `checkpoints`
",
    },
    Case {
        old: "metric = \"eval.passive:accuracy\"",
        new: "metric = \"eval.passive:f1\"",
        message: "error: [eval.passive] does not measure `f1`
  --> study.toml:58:10
   |
58 | metric = \"eval.passive:f1\"
   |          ^^^^^^^^^^^^^^^^^
   = help: add it to its `metrics`, which are loss, accuracy
",
    },
    Case {
        old: "builtin:agents",
        new: "./sentences.tsv",
        message: "error: `./sentences.tsv` is not a source of data: did you mean `path:./sentences.tsv`? write hf:OWNER/NAME[@REVISION], https://…, path:… or builtin:NAME
 --> study.toml:5:11
  |
5 | dataset = \"./sentences.tsv\"
  |           ^^^^^^^^^^^^^^^^^
",
    },
    Case {
        old: "seeds = \"0..4\"",
        new: "seeds = 5",
        message: "error: 5 could be one seed or so many: write [5], or \"0..5\" for the first 5
  --> study.toml:25:9
   |
25 | seeds = 5
   |         ^
",
    },
    Case {
        old: "of = \"lines\"\ndistance",
        new: "of = \"basins\"\ndistance",
        message: "error: `basins` is [cluster.basins], and here a stage [interpolate.NAME] is needed
  --> study.toml:48:6
   |
48 | of = \"basins\"
   |      ^^^^^^^^
   = help: write \"lines\"
",
    },
    Case {
        old: "of = \"lines\"\ndistance",
        new: "of = \"eval.passive\"\ndistance",
        message: "error: `eval.passive` is [eval.passive], and here a stage [interpolate.NAME] is needed
  --> study.toml:48:6
   |
48 | of = \"eval.passive\"
   |      ^^^^^^^^^^^^^^
   = help: write \"lines\"
",
    },
    Case {
        old: "models = \"agents\"\ndata = \"sentences.passive\"",
        new: "models = \"in_domain\"\ndata = \"sentences.passive\"",
        message: "error: `in_domain` is [eval.in_domain], and makes no models
  --> study.toml:37:10
   |
37 | models = \"in_domain\"
   |          ^^^^^^^^^^^
   = help: write agents or start
",
    },
    Case {
        old: "models = \"agents\"\ndata = \"sentences.passive\"",
        new: "models = \"pretrain.agents\"\ndata = \"sentences.passive\"",
        message: "error: there is no model `pretrain.agents`
  --> study.toml:37:10
   |
37 | models = \"pretrain.agents\"
   |          ^^^^^^^^^^^^^^^^^
   = help: did you mean `agents`?
",
    },
    Case {
        old: "learning_rate = 3e-2",
        new: "learning_rate = 3e-2\nwarmup = 1.0",
        message: "error: `warmup` is 1: it must be in [0, 1)
  --> study.toml:29:10
   |
29 | warmup = 1.0
   |          ^^^
",
    },
    Case {
        old: "learning_rate = 3e-2",
        new: "learning_rate = 3e-2\nschedule = \"from-begin\"",
        message: "error: unknown schedule `from-begin`
  --> study.toml:29:12
   |
29 | schedule = \"from-begin\"
   |            ^^^^^^^^^^^^
   = help: known here: from-start, after-warmup
",
    },
    Case {
        old: "clusters = \"basins\"",
        new: "best = 2",
        message: "error: best and worst `by` which metric?
  --> study.toml:63:8
   |
63 | best = 2
   |        ^
   = help: for example by = \"eval.paws:f1\"
",
    },
    Case {
        old: "clusters = \"basins\"",
        new: "by = \"eval.passive:accuracy\"",
        message: "error: the best 5 and the worst 5 of 4 models overlap: lower `best` or `worst`
  --> study.toml:63:6
   |
63 | by = \"eval.passive:accuracy\"
   |      ^^^^^^^^^^^^^^^^^^^^^^^
",
    },
    Case {
        old: "clusters = \"basins\"",
        new: "width = \"colum\"",
        message: "error: unknown width `colum`: \"column\" (3.25 inches) or \"page\" (6.75 inches)
  --> study.toml:63:9
   |
63 | width = \"colum\"
   |         ^^^^^^^
   = help: did you mean `column`?
",
    },
    Case {
        old: "clusters = \"basins\"",
        new: "title = \"\"",
        message: "error: an empty title: leave the title out with `title = false`
  --> study.toml:63:9
   |
63 | title = \"\"
   |         ^^
",
    },
    Case {
        old: "metric = \"eval.passive:accuracy\"",
        new: "metric = \"eval.passive:accuracy\"\nband = true",
        message: "error: a scatter has no `band`
  --> study.toml:59:8
   |
59 | band = true
   |        ^^^^
",
    },
    Case {
        old: "[fetch.sentences]",
        new: "[run]\nsnapshot_every = \"10 minutes\"\n[fetch.sentences]",
        message: "error: `10 minutes` is not a time: write a number and `s`, `min`, `h` or `d`, for example \"10 min\"
 --> study.toml:5:18
  |
5 | snapshot_every = \"10 minutes\"
  |                  ^^^^^^^^^^^^
",
    },
    Case {
        old: "[fetch.sentences]",
        new: "[run]\nsnapshot_every = 0\n[fetch.sentences]",
        message: "error: `snapshot_every` must be at least 1 training step
 --> study.toml:5:18
  |
5 | snapshot_every = 0
  |                  ^
",
    },
];

#[test]
fn every_mistake_is_named_with_its_place() {
    let workspace = Workspace::new(TINY);
    for case in CASES {
        assert!(TINY.contains(case.old), "{}", case.old);
        workspace.write("study.toml", TINY.replacen(case.old, case.new, 1));
        let checked = workspace.pipeline(&["check", "study.toml"]);
        assert_eq!(checked.err, case.message, "{}", checked.err);
        assert_eq!(checked.code, Some(2));
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let broken = TINY.replace("epochs = 2", "epoch = 2").replace("[cluster.basins]", "[cluster.basins]\ndelta = 0.0");
    let workspace = Workspace::new(&broken);
    let checked = workspace.pipeline(&["check", "study.toml"]);
    assert_eq!(checked.err.matches("error: ").count(), 2, "{}", checked.err);
}

#[test]
fn a_cycle_lists_its_members() {
    let table = |name: &str, model: &str| {
        format!("[finetune.{name}]\nmodel = \"{model}\"\ndata = \"sentences.train\"\nseeds = [1]\n")
    };
    let workspace = Workspace::new(&format!("{TINY}{}{}", table("one", "two"), table("two", "one")));
    let checked = workspace.pipeline(&["check", "study.toml"]);
    assert!(
        checked
            .err
            .starts_with("error: these stages wait for each other: finetune.one → finetune.two → finetune.one\n"),
        "{}",
        checked.err
    );
}

#[test]
fn a_cache_that_cannot_be_written_is_said_before_any_work() {
    let workspace = Workspace::new(TINY);
    workspace.write("file", "");
    let run = workspace.run(&["--cache-dir", "file/cache"]);
    assert_eq!(
        run.err,
        "error: cannot write to the cache: `file/cache/v1/objects`: Not a directory (os error 20); \
         choose another folder with --cache-dir or PIPELINE_CACHE\n"
    );
    assert_eq!(run.code, Some(3));
}

#[test]
fn a_device_that_is_not_there_ends_the_run_with_one_message() {
    // Where there is a CUDA driver this test has nothing to see.
    if std::path::Path::new("/dev/nvidiactl").exists() {
        return;
    }
    let workspace = Workspace::new(TINY);
    let run = workspace.pipeline(&["run", "study.toml", "--backend", "cuda"]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let reason = if cfg!(feature = "cuda") { "libcuda" } else { "built without CUDA: build it with `--features cuda`" };
    assert!(run.err.contains("error: ") && run.err.contains(reason), "{}", run.err);
    assert!(!run.err.contains("panicked"), "{}", run.err);
    assert!(workspace.finished().is_empty());
}

#[test]
fn a_value_in_the_place_of_a_table_is_told_in_the_words_of_the_file() {
    let workspace = Workspace::new(TINY);
    let kinds = "fetch pretrain finetune eval interpolate cluster dynamics sharpness agreement surface plot";
    let places = kinds.split(' ').map(|kind| format!("{kind}.x")).chain(["run", "experiment"].map(str::to_owned));
    for place in places.chain(["fetch.sentences.splits.train".to_owned()]) {
        let checked = workspace.pipeline(&["check", "study.toml", "--set", &format!("{place}=1")]);
        let message = "error: wrong type: integer `1`, expected a table\n --> --set:1:";
        assert!(checked.err.contains(message), "{place}: {}", checked.err);
        assert!(!checked.err.contains("Raw"), "{}", checked.err);
    }
}

#[test]
fn keys_that_stages_share_are_suggested_too() {
    let workspace =
        Workspace::new(&format!("{TINY}[surface.plane]\nmodels = \"agents\"\ndata = \"sentences.passive\"\n"));
    for (set, message) in [
        (
            "eval.passive.exampels=3",
            "error: unknown key `exampels`\n --> --set:1:14\n  |\n1 | eval.passive.exampels = 3\n  |              ^^^^^^^^\n  = help: did you mean `examples`?\n",
        ),
        ("surface.plane.rang=3", "did you mean `range`?"),
        (
            "interpolate.lines.zzzz=3",
            "known here: models, data, metrics, max_length, labels, combine, where, permute, examples, points, pairs",
        ),
        ("eval.passive.examples=true", "error: wrong type: boolean `true`, expected a whole number\n --> --set:1:25"),
        ("eval.new={ models = \"agents\" }", "error: the key `data` is missing\n --> --set:1:12"),
    ] {
        let checked = workspace.pipeline(&["check", "study.toml", "--set", set]);
        assert!(checked.code == Some(2) && checked.err.contains(message), "{set}: {}", checked.err);
        assert_eq!(checked.err.matches("error: ").count(), 1, "{}", checked.err);
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_in_the_words_of_the_file() {
    let workspace = Workspace::new(TINY);
    let forms = |forms: &str| ("wrong type", format!("  = help: expected {forms}\n"));
    for (set, at, (message, help)) in [
        ("finetune.agents.seeds=1.5", 25, forms("a range such as \"0..100\", or a list such as [0, 3, 7]")),
        ("finetune.agents.checkpoints=[2, true]", 35, forms("training steps, or \"last\"")),
        ("run.snapshot_every=[1]", 22, forms("a number of training steps, or a time such as \"10 min\"")),
        ("plot.heatmap.title=3", 22, forms("words, or false for none")),
        ("eval.passive.models=3", 23, forms("one name, or a list of names")),
        ("interpolate.lines.pairs=3", 27, forms("\"all\", or a list of pairs such as [[7, 22], [7, 31]]")),
        (
            "surface.x={ models = \"agents\", data = \"sentences.passive\", planes = [[1, 2]] }",
            71,
            forms("a list of planes through three models each, such as [[7, 22, 31], [7, 22, 40]]"),
        ),
        (
            "cluster.x={ seeds = \"0..4\", members = true }",
            41,
            forms("models such as \"15, 25\" or [15, 25], or a list of several such texts"),
        ),
        ("eval.passive.data=[1]", 21, ("wrong type: a list, expected a string", String::new())),
        ("eval.passive.data=2024-01-01", 21, ("wrong type: a date, expected a string", String::new())),
        ("eval.passive.by=\"label\"", 19, ("wrong type: string \"label\", expected a list", String::new())),
        ("eval.passive.where=1", 22, ("wrong type: integer `1`, expected a table", String::new())),
        ("experiment.seed=-1", 19, ("wrong value: integer `-1`, expected a whole number", String::new())),
        ("run.jobs=18446744073709551616", 12, {
            ("wrong value: integer `18446744073709551616`, expected one of 64 bits", String::new())
        }),
        ("cluster.basins.delta=1e999", 24, {
            ("wrong value: floating point `1e999`, expected one of 64 bits", String::new())
        }),
        ("plot.curves.clip_x=[1.0, 2.0, 3.0]", 22, ("wrong value: a list of 3, expected a list of 2", String::new())),
        ("plot.curves.clip_x=[1.0, \"2\"]", 28, ("wrong type: string \"2\", expected a number", String::new())),
    ] {
        let checked = workspace.pipeline(&["check", "study.toml", "--set", set]);
        let start = format!("error: {message}\n --> --set:1:{at}\n  |\n");
        assert!(
            checked.err.starts_with(&start) && checked.err.ends_with(&format!("^\n{help}")),
            "{set}: {}",
            checked.err
        );
        assert_eq!(checked.err.matches("error: ").count(), 1, "{}", checked.err);
        assert_eq!(checked.code, Some(2));
    }
}

#[test]
fn set_points_at_itself() {
    let workspace = Workspace::new(TINY);
    let checked = workspace.pipeline(&["check", "study.toml", "--set", "finetune.agents.epoch=1"]);
    assert_eq!(
        checked.err,
        "error: unknown key `epoch`
 --> --set:1:17
  |
1 | finetune.agents.epoch = 1
  |                 ^^^^^
  = help: did you mean `epochs`?
"
    );
}

#[test]
fn names_may_have_their_kind_in_front_and_a_checkpoint_after_the_seeds() {
    let with_kinds = [
        ("of = \"lines\"", "of = \"interpolate.lines\""),
        ("of = \"basins\"", "of = \"cluster.basins\""),
        ("clusters = \"basins\"", "clusters = \"cluster.basins\""),
        ("models = \"agents\"", "models = \"finetune.agents\""),
        ("model = \"start\"", "model = \"pretrain.start\""),
        ("data = \"sentences", "data = \"fetch.sentences"),
    ];
    let plain = format!("{TINY}[eval.early]\nmodels = \"agents@2[0]\"\ndata = \"sentences.passive\"\n");
    let written = with_kinds.iter().fold(plain.clone(), |study, (old, new)| {
        assert!(study.contains(old), "{old}");
        study.replace(old, new)
    });
    let workspace = Workspace::new(&written.replace("agents@2[0]", "agents[0]@2"));
    workspace.write("plain.toml", &plain);
    let plan = |file: &str| workspace.pipeline(&["plan", file, "--verbose"]).ok().out;
    assert_eq!(plan("study.toml"), plan("plain.toml"));
}

#[test]
fn what_set_mistypes_is_told_and_never_taken_for_something_else() {
    let workspace = Workspace::new(TINY);
    for (set, message) in [
        (
            "finetune.agnts.epochs=1",
            "error: there is no stage [finetune.agnts]\n --> --set:1:10\n  |\n1 | finetune.agnts.epochs = 1\n  |          ^^^^^\n  = help: did you mean `agents`?\n",
        ),
        ("eval.passive.models=[agents,start]", "error: `[agents,start]` is not a value: "),
        ("eval.passive.models=[agents,start]", "  = help: write --set eval.passive.models='[\"agents\", \"start\"]'\n"),
        ("interpolate.lines.pairs=[[0,1", "  = help: texts stand in quotes, lists in [ ] and tables in { }\n"),
    ] {
        let checked = workspace.pipeline(&["check", "study.toml", "--set", set]);
        assert!(checked.code == Some(2) && checked.err.contains(message), "{set}: {}", checked.err);
        assert_eq!(checked.err.matches("error: ").count(), 1, "{}", checked.err);
    }
}
