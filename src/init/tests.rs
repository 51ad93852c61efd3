use std::io::Write;

use super::*;
use crate::experiment;

/// A folder with this file, and what `init` writes of it.
fn written(name: &str, content: &[u8], asked: &Asked) -> Result<Written, InitError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    let from = match name.split_once('/') {
        Some((data, _)) => folder.path().join(data),
        None => path,
    };
    let file = folder.path().join("study.toml");
    let written = study(&Origin::Local(from), &file, asked)?;
    std::fs::write(&file, &written.text).unwrap();
    let read = experiment::read(&file, &[]);
    let experiment = read.unwrap_or_else(|error| panic!("{error:?}\n{}", written.text));
    experiment::expand(&experiment).unwrap_or_else(|error| panic!("{error:?}\n{}", written.text));
    Ok(written)
}

const TEXT: &str = "it was a fine evening and we talked for long about number";

/// Rows with a number, a text of its own and a class.
fn rows(separator: char, class: impl Fn(usize) -> String) -> String {
    (0..60).map(|row| format!("{row}{separator}{TEXT} {row}{separator}{}\n", class(row))).collect()
}

fn class(row: usize) -> String {
    ["good", "bad"][row % 2].to_owned()
}

#[test]
fn awkward_files_become_studies_that_are_read() {
    let csv = |separator: char, class: &dyn Fn(usize) -> String| {
        format!("id{separator}text{separator}label\n{}", rows(separator, class))
    };
    let packed = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(csv(',', &class).as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let json: String = (0..60).map(|row| format!("{{\"body\": \"{TEXT} {row}\", \"stars\": {}}}\n", row % 3)).collect();
    let pair: String = (0..60).map(|row| format!("{TEXT} {row}\t{TEXT} {}\t{}\n", row + 1, row % 2)).collect();
    let two: String = (0..60).map(|row| format!("the title of it {row},{TEXT} {row},{}\n", row % 2)).collect();
    let splits: String =
        (0..60).map(|row| format!("{TEXT} {row},{},{}\n", row % 2, ["train", "train", "dev"][row % 3])).collect();
    let broken = csv('\t', &class).replacen("\n7\tit", "\n7 it", 1);
    let line = |row| format!("{row},\"it was, as one says,\na \"\"fine\"\" evening, number {row}\",{}\n", class(row));
    let lines = format!("id,text,label\n{}", (0..60).map(line).collect::<String>());
    let named = "labels = [\"bad\", \"good\"]";
    let cases: [(&str, Vec<u8>, &[&str]); 15] = [
        (
            "reviews.csv",
            csv(',', &class).into(),
            &["text = [\"text\"]", "label = \"label\"", named, "30, 30 rows", "reviews.reviews[0..48]"],
        ),
        ("a b.csv", csv(',', &class).into(), &["[fetch.a_b]", "data = \"a_b.a b[0..48]\""]),
        ("r.csv", csv(';', &class).into(), &["separator = \";\"", named]),
        ("r.csv", csv('|', &class).into(), &["separator = \"|\"", named]),
        ("r.tsv", csv('\t', &class).into(), &["text = [\"text\"]", named]),
        ("r.csv.gz", packed, &["path:", "r.csv.gz", named, "data = \"r.r[0..48]\""]),
        ("r.csv", lines.into(), &["text = [\"text\"]", named]),
        ("r.csv", rows(',', class).into(), &["header = false", "text = [\"1\"]", "label = \"2\"", named]),
        (
            "r.csv",
            csv(',', &|row| (row % 3).to_string()).into(),
            &["labels = [\"0\", \"1\", \"2\"]", "# labels = {", "macro_f1"],
        ),
        ("r.csv", csv(',', &|row| (1 + row % 5).to_string()).into(), &["labels = [\"1\", \"2\", \"3\", \"4\", \"5\"]"]),
        (
            "r.csv",
            csv(',', &|row| ["yes", "no", "-", ""][row % 4].to_owned()).into(),
            &["drop_labels = [\"\", \"-\"]", "[0..24]"],
        ),
        ("r.jsonl", json.into(), &["text = [\"body\"]", "label = \"stars\""]),
        (
            "r.tsv",
            format!("premise\thypothesis\tgold_label\n{pair}").into(),
            &["text = [\"premise\", \"hypothesis\"]", "label = \"gold_label\""],
        ),
        (
            "r.csv",
            format!("title,body,y\n{two}").into(),
            &["text = [\"body\"]      # texts too: title", "label = \"y\""],
        ),
        ("r.tsv", broken.into(), &["skip_bad_rows = true", named]),
    ];
    for (name, content, lines) in cases {
        let Written { text, .. } =
            written(name, &content, &Asked::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        for line in lines {
            assert!(text.contains(line), "{name}: no {line} in\n{text}");
        }
    }
    let hub = include_bytes!("../../tests/reference/class_names.parquet");
    let of_hub = written("r.parquet", hub, &Asked::default()).unwrap().text;
    for line in ["labels = [\"negative\", \"positive\"]      # in this order; 20, 20 rows", "drop_labels = [\"-1\"]"] {
        assert!(of_hub.contains(line), "no {line} in\n{of_hub}");
    }
    let of_column = written("r.csv", format!("text,label,split\n{splits}").as_bytes(), &Asked::default()).unwrap().text;
    for line in ["keep = [\"split\"]", "where = { split = \"train\" }", "where = { split = \"dev\" }", "data = \"r.r\""]
    {
        assert!(of_column.contains(line), "{of_column}");
    }
}

#[test]
fn a_folder_with_splits_is_trained_on_one_and_asked_about_another() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("reviews");
    std::fs::create_dir(&data).unwrap();
    for split in ["train", "dev", "test"] {
        std::fs::write(data.join(format!("{split}.csv")), format!("id,text,label\n{}", rows(',', class))).unwrap();
    }
    let file = folder.path().join("mine.toml");
    let text = study(&Origin::Local(data), &file, &Asked::default()).unwrap().text;
    for line in ["name = \"mine\"", "data = \"reviews.train\"", "data = \"reviews.dev\""] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

#[test]
fn what_is_asked_for_goes_before_what_is_guessed() {
    let csv = format!("id,text,label,other\n{}", rows(',', class).replace("\n", ",x y z\n"));
    let asked = Asked {
        text: vec!["other".into()],
        label: Some("label".into()),
        model: Some("hf:me/m".into()),
        ..Asked::default()
    };
    let text = written("r.csv", csv.as_bytes(), &asked).unwrap().text;
    assert!(
        text.contains("text = [\"other\"]      # texts too: text") && text.contains("model = \"hf:me/m\""),
        "{text}"
    );
    let asked = Asked { label: Some("lable".into()), ..Asked::default() };
    let error = written("r.csv", csv.as_bytes(), &asked).unwrap_err().to_string();
    assert!(error.ends_with("has no column `lable`; it has `id`, `text`, `label`, `other`"), "{error}");
}

#[test]
fn what_cannot_be_a_study_says_why() {
    let utf16: Vec<u8> =
        format!("id,text,label\n{}", rows(',', class)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, Vec<u8>, &str); 4] = [
        ("r.csv", utf16, "convert it with `iconv -f UTF-16"),
        ("r.csv", b"a,b\n1,2\n3,4\n".to_vec(), "name it with --text COLUMN"),
        ("r.dat", b"a,b\n1,2\n3,4\n".to_vec(), "r.dat"),
        ("r.csv", b"".to_vec(), "r.csv"),
    ];
    for (name, content, message) in cases {
        let error = written(name, &content, &Asked::default()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let sorted =
        format!("text,label\n{}", (0..60).map(|row| format!("{TEXT} {row},{}\n", row / 30)).collect::<String>());
    let notes = written("r.csv", sorted.as_bytes(), &Asked::default()).unwrap().notes;
    assert!(notes[0].contains("sorted by their class: `0` is not both among the first 48 rows"), "{notes:?}");
    let unlabelled = format!("text\n{}", (0..60).map(|row| format!("{TEXT} {row}\n")).collect::<String>());
    let text = written("r.csv", unlabelled.as_bytes(), &Asked::default()).unwrap().text;
    assert!(text.contains("# No column looks like a class") && !text.contains("[finetune"), "{text}");
}

#[test]
fn places_of_data_are_told_from_the_studys_folder() {
    let beside = |path: &str, to: &str| beside(Path::new(path), Path::new(to));
    assert_eq!(beside("a/r.csv", "s.toml"), "a/r.csv");
    assert_eq!(beside("a/r.csv", "./s.toml"), "a/r.csv");
    assert_eq!(beside("a/r.csv", "b/c/s.toml"), "../../a/r.csv");
    assert_eq!(beside("/a/r.csv", "b/s.toml"), "/a/r.csv");
    assert!(beside("a/r.csv", "../s.toml").ends_with("/a/r.csv"));
    assert_eq!(Origin::parse("hf:me/my.data@v1").unwrap().name(), "my_data");
    assert!(matches!(Origin::parse("path:r.csv"), Ok(Origin::Local(path)) if path == Path::new("r.csv")));
    assert!(matches!(Origin::parse("r.csv"), Ok(Origin::Local(_))));
    assert!(Origin::parse("https://x/r.csv").is_err() && Origin::parse("builtin:agents").is_err());
}

#[test]
fn the_quickstart_is_the_shipped_one() {
    let text = study(&Origin::Quickstart, Path::new("q.toml"), &Asked::default()).unwrap().text;
    assert!(QUICKSTART.ends_with(&text) && !text.starts_with("#:schema"));
}
