//! Models that were trained elsewhere, and fine-tunes whose seeds are crossed.

use crate::workspace::{TINY, Workspace};

/// The tiny study's models as if somebody had published them, and a study of those.
const PUBLISHED: &str = r#"
[experiment]
name = "published"

[fetch.sentences]
dataset = "builtin:agents"
splits.train = { examples = 64, passive = 0.1 }
splits.in_domain = { examples = 40, passive = 0.1 }

[fetch.others]
models = "path:models/bert-{0..3}"

[eval.in_domain]
models = "others"
data = "sentences.in_domain"
max_length = 24

[interpolate.lines]
models = "others[1..4]"
data = "sentences.in_domain"
examples = 32
points = 5
max_length = 24

[finetune.again]
model = "others[2]"
data = "sentences.train"
seeds = [0]
epochs = 1
batch_size = 16
learning_rate = 1e-3
max_length = 24
"#;

fn rows(table: &str, start: &str) -> Vec<String> {
    let own = table.lines().filter(|line| line.starts_with(start));
    // All but the key of the step, the last column, and the stage that made the model.
    own.map(|line| line.rsplit_once(',').unwrap().0.replace("others/", "agents/")).collect()
}

#[test]
fn models_of_others_stand_where_a_fine_tune_stands() {
    let maker = Workspace::new(TINY);
    maker.run(&["--until", "interpolate"]).ok();
    let study = Workspace::new(PUBLISHED);
    maker.lay_out_models("finetune", &study, |parameters| format!("models/bert-{}", parameters["head_seed"]));
    let run = study.run(&[]).ok();
    assert!(run.err.contains("fetch.others"), "{}", run.err);

    maker.run(&["--only", "eval.in_domain"]).ok();
    let (own, theirs) = (maker.read("results/tiny/metrics.csv"), study.read("results/published/metrics.csv"));
    let own_rows = rows(&own, "in_domain,");
    assert_eq!(own_rows.len(), 4 * 2, "{own}");
    assert_eq!(own_rows, rows(&theirs, "in_domain,"), "the same weights measure the same");
    let lines = study.read("results/published/distances.csv");
    assert_eq!(rows(&lines, "lines,").len(), 3 * 2, "{lines}");

    // Classes that nobody named are said to be missing, and can be given.
    for number in 0..4 {
        let name = format!("models/bert-{number}/config.json");
        let config = study.read(&name);
        study.write(
            &name,
            config
                .replace("\"0\": \"worker\"", "\"0\": \"LABEL_0\"")
                .replace("\"1\": \"visitor\"", "\"1\": \"LABEL_1\""),
        );
    }
    let unnamed = study.run(&["--only", "fetch", "--only", "eval"]);
    assert_eq!(unnamed.code, Some(2));
    assert!(unnamed.err.contains("the model's label set [LABEL_0, LABEL_1]"), "{}", unnamed.err);
    assert!(unnamed.err.contains("with `labels` in the stage that fetches it"), "{}", unnamed.err);
    study.run(&["--set", "fetch.others.labels=[\"worker\", \"visitor\"]", "--only", "fetch", "--only", "eval"]).ok();
    assert_eq!(own_rows, rows(&study.read("results/published/metrics.csv"), "in_domain,"));
    let swapped = ["--set", "fetch.others.labels=[\"visitor\", \"worker\"]", "--only", "fetch", "--only", "eval"];
    study.run(&swapped).ok();
    assert_ne!(own_rows, rows(&study.read("results/published/metrics.csv"), "in_domain,"));
}

#[test]
fn crossed_seeds_give_every_combination_once() {
    let crossed = TINY.replace("seeds = \"0..4\"", "head_seeds = \"0..2\"\norder_seeds = \"1..4\"\ndropout_seed = 1");
    let study = Workspace::new(&crossed);
    study.run(&[]).ok();
    let metrics = study.read("results/tiny/metrics.csv");
    let mut models =
        rows(&metrics, "passive,").iter().map(|row| row.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
    models.dedup();
    assert_eq!(
        models,
        ["h0o1", "h0o2", "h0o3", "h1o1", "h1o2", "h1o3"].map(|label| format!("agents/{label}")),
        "{metrics}"
    );
    let log = study.pipeline(&["run", "study.toml", "--force", "finetune", "--only", "finetune", "--dry-run"]).ok();
    assert!(
        format!("{}{}", log.out, log.err).contains("head=0,order=1 … head=1,order=3 (6)"),
        "{}{}",
        log.out,
        log.err
    );
    // The same three seeds by other names are the same step.
    let part = study.run(&["--until", "finetune", "--set", "finetune.agents.order_seeds=[2]"]).ok();
    assert!(part.err.contains("tiny: 0 ran"), "{}", part.err);
    let seeds = "seeds = \"1..4\"\nhead_seed = 1\ndropout_seed = 1";
    study.write("study.toml", TINY.replace("seeds = \"0..4\"", seeds));
    let row = study.run(&["--until", "finetune"]).ok();
    assert!(row.err.contains("tiny: 0 ran"), "{}", row.err);

    study.write("study.toml", crossed.replace("models = \"agents\"", "models = \"agents[head=1, order=2, 3]\""));
    study.run(&[]).ok();
    let distances = study.read("results/tiny/distances.csv");
    assert_eq!(rows(&distances, "lines,agents/h1o2,agents/h1o3,").len(), 2, "{distances}");
    assert_eq!(rows(&distances, "lines,").len(), 2, "{distances}");
}
