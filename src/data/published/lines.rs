//! Logs of lines between models. One file holds any number of them:
//!
//! ```text
//! Euclidean distance between 7 and 22: 13.4637451171875.
//! Interpolating between 7 and 22 on qqp
//! [0.0, 1.0]
//!   point_num      loss    accuracy        f1
//! -----------  --------  ----------  --------
//!           0    0.2649      0.9121    0.8800
//! …                                              (a table a point, or one for all points)
//! Completed interpolation from 7 to 22
//! ```
//!
//! Point 0 is the second model, unless the weights in brackets before it say otherwise. Whatever else a job printed
//! between the tables is passed over.

use super::{LogFile, PublishedError, examples, lines, number};
use crate::plain;
use std::collections::{BTreeMap, BTreeSet};

/// A line from its first model to its second.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedLine {
    /// Euclidean, over all parameters.
    pub distance: f64,
    /// Columns of the table by their names in the log, from the first model to the second.
    pub columns: BTreeMap<String, Vec<f64>>,
    pub points: usize,
    /// File and line where it begins.
    pub place: String,
}

impl PublishedLine {
    fn reversed(mut self) -> Self {
        self.columns.values_mut().for_each(|values| values.reverse());
        self
    }

    /// A metric by our name; the log's may be another.
    pub fn metric(&self, name: &str) -> Result<&[f64], PublishedError> {
        let names: &[&str] = match name {
            "matthews" => &["matthews", "matthews_correlation", "mcc"],
            "accuracy" => &["accuracy", "acc"],
            "f1" => &["f1", "f1_score"],
            _ => &[name],
        };
        let found = names.iter().find_map(|name| self.columns.get(*name));
        found.map(Vec::as_slice).ok_or_else(|| {
            let known: Vec<&str> = self.columns.keys().map(String::as_str).collect();
            let what = format!("the table has no column for `{name}`; it has {}", known.join(", "));
            PublishedError::File { file: self.place.clone(), what }
        })
    }
}

/// All lines of a set of logs.
#[derive(Debug, Default)]
pub struct LineLogs {
    /// By the numbers of both models, the smaller one first; the line runs that way too.
    pairs: BTreeMap<(u64, u64), PublishedLine>,
    /// Names of files in which no line begins.
    pub without: Vec<String>,
    /// Pairs whose log ends before they are complete, and where they begin.
    pub broken_off: BTreeMap<(u64, u64), String>,
}

impl LineLogs {
    pub fn read(files: &[LogFile]) -> Result<Self, PublishedError> {
        let mut logs = Self::default();
        for file in files {
            let bytes =
                plain::read(&file.path).map_err(|source| PublishedError::Io { path: file.path.clone(), source })?;
            // A file that is not text, or in another encoding, may still be no log at all.
            logs.add(&file.name, &String::from_utf8_lossy(&bytes))?;
        }
        Ok(logs)
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), PublishedError> {
        let mut reader = Reader { file, logs: self, distances: BTreeMap::new(), open: None, any: false };
        for (at, line) in lines(text) {
            reader.line(at, line)?;
        }
        reader.give_up();
        if !reader.any {
            self.without.push(file.to_owned());
        }
        Ok(())
    }

    fn insert(&mut self, first: u64, second: u64, line: PublishedLine) -> Result<(), PublishedError> {
        let (key, line) = if first <= second { ((first, second), line) } else { ((second, first), line.reversed()) };
        if let Some(known) = self.pairs.get(&key) {
            let same = known.distance == line.distance && known.columns == line.columns;
            return match same {
                true => Ok(()),
                false => Err(PublishedError::Conflict {
                    what: format!("the line between {} and {}", key.0, key.1),
                    first: known.place.clone(),
                    second: line.place,
                }),
            };
        }
        self.pairs.insert(key, line);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The lines of these pairs, in their order and direction.
    ///
    /// # Errors
    /// Pairs that are missing, and lines of another number of points than the rest.
    pub fn of(&self, pairs: &[(u64, u64)]) -> Result<Vec<PublishedLine>, PublishedError> {
        let key = |(first, second): (u64, u64)| (first.min(second), first.max(second));
        let missing: Vec<&(u64, u64)> = pairs.iter().filter(|pair| !self.pairs.contains_key(&key(**pair))).collect();
        if !missing.is_empty() {
            let cut: Vec<&String> = missing.iter().filter_map(|pair| self.broken_off.get(&key(**pair))).collect();
            let hint = match cut.as_slice() {
                [] => String::new(),
                [place, ..] => format!("; {} of them break off in the logs, such as the one at {place}", cut.len()),
            };
            let shown = missing.iter().map(|(first, second)| format!("{first}-{second}"));
            return Err(PublishedError::Missing {
                what: "pairs",
                missing: missing.len(),
                wanted: pairs.len(),
                examples: examples(shown),
                hint,
            });
        }
        let mut lines: Vec<PublishedLine> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let line = self.pairs[&key(*pair)].clone();
            lines.push(if pair.0 <= pair.1 { line } else { line.reversed() });
        }
        if let [first, rest @ ..] = lines.as_slice()
            && let Some(other) = rest.iter().find(|line| line.points != first.points)
        {
            let what =
                format!("this line has {} points, and the one at {} has {}", other.points, first.place, first.points);
            return Err(PublishedError::File { file: other.place.clone(), what });
        }
        Ok(lines)
    }

    /// How many lines there are between other models than these.
    pub fn others(&self, models: &[u64]) -> usize {
        let models: BTreeSet<&u64> = models.iter().collect();
        self.pairs.keys().filter(|(first, second)| !(models.contains(first) && models.contains(second))).count()
    }
}

/// A line that is being read.
struct Open {
    first: u64,
    second: u64,
    starts: usize,
    /// Weights of both models in the last pair of brackets.
    weights: Option<[f64; 2]>,
    /// The weight of the first model at point 0, where it is given.
    first_weight: Option<f64>,
    columns: Vec<String>,
    rows: Vec<Vec<f64>>,
    state: Table,
}

#[derive(Clone, Copy, PartialEq)]
enum Table {
    Outside,
    Header,
    /// Dashes came, so a row must follow.
    Ruled,
    Rows,
}

struct Reader<'a> {
    file: &'a str,
    logs: &'a mut LineLogs,
    distances: BTreeMap<(u64, u64), f64>,
    open: Option<Open>,
    any: bool,
}

impl Reader<'_> {
    fn wrong<T>(&self, line: usize, what: impl Into<String>) -> Result<T, PublishedError> {
        Err(PublishedError::Line { file: self.file.to_owned(), line, what: what.into() })
    }

    fn line(&mut self, at: usize, text: &str) -> Result<(), PublishedError> {
        if let Some(rest) = text.strip_prefix("Euclidean distance between ") {
            self.any = true;
            let Some((names, distance)) = rest.rsplit_once(':') else {
                return self.wrong(at, "gives no distance");
            };
            let pair = self.pair(at, names, " and ")?;
            let distance = distance.trim();
            // A sentence's full stop follows the number.
            let parsed = distance.strip_suffix('.').unwrap_or(distance).parse::<f64>();
            match parsed.ok().filter(|distance| distance.is_finite() && *distance >= 0.0) {
                Some(distance) => self.distances.insert(pair, distance),
                None => return self.wrong(at, format!("gives `{}` as a distance", shown(distance))),
            };
            return Ok(());
        }
        if let Some(rest) = text.strip_prefix("Interpolating between ") {
            self.any = true;
            self.give_up();
            let names = rest.rsplit_once(" on ").map_or(rest, |(names, _)| names);
            let (first, second) = self.pair(at, names, " and ")?;
            self.open = Some(Open {
                first,
                second,
                starts: at,
                weights: None,
                first_weight: None,
                columns: Vec::new(),
                rows: Vec::new(),
                state: Table::Outside,
            });
            return Ok(());
        }
        if let Some(rest) = text.strip_prefix("Completed interpolation from ") {
            self.any = true;
            let pair = self.pair(at, rest, " to ")?;
            return self.complete(at, pair);
        }
        match self.open.take() {
            None => Ok(()),
            Some(mut open) => {
                let done = self.inside(at, text, &mut open);
                self.open = Some(open);
                done
            }
        }
    }

    fn pair(&self, at: usize, text: &str, between: &str) -> Result<(u64, u64), PublishedError> {
        let names = text.split_once(between);
        let numbers = names.and_then(|(first, second)| Some((number(first)?, number(second)?)));
        match numbers {
            Some(pair) => Ok(pair),
            None => self.wrong(at, format!("names no two models by number: `{}`", shown(text))),
        }
    }

    fn inside(&self, at: usize, text: &str, open: &mut Open) -> Result<(), PublishedError> {
        let tokens: Vec<&str> = text.split_whitespace().collect();
        let is_header = tokens.first() == Some(&"point_num");
        let is_rule = !tokens.is_empty() && tokens.iter().all(|token| token.bytes().all(|byte| byte == b'-'));
        let begins_row = tokens.first().is_some_and(|token| token.parse::<usize>().is_ok());
        match open.state {
            _ if is_header => {
                let columns: Vec<String> = tokens[1..].iter().map(|token| (*token).to_owned()).collect();
                if !open.columns.is_empty() && open.columns != columns {
                    return self.wrong(at, "names other columns than the tables before it");
                }
                if columns.is_empty() {
                    return self.wrong(at, "names no columns");
                }
                open.columns = columns;
                open.state = Table::Header;
            }
            Table::Header if is_rule => open.state = Table::Ruled,
            Table::Header => return self.wrong(at, "should be the dashes below the names of columns"),
            Table::Ruled if tokens.is_empty() => {}
            Table::Rows if tokens.is_empty() => open.state = Table::Outside,
            Table::Ruled => self.row(at, &tokens, open)?,
            Table::Rows if begins_row => self.row(at, &tokens, open)?,
            Table::Rows | Table::Outside => {
                open.state = Table::Outside;
                if let Some(weights) = weights(text) {
                    open.weights = Some(weights);
                }
            }
        }
        Ok(())
    }

    fn row(&self, at: usize, tokens: &[&str], open: &mut Open) -> Result<(), PublishedError> {
        if tokens.len() != open.columns.len() + 1 {
            let (found, expected) = (tokens.len(), open.columns.len() + 1);
            return self.wrong(at, format!("has {found} numbers, but the table has {expected} columns"));
        }
        let expected = open.rows.len();
        if tokens[0].parse::<usize>() != Ok(expected) {
            return self.wrong(at, format!("is point `{}`, but point {expected} should follow", shown(tokens[0])));
        }
        let mut row = Vec::with_capacity(open.columns.len());
        for (token, column) in tokens[1..].iter().zip(&open.columns) {
            match token.parse::<f64>().ok().filter(|value| value.is_finite()) {
                Some(value) => row.push(value),
                None => return self.wrong(at, format!("has `{}` as its {column}, which is no number", shown(token))),
            }
        }
        if expected == 0 {
            open.first_weight = open.weights.map(|[first, _]| first);
        }
        open.rows.push(row);
        open.state = Table::Rows;
        Ok(())
    }

    fn complete(&mut self, at: usize, (first, second): (u64, u64)) -> Result<(), PublishedError> {
        let Some(open) = self.open.take() else {
            return self.wrong(at, format!("ends a line between {first} and {second} that never began"));
        };
        if (open.first, open.second) != (first, second) {
            let what = format!("ends the line from {first} to {second}, but {} to {} began", open.first, open.second);
            return self.wrong(at, what);
        }
        if open.rows.len() < 3 {
            return self.wrong(at, format!("ends a line of {} points, and a barrier needs 3", open.rows.len()));
        }
        let distance = self.distances.get(&(first, second)).or_else(|| self.distances.get(&(second, first)));
        let Some(distance) = distance.copied() else {
            return self.wrong(
                open.starts,
                format!("begins the line from {first} to {second}, but no Euclidean distance stands before it"),
            );
        };
        let column = |column: usize| open.rows.iter().map(|row| row[column]).collect::<Vec<f64>>();
        let line = PublishedLine {
            distance,
            columns: open.columns.iter().enumerate().map(|(at, name)| (name.clone(), column(at))).collect(),
            points: open.rows.len(),
            place: format!("{} line {}", self.file, open.starts),
        };
        // Published logs begin at the second model, where the weight of the first is 0.
        let from_first = open.first_weight.is_some_and(|weight| weight > 0.5);
        self.logs.insert(first, second, if from_first { line } else { line.reversed() })
    }

    /// A line without an end: its job was stopped.
    fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            let key = (open.first.min(open.second), open.first.max(open.second));
            self.logs.broken_off.insert(key, format!("{} line {}", self.file, open.starts));
        }
    }
}

/// `[0.25, 0.75]`
fn weights(text: &str) -> Option<[f64; 2]> {
    let (first, second) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
    Some([first.trim().parse().ok()?, second.trim().parse().ok()?])
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(losses: &[f64]) -> String {
        let rows: String =
            losses.iter().enumerate().map(|(at, loss)| format!("{at:11}  {loss:8.4}    0.9000\n")).collect();
        format!("  point_num      loss  accuracy\n-----------  --------  --------\n{rows}")
    }

    fn log(first: &str, second: &str, losses: &[f64]) -> String {
        format!(
            "Euclidean distance between {first} and {second}: 13.5.\nInterpolating between {first} and {second} on qqp\n\
             [0.0, 1.0]\n{}Completed interpolation from {first} to {second}\n",
            table(losses)
        )
    }

    fn read(text: &str) -> Result<LineLogs, PublishedError> {
        let mut logs = LineLogs::default();
        logs.add("a.log", text).map(|()| logs)
    }

    fn losses(logs: &LineLogs, pair: (u64, u64)) -> Vec<f64> {
        logs.of(&[pair]).unwrap()[0].metric("loss").unwrap().to_vec()
    }

    #[test]
    fn rows_run_from_the_second_model_to_the_first() {
        let logs =
            read(&format!("loading …\n{}\n{}", log("07", "22", &[0.1, 0.5, 0.3]), log("31", "22", &[1.0, 2.0, 3.0])))
                .unwrap();
        assert_eq!(logs.len(), 2);
        assert_eq!(losses(&logs, (7, 22)), [0.3, 0.5, 0.1]);
        assert_eq!(losses(&logs, (22, 7)), [0.1, 0.5, 0.3]);
        assert_eq!(losses(&logs, (22, 31)), [1.0, 2.0, 3.0]);
        assert_eq!(logs.of(&[(7, 22)]).unwrap()[0].distance, 13.5);
        assert_eq!((logs.others(&[7, 22]), logs.others(&[7, 22, 31])), (1, 0));
    }

    #[test]
    fn weights_in_brackets_decide_the_direction() {
        let turned = log("7", "22", &[0.1, 0.5, 0.3]).replace("[0.0, 1.0]", "[1.0, 0.0]");
        assert_eq!(losses(&read(&turned).unwrap(), (7, 22)), [0.1, 0.5, 0.3]);
    }

    #[test]
    fn every_point_may_have_a_table_of_its_own_with_words_between() {
        let one = |point: usize, loss: f64| {
            let weight = point as f64 / 2.0;
            format!(
                "[{weight}, {}]\n100%|████| 16/16\n  point_num      loss\n-----------  --------\n{point:11}  {loss:8.4}\n",
                1.0 - weight
            )
        };
        let text = format!(
            "Euclidean distance between 1 and 2: 3.0.\nInterpolating between 1 and 2 on qqp\n{}{}{}Completed interpolation from 1 to 2\n",
            one(0, 0.1),
            one(1, 0.2),
            one(2, 0.4)
        );
        assert_eq!(losses(&read(&text).unwrap(), (1, 2)), [0.4, 0.2, 0.1]);
    }

    /// As a terminal's log has them, with everything between two pairs on one line.
    #[test]
    fn progress_bars_that_end_in_a_carriage_return_hide_nothing() {
        let bar = "\r  0%|          | 0/16\r100%|████| 16/16\r";
        let (one, two) = (log("7", "22", &[0.1, 0.5, 0.3]), log("7", "31", &[0.2, 0.6, 0.4]));
        let merged = format!("{bar}{one}{bar}{two}").replace("Interpolating", &format!("{bar}Interpolating"));
        for text in
            [&merged, &merged.replace('\n', "\r\n"), &merged.replace('\n', "\r\r\n"), &merged.replace('\n', "\r")]
        {
            let logs = read(text).unwrap();
            assert_eq!((losses(&logs, (7, 22)), losses(&logs, (7, 31))), (vec![0.3, 0.5, 0.1], vec![0.4, 0.6, 0.2]));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let good = log("7", "22", &[0.1, 0.5, 0.3]);
        let cases = [
            (good.replace(": 13.5.", ": x."), "a.log: line 1 gives `x.` as a distance"),
            (good.replace("13.5", "inf"), "line 1 gives"),
            (good.replace("0.5000", "oops"), "a.log: line 7 has `oops` as its loss, which is no number"),
            (good.replace("0.5000", "nan"), "line 7 has `nan`"),
            (good.replace("0.5000", ""), "line 7 has 2 numbers, but the table has 3 columns"),
            (good.replace("          1  ", "          2  "), "line 7 is point `2`, but point 1 should follow"),
            (good.replace("-----------  --------  --------\n", ""), "line 5 should be the dashes"),
            (good.replace("from 7 to 22", "from 7 to 23"), "line 9 ends the line from 7 to 23, but 7 to 22 began"),
            (good.replace("between 7 and 22", "between x and 22"), "line 1 names no two models"),
            (good.lines().skip(1).collect::<Vec<_>>().join("\n"), "line 1 begins the line from 7 to 22, but no"),
            ("Completed interpolation from 7 to 22".to_owned(), "line 1 ends a line between 7 and 22 that never began"),
            (log("7", "22", &[0.1, 0.2]), "ends a line of 2 points"),
        ];
        for (text, part) in cases {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn repeated_lines_must_agree() {
        let (once, turned) = (log("7", "22", &[0.1, 0.5, 0.3]), log("22", "7", &[0.3, 0.5, 0.1]));
        assert_eq!(read(&format!("{once}{turned}")).unwrap().len(), 1);
        let error = read(&format!("{once}{once}").replacen("0.5000", "0.6000", 1)).unwrap_err().to_string();
        assert_eq!(
            error,
            "the line between 7 and 22 is there twice with different numbers, in a.log line 2 and in a.log line 11: remove one of them"
        );
    }

    #[test]
    fn missing_pairs_are_named_and_so_is_where_one_breaks_off() {
        let cut = log("7", "31", &[0.1, 0.5, 0.3]).replace("Completed", "Killed");
        let logs = read(&format!("{}{cut}", log("7", "22", &[0.1, 0.5, 0.3]))).unwrap();
        let error = logs.of(&[(7, 22), (7, 31), (22, 31)]).unwrap_err().to_string();
        assert_eq!(
            error,
            "2 of 3 pairs are missing: 7-31, 22-31; 1 of them break off in the logs, such as the one at a.log line 11"
        );
        let mixed = read(&format!("{}{}", log("1", "2", &[0.1; 3]), log("1", "3", &[0.1; 4]))).unwrap();
        let error = mixed.of(&[(1, 2), (1, 3)]).unwrap_err().to_string();
        assert!(error.contains("this line has 4 points, and the one at a.log line 2 has 3"), "{error}");
    }

    #[test]
    fn files_without_lines_are_counted_and_metrics_go_by_their_own_names() {
        assert_eq!(read("Traceback\n").unwrap().without, ["a.log"]);
        let text = log("1", "2", &[0.1; 3]).replace("accuracy", "matthews_correlation");
        let logs = read(&text).unwrap();
        let line = &logs.of(&[(1, 2)]).unwrap()[0];
        assert_eq!(line.metric("matthews").unwrap(), [0.9; 3]);
        let error = line.metric("f1").unwrap_err().to_string();
        assert_eq!(error, "a.log line 2: the table has no column for `f1`; it has loss, matthews_correlation");
    }
}
